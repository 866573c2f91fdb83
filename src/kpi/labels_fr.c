/*
 * labels_fr.c: what a person reads about the metrics, in French. A name with a dot is one KPI's, a bare one
 * is shared.
 */
#include "postgres.h"

#include "kpi/catalogue.h"

const SmkLabel smk_labels_fr[] = {
	{"spend", "Dépenses marketing",
	 "dépenses marketing de la période ; NULL si aucune n'a jamais été reliée ni saisie"},
	{"leads", "Leads", "leads créés dans la période"},
	{"cost_per_lead.cost_per_lead", "Coût par lead",
	 "dépenses marketing de la période / leads créés dans celle-ci"},
	{"mqls", "Leads qualifiés marketing (MQL)",
	 "cohorte : leads créés dans la période devenus MQL à ce jour ; période : leads devenus MQL dans "
	 "celle-ci"},
	{"sqls", "Leads qualifiés commercialement (SQL)",
	 "cohorte : leads créés dans la période devenus SQL à ce jour ; période : leads devenus SQL dans "
	 "celle-ci"},
	{"customers", "Clients",
	 "cohorte : leads créés dans la période, gagnés ou ayant une opportunité gagnée à ce jour ; période : "
	 "leads gagnés dans celle-ci"},
	{"disqualified", "Leads disqualifiés",
	 "cohorte : leads créés dans la période et disqualifiés à ce jour ; période : leads disqualifiés dans "
	 "celle-ci"},
	{"mql_rate", "Taux de passage en MQL", "MQL / leads"},
	{"disqualified_rate", "Taux de disqualification", "leads disqualifiés / leads"},
	{"cost_per_mql", "Coût par MQL", "dépenses marketing / MQL"},
	{"cost_per_sql", "Coût par SQL", "dépenses marketing / SQL"},
	{"cost_per_customer", "Coût par client", "dépenses marketing / clients parmi les leads"},
	{"opportunities", "Opportunités",
	 "opportunités créées dans la période ; nouvelles affaires si le type est relié"},
	{"cost_per_opportunity.won", "Opportunités gagnées", "opportunités gagnées, à leur date de clôture"},
	{"cost_per_opportunity.cost_per_opportunity", "Coût par opportunité",
	 "dépenses marketing de la période / opportunités créées dans celle-ci"},
	{"cost_per_won", "Coût par opportunité gagnée",
	 "dépenses marketing de la période / opportunités gagnées dans celle-ci"},
	{"revenue", "Chiffre d'affaires",
	 "chiffre d'affaires de la période ; à défaut, montant des opportunités gagnées pendant celle-ci ; à "
	 "défaut "
	 "encore, chiffre d'affaires mensuel récurrent à sa clôture"},
	{"previous", "Chiffre d'affaires précédent",
	 "chiffre d'affaires de la période précédente ; pour une période en cours ou tronquée : de la même "
	 "partie "
	 "écoulée"},
	{"change", "Évolution du chiffre d'affaires", "chiffre d'affaires - chiffre d'affaires précédent"},
	{"change_rate", "Taux d'évolution",
	 "évolution / chiffre d'affaires précédent ; NULL si ce dernier n'est pas positif"},
	{"year_ago", "Chiffre d'affaires un an avant",
	 "chiffre d'affaires de la même période un an avant (semaines : 52 semaines avant), à durée égale"},
	{"year_over_year", "Évolution sur un an",
	 "(chiffre d'affaires - celui d'un an avant) / celui d'un an avant ; NULL si ce dernier n'est pas "
	 "positif"},
	{"trailing_12_months", "Chiffre d'affaires sur douze mois",
	 "chiffre d'affaires des douze mois jusqu'à la fin de la période"},
	{"customer_acquisition_cost.spend", "Dépenses",
	 "dépenses de la période : toutes, ou du genre indiqué par spend_kind ; NULL si aucune n'a jamais été "
	 "raccordée ni saisie"},
	{"new_customers", "Nouveaux clients",
	 "clients dont le tout premier abonnement, gain ou chiffre d'affaires (ou customer_since) tombe dans la "
	 "période"},
	{"customer_acquisition_cost.customer_acquisition_cost", "Coût d'acquisition client",
	 "dépenses de la période / nouveaux clients de celle-ci"},
	{"spend_marketing", "Dépenses marketing", "dépenses marketing de la période"},
	{"spend_sales", "Dépenses commerciales", "dépenses commerciales de la période"},
	{"paid_acquisition_cost", "Coût d'acquisition payant",
	 "dépenses marketing / nouveaux clients des canaux qui ont eu des dépenses pendant la période"},
	{"revenue_per_customer", "Chiffre d'affaires mensuel par client",
	 "revenu récurrent des nouveaux clients à leur début, ou un douzième de ce qu'ils ont payé pendant leurs "
	 "douze premiers mois, / nouveaux clients ; NULL tant que ceux-ci ne sont pas écoulés"},
	{"payback_months", "Retour sur investissement en mois",
	 "coût d'acquisition client / (chiffre d'affaires mensuel par client x marge)"},
	{"sals", "Leads acceptés par les ventes (SAL)",
	 "cohorte : leads créés dans la période devenus SAL à ce jour ; période : leads devenus SAL dans "
	 "celle-ci"},
	{"sales_qualified_leads.opportunities", "Leads avec opportunité",
	 "cohorte : leads créés dans la période devenus une opportunité à ce jour ; période : leads devenus une "
	 "opportunité dans celle-ci"},
	{"sales_qualified_leads.won", "Leads gagnés",
	 "cohorte : leads créés dans la période, gagnés ou ayant une opportunité gagnée à ce jour ; période : "
	 "leads gagnés dans celle-ci"},
	{"lead_to_mql_rate", "Taux de passage de lead à MQL", "MQL / leads"},
	{"mql_to_sal_rate", "Taux de passage de MQL à SAL", "SAL / MQL"},
	{"sal_to_sql_rate", "Taux de passage de SAL à SQL", "SQL / SAL"},
	{"mql_to_sql_rate", "Taux de passage de MQL à SQL", "SQL / MQL"},
	{"sql_to_opportunity_rate", "Taux de passage de SQL à opportunité", "leads avec opportunité / SQL"},
	{"opportunity_to_won_rate", "Taux de réussite des leads avec opportunité",
	 "leads gagnés / leads avec opportunité"},
	{"lead_to_won_rate", "Taux de passage de lead à client", "leads gagnés / leads"},
	{"median_hours_to_mql", "Heures médianes jusqu'au MQL",
	 "heures médianes de la création du lead à son passage en MQL"},
	{"median_hours_to_sql", "Heures médianes jusqu'au SQL",
	 "heures médianes de la création du lead à son passage en SQL"},
	{"median_hours_to_won", "Heures médianes jusqu'au gain",
	 "heures médianes de la création du lead à son gain"},
	{"skipped_mqls", "MQL sautés",
	 "parmi les MQL, ceux qui ont atteint une étape ultérieure sans jamais avoir été MQL eux-mêmes"},
	{"goal", "Objectif", "les objectifs qui couvrent la période, au prorata des jours locaux"},
	{"attainment", "Atteinte de l'objectif", "chiffre d'affaires / objectif"},
	{"created", "Opportunités créées", "opportunités créées dans la période"},
	{"closed", "Opportunités closes",
	 "gagnées et perdues ; base clôture : closes dans la période ; base création : créées dans celle-ci et "
	 "closes à ce jour"},
	{"won", "Opportunités gagnées",
	 "base clôture : gagnées dans la période ; base création : créées dans celle-ci et gagnées à ce jour"},
	{"lost", "Opportunités perdues",
	 "base clôture : perdues dans la période ; base création : créées dans celle-ci et perdues à ce jour"},
	{"open", "Opportunités en cours",
	 "base clôture : en cours à la fin de la période, ou maintenant ; base création : créées dans celle-ci "
	 "et encore en cours"},
	{"win_rate", "Taux de réussite", "gagnées / closes, en nombre"},
	{"win_rate_low", "Taux de réussite, borne basse",
	 "borne basse de l'intervalle de Wilson à 95 % de gagnées / closes"},
	{"win_rate_high", "Taux de réussite, borne haute",
	 "borne haute de l'intervalle de Wilson à 95 % de gagnées / closes"},
	{"amount_won", "Montant gagné", "montant des opportunités gagnées"},
	{"amount_lost", "Montant perdu", "montant des opportunités perdues"},
	{"amount_win_rate", "Taux de réussite en montant", "montant gagné / montant clos"},
	{"average_won", "Montant gagné moyen", "montant gagné / opportunités gagnées qui ont un montant"},
	{"opportunities_per_won", "Opportunités par réussite", "opportunités créées / gagnées"},
	{"median_cycle_hours", "Cycle de vente médian",
	 "heures médianes de la création à la clôture des opportunités gagnées"},
	{"velocity_per_day", "Vélocité commerciale par jour",
	 "closes x taux de réussite x montant gagné moyen / cycle médian en jours"},
	{"open_overdue", "Opportunités en retard",
	 "opportunités en cours dont la clôture prévue est passée à la fin de la période, ou maintenant"},
	{NULL, NULL, NULL}};
