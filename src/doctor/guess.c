/*
 * guess.c: what names of a CRM are likely to mean, as data. Another CRM's spelling is one more word.
 */
#include "postgres.h"

#include "doctor/guess.h"
#include "doctor/unmatched.h"

/*
 * What a label says, and what it means: parts, separated by +, that all stand in it, in small letters without
 * accents; a blank stands for the edge of a word. The first one found counts.
 */
typedef struct Word
{
	const char *part;
	const char *meaning;
} Word;

/* English, French, German, Spanish, Italian. */
static const Word stage_words[] = {{"deleted stage ", "opportunity"}, /* so a preset names it, and says */
								   {" not yet ", "lead"},
								   {" noch nicht ", "lead"},
								   {" pas encore ", "lead"},
								   {" aun no ", "lead"},
								   {" todavia no ", "lead"},
								   {" non ancora ", "lead"},
								   {" former +customer", "churned"},
								   {" former +client", "churned"},
								   {" ancien +client", "churned"},
								   {" ehemalig+kunde", "churned"},
								   {" antiguo +cliente", "churned"},
								   {" ex +client", "churned"},
								   {"unqualif", "disqualified"},
								   {"disqualif", "disqualified"},
								   {"squalific", "disqualified"},
								   {"descalific", "disqualified"},
								   {" non +qualif", "disqualified"},
								   {" not +qualif", "disqualified"},
								   {" nicht +qualif", "disqualified"},
								   {" kein +qualif", "disqualified"},
								   {" no +calific", "disqualified"},
								   {" no +cualific", "disqualified"},
								   {" non +accept", "disqualified"},
								   {" not +accept", "disqualified"},
								   {" nicht +akzept", "disqualified"},
								   {" no +acept", "disqualified"},
								   {" non +accett", "disqualified"},
								   {" not +interest", "disqualified"},
								   {" pas +interess", "disqualified"},
								   {" kein +interess", "disqualified"},
								   {" no +interes", "disqualified"},
								   {" non +interess", "disqualified"},
								   {"junk", "disqualified"},
								   {"spam", "disqualified"},
								   {"invalid", "disqualified"},
								   {"ungultig", "disqualified"},
								   {"duplic", "disqualified"},
								   {"duplik", "disqualified"},
								   {"doublon", "disqualified"},
								   {"doppelt", "disqualified"},
								   {"reject", "disqualified"},
								   {"rejet", "disqualified"},
								   {" refus", "disqualified"},
								   {"rechaz", "disqualified"},
								   {"rifiut", "disqualified"},
								   {"scartat", "disqualified"},
								   {"descart", "disqualified"},
								   {" ecarte", "disqualified"},
								   {"abgelehnt", "disqualified"},
								   {"abgewiesen", "disqualified"},
								   {"ausgeschlossen", "disqualified"},
								   {"aussortiert", "disqualified"},
								   {"recycl", "recycled"},
								   {"recicl", "recycled"},
								   {"ricicl", "recycled"},
								   {"nurtur", "recycled"},
								   {"wiedervorlage", "recycled"},
								   {" a relancer", "recycled"},
								   {"churn", "churned"},
								   {"resilie", "churned"},
								   {"gekundigt", "churned"},
								   {" de baja", "churned"},
								   {"disdett", "churned"},
								   {" lost", "lost"},
								   {"perdu", "lost"},
								   {"verloren", "lost"},
								   {"perdid", "lost"},
								   {" perso ", "lost"},
								   {" persa ", "lost"},
								   {" persi ", "lost"},
								   {" perse ", "lost"},
								   {"cancel", "lost"},
								   {"annul", "lost"},
								   {"storniert", "lost"},
								   {"abgesagt", "lost"},
								   {"client+potenti", "lead"},
								   {"customer+potenti", "lead"},
								   {"client+potenc", "lead"},
								   {"client+potenz", "lead"},
								   {"kunde+potenz", "lead"},
								   {"kunde+potent", "lead"},
								   {" a qualif", "lead"},
								   {" to qualif", "lead"},
								   {" zu qualif", "lead"},
								   {" por calific", "lead"},
								   {" por cualific", "lead"},
								   {" da qualif", "lead"},
								   {" won", "won"},
								   {"gagn", "won"},
								   {"gewonnen", "won"},
								   {"ganad", "won"},
								   {" vint", "won"},
								   {"customer", "won"},
								   {" client", "won"},
								   {" kunde", "won"},
								   {"signed", "won"},
								   {" signe", "won"},
								   {"unterschrieben", "won"},
								   {"firmad", "won"},
								   {"firmat", "won"},
								   {"marketing+qualif", "mql"},
								   {"marketing+calific", "mql"},
								   {"marketing+cualific", "mql"},
								   {"mql", "mql"},
								   {"accept", "sal"},
								   {" acept", "sal"},
								   {"accett", "sal"},
								   {"akzept", "sal"},
								   {"angenommen", "sal"},
								   {" sal ", "sal"},
								   {"sales qual", "sql"},
								   {" sql ", "sql"},
								   {"convert", "opportunity"},
								   {"konvert", "opportunity"},
								   {"opportunit", "opportunity"},
								   {"oportunid", "opportunity"},
								   {"verkaufschance", "opportunity"},
								   {"propos", "opportunity"},
								   {"propuest", "opportunity"},
								   {"angebot", "opportunity"},
								   {" offre", "opportunity"},
								   {" offert", "opportunity"},
								   {" ofert", "opportunity"},
								   {"preventiv", "opportunity"},
								   {" devis", "opportunity"},
								   {"presupuest", "opportunity"},
								   {"cotiza", "opportunity"},
								   {"negoti", "opportunity"},
								   {"negoci", "opportunity"},
								   {"verhandl", "opportunity"},
								   {"trattativ", "opportunity"},
								   {" quot", "opportunity"},
								   {" demo", "opportunity"},
								   {"vorfuhr", "opportunity"},
								   {"discovery", "opportunity"},
								   {"contract", "opportunity"},
								   {"contrat", "opportunity"},
								   {"vertrag", "opportunity"},
								   {"qualif", "sql"},
								   {"calific", "sql"},
								   {"cualific", "sql"},
								   {"visit", "visitor"},
								   {"besuch", "visitor"},
								   {"subscriber", "visitor"},
								   {" abonn", "visitor"},
								   {"suscript", "visitor"},
								   {"iscritt", "visitor"},
								   {"anonym", "visitor"},
								   {"anonim", "visitor"},
								   {" new ", "lead"},
								   {" neu", "lead"},
								   {" nouve", "lead"},
								   {" nuev", "lead"},
								   {" nuov", "lead"},
								   {" open", "lead"},
								   {" ouvert", "lead"},
								   {" offen", "lead"},
								   {" abiert", "lead"},
								   {" apert", "lead"},
								   {"working", "lead"},
								   {" en cours", "lead"},
								   {" in arbeit", "lead"},
								   {" in bearbeitung", "lead"},
								   {" en curso", "lead"},
								   {" in corso", "lead"},
								   {"contact", "lead"},
								   {"kontakt", "lead"},
								   {" contatt", "lead"},
								   {" lead", "lead"},
								   {" prospect", "lead"},
								   {"interess", "lead"},
								   {" assign", "lead"},
								   {" zugewiesen", "lead"},
								   {" inquir", "lead"},
								   {" enquir", "lead"},
								   {" anfrage", "lead"},
								   {" a traiter", "lead"}};

static const Word opportunity_kinds[] = {{"renew", "renewal"},
										 {"renouvel", "renewal"},
										 {"reconduc", "renewal"},
										 {"renovac", "renewal"},
										 {"rinnov", "renewal"},
										 {"verlanger", "renewal"},
										 {"prolong", "renewal"},
										 {"cross", "cross_sell"},
										 {"croise", "cross_sell"},
										 {"cruzad", "cross_sell"},
										 {"incrociat", "cross_sell"},
										 {"up sell", "upsell"},
										 {"upsell", "upsell"},
										 {"upgrade", "upsell"},
										 {"expan", "upsell"},
										 {"existing", "upsell"},
										 {"add on", "upsell"},
										 {"montee en gamme", "upsell"},
										 {"extension", "upsell"},
										 {"avenant", "upsell"},
										 {"erweiter", "upsell"},
										 {"bestandskund", "upsell"},
										 {"ampliac", "upsell"},
										 {"estension", "upsell"},
										 {"espansion", "upsell"},
										 {" new", "new"},
										 {" neu", "new"},
										 {" nouve", "new"},
										 {" nuev", "new"},
										 {" nuov", "new"},
										 {"acqui", "new"},
										 {"akqui", "new"},
										 {"first", "new"}};

static const Word spend_kinds[] = {{"market", "marketing"},
								   {"sales", "sales"},
								   {"salar", "sales"},
								   {"salair", "sales"},
								   {"gehalt", "sales"},
								   {"payroll", "sales"},
								   {" wage", "sales"},
								   {"sueldo", "sales"},
								   {"stipend", "sales"},
								   {"commission", "sales"},
								   {"provision", "sales"},
								   {"comision", "sales"},
								   {"provvigion", "sales"},
								   {"vertrieb", "sales"},
								   {"vente", "sales"},
								   {"venta", "sales"},
								   {"vendit", "sales"},
								   {"commercia", "sales"},
								   {"comercial", "sales"},
								   {" sdr", "sales"},
								   {" bdr", "sales"},
								   {" ad ", "marketing"},
								   {" ads", "marketing"},
								   {"advert", "marketing"},
								   {"adwords", "marketing"},
								   {"publici", "marketing"},
								   {"pubblici", "marketing"},
								   {"werb", "marketing"},
								   {"anzeige", "marketing"},
								   {"media", "marketing"},
								   {"campaign", "marketing"},
								   {"campagn", "marketing"},
								   {"kampagne", "marketing"},
								   {"campana", "marketing"},
								   {"event", "marketing"},
								   {"evenement", "marketing"},
								   {"veranstaltung", "marketing"},
								   {"trade show", "marketing"},
								   {" messe", "marketing"},
								   {" salon", "marketing"},
								   {"webinar", "marketing"},
								   {"sponsor", "marketing"},
								   {"content", "marketing"},
								   {"contenu", "marketing"},
								   {"newsletter", "marketing"},
								   {"mailing", "marketing"},
								   {" seo", "marketing"},
								   {" sea ", "marketing"},
								   {" sem ", "marketing"},
								   {" ppc", "marketing"},
								   {"google", "marketing"},
								   {"facebook", "marketing"},
								   {"linkedin", "marketing"},
								   {"affiliat", "marketing"},
								   {"display", "marketing"}};

/* True where all parts stand in a label in its plain form. */
static bool
has_parts(const char *plain, const char *parts)
{
	for (;;)
	{
		size_t length = strcspn(parts, "+");

		if (strstr(plain, pnstrdup(parts, length)) == NULL)
			return false;
		if (parts[length] == '\0')
			return true;
		parts += length + 1;
	}
}

static const char *
first_meaning(const Word *words, size_t count, const char *label)
{
	char *plain = smk_label_plain(label, true);

	for (size_t i = 0; i < count; i++)
		if (has_parts(plain, words[i].part))
			return words[i].meaning;
	return NULL;
}

/* Words after which a label says what is not so. */
static const char *const negations[] = {" non ",	 " not ",	 " no ",	  " nicht ",  " kein", " nie ",
										" pas ",	 " jamais ", " never ",	  " nunca ",  " mai ", " sans ",
										" without ", " won t ",	 " wont ",	  " ohne ",	  " sin ", " senza ",
										" ancien",	 " former",	 " ehemalig", " antiguo", " ex "};

/* True where a label says what is not so. */
static bool
has_negation(const char *label)
{
	char *plain = smk_label_plain(label, true);

	for (size_t i = 0; i < lengthof(negations); i++)
		if (has_parts(plain, negations[i]))
			return true;
	return false;
}

/* True where a stage that a lead reached, or a loss, is guessed of a label that denies it. */
static bool
is_denied(const char *label, const char *stage)
{
	static const char *const reached[] = {"mql", "sal", "sql", "opportunity", "won", "lost"};

	for (size_t i = 0; i < lengthof(reached); i++)
		if (strcmp(stage, reached[i]) == 0)
			return has_negation(label);
	return false;
}

/* The funnel stage that a label of an entity's stage column is likely to mean; NULL where its words tell
 * none. Whatever it is called, what stands in an opportunity's column is an opportunity. */
const char *
smk_guess_stage(const char *entity, const char *label)
{
	static const char *const of_leads[] = {"lead", "mql", "sal", "sql", "visitor"};
	bool is_opportunity = strcmp(entity, "opportunity") == 0;
	const char *stage = first_meaning(stage_words, lengthof(stage_words), label);

	if (stage == NULL || is_denied(label, stage))
		return is_opportunity ? "opportunity" : NULL;
	for (size_t i = 0; i < lengthof(of_leads); i++)
		if (is_opportunity && strcmp(stage, of_leads[i]) == 0)
			return "opportunity";
	return stage;
}

/* The kind that a label of an entity's kind column is likely to mean; NULL where its words tell none. */
const char *
smk_guess_kind(const char *entity, const char *label)
{
	if (has_negation(label))
		return NULL;
	return strcmp(entity, "spend") == 0
			   ? first_meaning(spend_kinds, lengthof(spend_kinds), label)
			   : first_meaning(opportunity_kinds, lengthof(opportunity_kinds), label);
}

const SmkSpelling smk_spellings[] = {
	{"lead",
	 NULL,
	 {"lead", "leads", "crm_lead", "contact", "contacts", "prospect", "prospects", "person", "people"}},
	{"opportunity",
	 NULL,
	 {"opportunity", "opportunities", "crm_opportunity", "deal", "deals", "sale_opportunity", "crm_lead"}},
	{"spend",
	 NULL,
	 {"spend", "ad_spend", "ad_cost", "ad_costs", "ads_spend", "marketing_spend", "marketing_cost",
	  "marketing_costs", "campaign_cost", "campaign_costs", "ad_reporting__campaign_report", "cost",
	  "costs"}},
	{"stage_change",
	 NULL,
	 {"stage_change", "stage_changes", "stage_history", "phase_history", "opportunity_history", "deal_stage",
	  "lead_history", "status_history", "crm_status_change_log"}},
	{"revenue", NULL, {"revenue", "revenues", "invoice", "invoices", "payment", "payments", "account_move"}},
	{"subscription", NULL, {"subscription", "subscriptions", "contract", "contracts", "sale_subscription"}},
	{"touch",
	 NULL,
	 {"touch", "touches", "touchpoint", "touchpoints", "campaign_member", "campaign_log_record", "web_visit",
	  "web_visits", "visit", "visits"}},
	{"activity",
	 NULL,
	 {"activity", "activities", "task", "tasks", "call", "calls", "engagement", "engagements"}},
	{"account",
	 NULL,
	 {"account", "accounts", "company", "companies", "customer", "customers", "organization", "organizations",
	  "res_partner"}},
	{"owner",
	 NULL,
	 {"owner", "owners", "rep", "reps", "sales_rep", "sales_reps", "salesperson", "user", "users",
	  "employee"}},
	{"goal", NULL, {"goal", "goals", "quota", "quotas", "target", "targets"}},
	{"exchange_rate",
	 NULL,
	 {"exchange_rate", "exchange_rates", "fx", "fx_rate", "fx_rates", "currency_rate", "currency_rates",
	  "res_currency_rate"}},

	{NULL,
	 "created_at",
	 {"created_at", "created_on", "created_date", "createdate", "create_date", "date_created", "created",
	  "createdAt", "CreatedDate", "opened_on", "opened_at", "start_date", "inserted_at"}},
	{"lead", "lead_id", {"lead_id", "id", "Id", "sfid", "contact_id", "person_id", "prospect_id"}},
	{NULL, "lead_id", {"lead_id", "leadId", "contact_id", "contactId", "person_id", "prospect_id", "LeadId"}},
	{"opportunity", "opportunity_id", {"opportunity_id", "id", "Id", "sfid", "deal_id"}},
	{NULL, "opportunity_id", {"opportunity_id", "opportunityId", "deal_id", "dealId", "OpportunityId"}},
	{"account", "account_id", {"account_id", "id", "Id", "sfid", "company_id", "customer_id"}},
	{NULL,
	 "account_id",
	 {"account_id", "accountId", "company_id", "companyId", "customer_id", "partner_id", "organization_id",
	  "AccountId"}},
	{"owner", "owner", {"owner", "id", "Id", "owner_id", "rep_id", "user_id", "name"}},
	{NULL,
	 "owner",
	 {"owner", "owner_id", "ownerId", "OwnerId", "rep_id", "rep", "sales_rep", "salesperson", "user_id",
	  "assigned_user_id"}},
	{NULL, "label", {"label", "name", "full_name", "title", "Name", "email"}},
	{"owner", "team", {"team", "team_name", "department"}},
	{NULL, "manager", {"manager"}},
	{NULL, "is_active", {"is_active", "active", "isActive", "IsActive", "enabled"}},
	{NULL, "stage", {"stage", "status", "stage_name", "stagename", "StageName", "Status", "phase", "state"}},
	{NULL, "pipeline", {"pipeline", "pipeline_name"}},
	{NULL, "mql_at", {"mql_at", "mql_on", "mql_date", "became_mql_at"}},
	{NULL, "sal_at", {"sal_at", "accepted_at", "accepted_on", "sal_on", "sal_date"}},
	{NULL, "sql_at", {"sql_at", "sql_on", "sql_date", "qualified_at", "became_sql_at"}},
	{NULL, "assigned_at", {"assigned_at", "assigned_on"}},
	{NULL, "score", {"score", "lead_score"}},
	{NULL,
	 "channel",
	 {"channel", "source", "lead_source", "LeadSource", "utm_source", "source_platform", "platform",
	  "marketing_channel", "medium"}},
	{NULL, "campaign", {"campaign", "campaign_name", "utm_campaign"}},
	{NULL, "segment", {"segment", "industry", "size_band"}},
	{NULL, "disqualified_at", {"disqualified_at", "disqualified_on"}},
	{"spend", "amount", {"amount", "cost", "spend", "cost_eur", "cost_usd", "actual_cost", "costs"}},
	{"subscription", "amount", {"amount", "mrr", "monthly_amount", "monthly", "recurring_revenue_monthly"}},
	{NULL,
	 "amount",
	 {"amount", "value", "Amount", "expected_revenue", "amount_untaxed_signed", "total", "net_amount",
	  "deal_value", "revenue"}},
	{NULL, "currency", {"currency", "currency_code", "currency_iso_code"}},
	{"opportunity",
	 "closed_at",
	 {"closed_at", "closed_on", "date_closed", "close_date", "closedAt", "CloseDate", "closed"}},
	{"opportunity", "won", {"won", "is_won", "isWon", "IsWon"}},
	{"opportunity",
	 "expected_close_at",
	 {"expected_close_at", "expected_close", "expected_close_date", "date_deadline"}},
	{"opportunity", "kind", {"kind", "deal_type", "type", "opportunity_type"}},
	{"spend", "kind", {"kind", "cost_type", "spend_type"}},
	{NULL, "kind", {"kind", "type", "activity_type"}},
	{NULL, "product", {"product", "product_name", "plan"}},
	{"spend", "at", {"at", "day", "date", "date_day", "spent_on", "spend_date", "on_date"}},
	{"stage_change", "at", {"at", "changed_at", "changed_on", "created_at", "created_date", "date_entered"}},
	{"touch",
	 "at",
	 {"at", "visited_at", "touched_at", "happened_at", "occurred_at", "created_at", "created_date"}},
	{"activity", "at", {"at", "happened_at", "done_at", "completed_at", "occurred_at", "created_at"}},
	{"revenue",
	 "at",
	 {"at", "issued_on", "issued_at", "invoice_date", "invoiced_on", "paid_at", "paid_on", "date"}},
	{"exchange_rate", "at", {"at", "day", "date", "name", "valid_from"}},
	{"exchange_rate", "rate", {"rate"}},
	{"spend", "ends_at", {"ends_at", "period_end", "end_date", "ends_on"}},
	{"subscription",
	 "starts_at",
	 {"starts_at", "start_on", "starts_on", "start_date", "started_at", "started_on"}},
	{"subscription", "ends_at", {"ends_at", "end_on", "ends_on", "end_date", "ended_at", "cancelled_at"}},
	{"account", "is_target", {"is_target", "is_target_account"}},
	{"account", "customer_since", {"customer_since"}},
	{"goal", "metric", {"metric", "kpi"}},
	{"goal", "starts_on", {"starts_on", "starts_at", "month", "start_date", "day"}},
	{"goal", "period", {"period"}},
	{"goal", "value", {"value", "goal", "quota", "target"}}};

const int smk_spelling_count = lengthof(smk_spellings);
