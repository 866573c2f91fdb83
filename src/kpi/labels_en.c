/*
 * labels_en.c: what a person reads about the metrics, in English. A name with a dot is one KPI's, a bare one
 * is shared.
 */
#include "postgres.h"

#include "kpi/catalogue.h"

const SmkLabel smk_labels_en[] = {
	{"spend", "Marketing spend", "marketing spend of the period; NULL where none was ever bound or entered"},
	{"leads", "Leads", "leads created in the period"},
	{"cost_per_lead.cost_per_lead", "Cost per lead", "marketing spend of the period / leads created in it"},
	{"mqls", "Marketing qualified leads",
	 "cohort: leads created in the period that became MQL by now; period: leads that became MQL in it"},
	{"sqls", "Sales qualified leads",
	 "cohort: leads created in the period that became SQL by now; period: leads that became SQL in it"},
	{"customers", "Customers",
	 "cohort: leads created in the period whose stage is won or that have a won opportunity by now; period: "
	 "leads won in it"},
	{"disqualified", "Disqualified leads",
	 "cohort: leads created in the period that were disqualified by now; period: leads disqualified in it"},
	{"mql_rate", "Lead to MQL rate", "MQLs / leads"},
	{"disqualified_rate", "Disqualified rate", "disqualified leads / leads"},
	{"cost_per_mql", "Cost per MQL", "marketing spend / MQLs"},
	{"cost_per_sql", "Cost per SQL", "marketing spend / SQLs"},
	{"cost_per_customer", "Cost per customer", "marketing spend / customers among the leads"},
	{"opportunities", "Opportunities",
	 "opportunities created in the period; new business where the kind is bound"},
	{"cost_per_opportunity.won", "Opportunities won", "opportunities won, by their closing time"},
	{"cost_per_opportunity.cost_per_opportunity", "Cost per opportunity",
	 "marketing spend of the period / opportunities created in it"},
	{"cost_per_won", "Cost per opportunity won", "marketing spend of the period / opportunities won in it"},
	{"created", "Opportunities created", "opportunities created in the period"},
	{"closed", "Opportunities closed",
	 "won and lost; closed basis: closed in the period; created basis: created in it and closed by now"},
	{"won", "Opportunities won",
	 "closed basis: won in the period; created basis: created in it and won by now"},
	{"lost", "Opportunities lost",
	 "closed basis: lost in the period; created basis: created in it and lost by now"},
	{"open", "Open opportunities",
	 "closed basis: open at the end of the period, or now; created basis: created in it and still open"},
	{"win_rate", "Win rate", "won / closed, by number"},
	{"win_rate_low", "Win rate, lower limit", "lower limit of the 95 % Wilson interval of won / closed"},
	{"win_rate_high", "Win rate, upper limit", "upper limit of the 95 % Wilson interval of won / closed"},
	{"amount_won", "Amount won", "amount of the opportunities won"},
	{"amount_lost", "Amount lost", "amount of the opportunities lost"},
	{"amount_win_rate", "Win rate by amount", "amount won / amount closed"},
	{"average_won", "Average amount won", "amount won / won opportunities that have an amount"},
	{"opportunities_per_won", "Opportunities per win", "opportunities created / won"},
	{"median_cycle_hours", "Median sales cycle",
	 "median hours from creation to closing of the opportunities won"},
	{"velocity_per_day", "Sales velocity per day",
	 "closed x win rate x average amount won / median cycle in days"},
	{"open_overdue", "Overdue opportunities",
	 "open opportunities whose expected closing has passed at the end of the period, or now"},
	{NULL, NULL, NULL}};
