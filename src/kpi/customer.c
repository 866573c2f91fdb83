/*
 * customer.c: customers as one more entity, made of what is bound. The setting customer_basis says what makes
 * a customer; it is new at account.customer_since where there is one, else at its first subscription, won
 * opportunity or revenue ever, whatever the range. It came by its first won opportunity, else by its first
 * lead.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "lib/stringinfo.h"
#include "utils/builtins.h"

#include "kpi/customer.h"
#include "kpi/dimension.h"
#include "kpi/measure.h"
#include "kpi/source.h"

/* What is known of every customer. */
#define CUSTOMER_COLUMNS                                                                                     \
	{"account_id", SMK_TYPE_KEY, false, false}, {"opportunity_id", SMK_TYPE_KEY, false, false},              \
		{"lead_id", SMK_TYPE_KEY, false, false}, {"at", SMK_TYPE_TIME, true, false},                         \
		{"lead_channel", SMK_TYPE_TEXT, false, false}, {"lead_campaign", SMK_TYPE_TEXT, false, false},       \
		{"lead_owner", SMK_TYPE_KEY, false, false},                                                          \
	{                                                                                                        \
		"lead_segment", SMK_TYPE_TEXT, false, false                                                          \
	}

static const SmkEntityColumn customer_columns[] = {CUSTOMER_COLUMNS, {NULL, SMK_TYPE_TEXT, false, false}};

static const SmkEntity customer_entity = {"customer", customer_columns, "account_id", {NULL, NULL}, false};

/* The same with what each customer paid: a row a payment. */
static const SmkEntityColumn customer_revenue_columns[] = {CUSTOMER_COLUMNS,
														   {"amount", SMK_TYPE_NUMBER, true, false},
														   {"currency", SMK_TYPE_TEXT, false, false},
														   {"paid_at", SMK_TYPE_TIME, true, false},
														   {NULL, SMK_TYPE_TEXT, false, false}};

static const SmkEntity customer_revenue_entity = {
	"customer", customer_revenue_columns, "account_id", {NULL, NULL}, false};

/* What each customer pays, whenever it was: a row a payment, or a subscription, which recurs. */
static const SmkEntityColumn customer_payment_columns[] = {CUSTOMER_COLUMNS,
														   {"amount", SMK_TYPE_NUMBER, true, false},
														   {"currency", SMK_TYPE_TEXT, false, false},
														   {"ends_at", SMK_TYPE_TIME, true, false},
														   {"product", SMK_TYPE_TEXT, false, false},
														   {NULL, SMK_TYPE_TEXT, false, false}};

static const SmkEntity customer_payment_entity = {
	"customer", customer_payment_columns, "account_id", {NULL, NULL}, false};

/* The column of the entity that dates a customer of that basis. */
static const char *
basis_time(const char *basis)
{
	if (strcmp(basis, "subscription") == 0)
		return "starts_at";
	return strcmp(basis, "opportunity") == 0 ? "closed_at" : "at";
}

/* True where the column is one of the entity's, and bound. */
static bool
has_column(const SmkBinding *binding, const char *column)
{
	int position = binding ? smk_entity_column(binding->entity, column) : -1;

	return position >= 0 && binding->columns[position].text != NULL;
}

/* The basis of the setting; auto: the first one that is bound. NULL where none is. */
static const char *
customer_basis(const SmkRequest *request)
{
	static const char *const bases[] = {"subscription", "opportunity", "revenue"};

	for (size_t i = 0; i < lengthof(bases); i++)
	{
		const char *needed = strcmp(bases[i], "opportunity") == 0 ? "won" : basis_time(bases[i]);

		if (strcmp(request->config->customer_basis, bases[i]) == 0 ||
			strcmp(request->config->customer_basis, "auto") == 0)
			if (smk_source_with(request->config, bases[i], needed) != NULL)
				return bases[i];
	}
	return NULL;
}

/* The type of a key column as it is compared. */
static Oid
key_type(const SmkBinding *binding, const char *column)
{
	return smk_source_key_type(binding, smk_entity_column(binding->entity, column));
}

/* SQL for a key under the type that all sources of it can have. */
static char *
key_as(const SmkBinding *binding, const char *reference, const char *column, Oid type)
{
	return psprintf(key_type(binding, column) == type ? "%s" : "%s::text", reference);
}

/* A source with these columns (the last is NULL) under its entity's name. */
static char *
source_of(const SmkBinding *binding, const char *const *columns)
{
	bool needed[SMK_MAX_COLUMNS] = {false};

	for (int i = 0; columns[i] != NULL; i++)
		if (has_column(binding, columns[i]))
			needed[smk_entity_column(binding->entity, columns[i])] = true;
	return psprintf(
		"%s AS %s",
		smk_sql_indent(smk_source_select(binding, needed, NIL, binding->entity - smk_entities, NULL), 5),
		binding->entity->name);
}

/* SQL for a time column of a source as an instant. */
static char *
instant_of(const SmkRequest *request, const SmkBinding *binding, const char *column)
{
	return smk_source_instant(binding, smk_entity_column(binding->entity, column),
							  psprintf("%s.%s", binding->entity->name, column), request->time_zone);
}

/* What tells the customer of a won opportunity: its account, else its lead, else itself. */
static char *
deal_keys(bool has_account, bool has_lead)
{
	StringInfoData keys;

	initStringInfo(&keys);
	if (has_account)
		appendStringInfoString(&keys, "deal.account_id, ");
	if (has_lead)
		appendStringInfo(&keys, has_account ? "CASE WHEN deal.account_id IS NULL THEN deal.lead_id END, "
											: "deal.lead_id, ");
	if (has_account || has_lead)
		appendStringInfo(&keys, "CASE WHEN %s%s%s THEN deal.opportunity_id END",
						 has_account ? "deal.account_id IS NULL" : "", has_account && has_lead ? " AND " : "",
						 has_lead ? "deal.lead_id IS NULL" : "");
	else
		appendStringInfoString(&keys, "deal.opportunity_id");
	return keys.data;
}

/*
 * The first won opportunity of each customer: of its account, else of its lead, else alone; or of accounts
 * only, of which the planner then knows that each is there once. Where opportunities have no account, that of
 * their lead counts.
 */
static char *
first_won(const SmkRequest *request, Oid account_type, bool of_accounts)
{
	SmkBinding *opportunity = smk_source_with(request->config, "opportunity", "won");
	SmkBinding *lead = smk_source_with(request->config, "lead", "account_id");
	bool by_lead =
		!has_column(opportunity, "account_id") && has_column(opportunity, "lead_id") && lead != NULL;
	bool has_account = has_column(opportunity, "account_id") || by_lead;
	bool has_lead = has_column(opportunity, "lead_id");
	static const char *const columns[] = {"opportunity_id", "lead_id", "account_id",
										  "closed_at",		"won",	   NULL};
	static const char *const lead_columns[] = {"lead_id", "account_id", NULL};
	char *account = psprintf("NULL::%s", account_type == INT8OID   ? "bigint"
										 : account_type == UUIDOID ? "uuid"
																   : "text");
	char *keys;
	StringInfoData sql;

	if (has_column(opportunity, "account_id"))
		account = key_as(opportunity, "opportunity.account_id", "account_id", account_type);
	else if (by_lead)
		/* min() takes no uuid. */
		account = key_as(lead,
						 key_type(lead, "account_id") == UUIDOID ? "min(lead.account_id::text)::uuid"
																 : "min(lead.account_id)",
						 "account_id", account_type);
	keys = of_accounts ? pstrdup("deal.account_id") : deal_keys(has_account, has_lead);
	initStringInfo(&sql);
	appendStringInfo(
		&sql,
		"SELECT DISTINCT ON (%s) deal.account_id, deal.opportunity_id, deal.at\n"
		"FROM (\n    SELECT %s AS account_id, opportunity.opportunity_id%s, %s AS at\n    FROM %s",
		keys, by_lead ? "lead.account_id" : account, has_lead ? ", opportunity.lead_id" : "",
		has_column(opportunity, "closed_at") ? instant_of(request, opportunity, "closed_at")
											 : "NULL::timestamptz",
		smk_sql_indent(source_of(opportunity, columns), 4));
	if (by_lead)
		appendStringInfo(
			&sql,
			"\n    LEFT JOIN (SELECT lead.lead_id, %s AS account_id FROM %s GROUP BY lead.lead_id) AS "
			"lead\n        ON %s",
			account, smk_sql_indent(source_of(lead, lead_columns), 4),
			smk_source_keys_equal("lead.lead_id", key_type(lead, "lead_id"), "opportunity.lead_id",
								  key_type(opportunity, "lead_id")));
	appendStringInfo(&sql,
					 "\n    WHERE opportunity.won%s) AS deal\nORDER BY %s, deal.at, deal.opportunity_id",
					 of_accounts ? " AND opportunity.account_id IS NOT NULL" : "", keys);
	return sql.data;
}

/* What is carried of the first lead, so that leads need not be joined once more. */
static const char *const carried[] = {"channel", "campaign", "owner", "segment"};

/* True where a column of the first lead is carried: the lead found by its key must be the same row. */
static bool
is_carried(const SmkBinding *lead, const char *column)
{
	return lead->key_is_unique && has_column(lead, column);
}

/*
 * The condition that the first lead of an account is asked for, of any basis but the opportunity, given SQL
 * for its key: it may be a customer's, and won no opportunity. Where opportunities (NULL: they have no
 * account) are linked with leads as well, they have each dimension that a first lead has.
 */
static char *
needs_first_lead(const SmkRequest *request, const char *basis, const SmkBinding *account,
				 const SmkBinding *opportunity, const char *key, Oid account_type)
{
	static const char *const won_columns[] = {"opportunity_id", "account_id", "won", NULL};
	static const char *const account_columns[] = {"account_id", "customer_since", NULL};
	static const char *const columns[] = {"account_id", NULL};
	StringInfoData sql;

	initStringInfo(&sql);
	if (basis)
	{
		SmkBinding *binding = smk_source_with(request->config, basis, "account_id");

		appendStringInfo(&sql, "SELECT %s FROM %s",
						 key_as(binding, psprintf("%s.account_id", basis), "account_id", account_type),
						 source_of(binding, columns));
	}
	if (account)
		appendStringInfo(&sql, "%sSELECT %s FROM %s WHERE account.customer_since IS NOT NULL",
						 sql.len ? "\n    UNION ALL " : "",
						 key_as(account, "account.account_id", "account_id", account_type),
						 source_of(account, account_columns));
	if (opportunity == NULL || !has_column(opportunity, "lead_id"))
		return psprintf("\n  AND %s IN (\n    %s)", key, smk_sql_indent(sql.data, 4));
	return psprintf(
		"\n  AND %s IN (\n    SELECT customer.account_id FROM (\n        %s) AS customer (account_id)\n"
		"    WHERE NOT EXISTS (\n        SELECT FROM %s\n        WHERE opportunity.won AND "
		"opportunity.opportunity_id IS NOT NULL AND %s = customer.account_id))",
		key, smk_sql_indent(sql.data, 8), smk_sql_indent(source_of(opportunity, won_columns), 8),
		key_as(opportunity, "opportunity.account_id", "account_id", account_type));
}

/*
 * The first lead of each account that meets a condition (begun by AND, or empty), with what is carried of it
 * as lead_channel and so on.
 */
static char *
first_lead(const SmkRequest *request, const SmkBinding *lead, const char *condition, Oid account_type)
{
	const char *columns[lengthof(carried) + 4] = {"lead_id", "account_id", "created_at"};
	int count = 3;
	StringInfoData more;

	initStringInfo(&more);
	for (size_t i = 0; i < lengthof(carried); i++)
		if (is_carried(lead, carried[i]))
		{
			columns[count++] = carried[i];
			appendStringInfo(&more, ", lead.%s AS lead_%s", carried[i], carried[i]);
		}
	return psprintf("SELECT DISTINCT ON (lead.account_id) %s AS account_id, lead.lead_id%s\nFROM %s\n"
					"WHERE lead.account_id IS NOT NULL%s\nORDER BY lead.account_id, %s, lead.lead_id",
					key_as(lead, "lead.account_id", "account_id", account_type), more.data,
					source_of(lead, columns), condition, instant_of(request, lead, "created_at"));
}

/*
 * Each account of a basis that is not the opportunity, with its first time; of any amount where it need not
 * have paid. A subscription that ended when it began, or before, never ran.
 */
static char *
first_of_account(const SmkRequest *request, const char *basis, Oid account_type, bool has_paid)
{
	SmkBinding *binding = smk_source_with(request->config, basis, "account_id");
	const char *time = basis_time(basis);
	const char *columns[] = {"account_id", time, "amount", "ends_at", NULL};
	char *ran = has_column(binding, "ends_at") && strcmp(basis, "subscription") == 0
					? psprintf(" AND (%s > %s) IS NOT FALSE", instant_of(request, binding, "ends_at"),
							   instant_of(request, binding, time))
					: "";

	return psprintf("SELECT %s AS account_id, min(%s) AS at\nFROM %s\n"
					"WHERE %s.account_id IS NOT NULL%s%s\nGROUP BY %s.account_id",
					key_as(binding, psprintf("%s.account_id", basis), "account_id", account_type),
					instant_of(request, binding, time), source_of(binding, columns), basis,
					has_paid ? psprintf(" AND %s.amount > 0", basis) : "", ran, basis);
}

/* The type that all accounts can be compared under. */
static Oid
common_account_type(const SmkRequest *request, const char *basis)
{
	const char *const entities[] = {basis, "opportunity", "lead", "account"};
	Oid common = InvalidOid;

	for (size_t i = 0; i < lengthof(entities); i++)
	{
		SmkBinding *binding =
			entities[i] ? smk_source_with(request->config, entities[i], "account_id") : NULL;

		if (binding == NULL)
			continue;
		if (OidIsValid(common) && key_type(binding, "account_id") != common)
			return TEXTOID;
		common = key_type(binding, "account_id");
	}
	return OidIsValid(common) ? common : TEXTOID;
}

/* The relation of all customers: account_id, opportunity_id, lead_id, at. */
static char *
customer_relation(const SmkRequest *request, const char *basis, Oid account_type, bool has_paid)
{
	static const char *const account_columns[] = {"account_id", "customer_since", NULL};
	SmkBinding *account = smk_source_with(request->config, "account", "customer_since");
	SmkBinding *lead = smk_source_with(request->config, "lead", "account_id");
	SmkBinding *opportunity = smk_source_with(request->config, "opportunity", "won");
	bool by_opportunity = basis && strcmp(basis, "opportunity") == 0;
	bool joins_won = !by_opportunity && opportunity != NULL && has_column(opportunity, "account_id");
	char *known;
	StringInfoData sql;

	if (by_opportunity)
		known = first_won(request, account_type, false);
	else if (basis)
		known = first_of_account(request, basis, account_type, has_paid);
	else
		known = NULL;
	if (account)
	{
		/* Where each account is there once, the planner has to know how many there are; a stored statement
		 * may be read when that is over. */
		bool is_once = account->key_is_unique && !request->is_moving && !request->is_rollup;
		char *since =
			psprintf("SELECT %s AS account_id, %s AS at\nFROM %s\n"
					 "WHERE account.account_id IS NOT NULL AND account.customer_since IS NOT NULL%s",
					 key_as(account, "account.account_id", "account_id", account_type),
					 psprintf(is_once ? "%s" : "min(%s)", instant_of(request, account, "customer_since")),
					 source_of(account, account_columns), is_once ? "" : "\nGROUP BY account.account_id");

		if (known == NULL)
			known = since;
		else
			known = psprintf("SELECT coalesce(since.account_id, known.account_id) AS account_id%s,\n"
							 "       coalesce(since.at, known.at) AS at\n"
							 "FROM (\n    %s) AS known\nFULL JOIN (\n    %s) AS since ON since.account_id = "
							 "known.account_id",
							 by_opportunity ? ", known.opportunity_id" : "", smk_sql_indent(known, 4),
							 smk_sql_indent(since, 4));
	}
	initStringInfo(&sql);
	appendStringInfo(&sql, "SELECT known.account_id, known.at");
	if (by_opportunity)
		appendStringInfoString(&sql, ", known.opportunity_id");
	else if (joins_won)
		appendStringInfoString(&sql, ", won.opportunity_id");
	if (lead)
	{
		appendStringInfoString(&sql, ", first_lead.lead_id");
		for (size_t i = 0; i < lengthof(carried); i++)
			if (is_carried(lead, carried[i]))
				appendStringInfo(&sql, ", first_lead.lead_%s", carried[i]);
	}
	appendStringInfo(&sql, "\nFROM (\n    %s) AS known", smk_sql_indent(known, 4));
	if (joins_won)
		appendStringInfo(&sql, "\nLEFT JOIN (\n    %s) AS won ON won.account_id = known.account_id",
						 smk_sql_indent(first_won(request, account_type, true), 4));
	if (lead)
		appendStringInfo(
			&sql, "\nLEFT JOIN (\n    %s) AS first_lead ON first_lead.account_id = known.account_id",
			smk_sql_indent(
				first_lead(request, lead,
						   /* Most accounts with leads are no customers yet, and leads have to be sorted. */
						   by_opportunity
							   ? ""
							   : needs_first_lead(request, basis, account, joins_won ? opportunity : NULL,
												  key_as(lead, "lead.account_id", "account_id", account_type),
												  account_type),
						   account_type),
				4));
	return sql.data;
}

/* Binds a column of the customers under the type of another one. */
static void
customer_bind(SmkBinding *binding, const char *name, Oid type)
{
	SmkExpression *column = &binding->columns[smk_entity_column(binding->entity, name)];

	column->text = psprintf("customer.%s", name);
	column->type = type;
}

/* The customers as a binding, those with an amount above 0 or all; NULL where nothing makes any. palloc'd. */
static SmkBinding *
customers_of(const SmkRequest *request, bool has_paid)
{
	const char *basis = customer_basis(request);
	SmkBinding *account = smk_source_with(request->config, "account", "customer_since");
	SmkBinding *opportunity = smk_source_with(request->config, "opportunity", "won");
	SmkBinding *lead = smk_source_with(request->config, "lead", "account_id");
	Oid account_type = common_account_type(request, basis);
	SmkBinding *binding;

	if (basis == NULL && account == NULL)
		return NULL;
	binding = palloc0(sizeof(SmkBinding));
	binding->entity = &customer_entity;
	binding->time_zone = "UTC";
	binding->is_own = true;
	binding->relid = basis ? smk_source_with(request->config, basis, basis_time(basis)) != NULL
								 ? smk_config_binding(request->config, basis)->relid
								 : opportunity->relid
						   : account->relid;
	binding->relation =
		psprintf("(\n    %s)", smk_sql_indent(customer_relation(request, basis, account_type, has_paid), 4));
	customer_bind(binding, "account_id", account_type);
	customer_bind(binding, "at", TIMESTAMPTZOID);
	if (opportunity &&
		((basis && strcmp(basis, "opportunity") == 0) || has_column(opportunity, "account_id")))
		customer_bind(binding, "opportunity_id", key_type(opportunity, "opportunity_id"));
	if (lead)
		customer_bind(binding, "lead_id", key_type(lead, "lead_id"));
	for (size_t i = 0; lead && i < lengthof(carried); i++)
		if (is_carried(lead, carried[i]))
			customer_bind(binding, psprintf("lead_%s", carried[i]),
						  strcmp(carried[i], "owner") == 0 ? key_type(lead, "owner") : TEXTOID);
	return binding;
}

/* The customers as a binding; NULL where nothing that is bound makes any. palloc'd. */
SmkBinding *
smk_customer_binding(const SmkRequest *request)
{
	return customers_of(request, true);
}

/* What tells what customers pay: subscriptions, else revenue, else won opportunities; NULL: nothing. */
static const char *
payment_entity(const SmkRequest *request)
{
	static const char *const entities[] = {"subscription", "revenue", "opportunity"};

	for (size_t i = 0; i < lengthof(entities); i++)
	{
		SmkBinding *binding = smk_source_with(request->config, entities[i], "account_id");

		if (binding && has_column(binding, "amount") && has_column(binding, basis_time(entities[i])) &&
			(i < 2 || has_column(binding, "won")))
			return entities[i];
	}
	return NULL;
}

/*
 * The entity that can be bound for one that is made here; other names stay. NULL: any that makes customers.
 */
const char *
smk_customer_source(const SmkRequest *request, const char *entity)
{
	const char *basis;

	if (strncmp(entity, "customer", strlen("customer")) != 0)
		return entity;
	if (strcmp(entity, "customer_revenue") == 0)
		return payment_entity(request);
	basis = customer_basis(request);
	if (basis == NULL && strcmp(request->config->customer_basis, "auto") != 0)
		basis = request->config->customer_basis;
	return basis;
}

/* SQL for the instant twelve months after a customer's acquisition, on the clocks of the reporting zone. */
static char *
year_after(const SmkRequest *request)
{
	const char *zone = smk_source_zone(request->time_zone);

	return psprintf("((customer.at AT TIME ZONE %s + interval '12 months') AT TIME ZONE %s)", zone, zone);
}

/*
 * The customers with what they paid a month, as a binding: the recurring revenue at their acquisition, else a
 * twelfth of what they paid in the twelve months from then on. NULL where nothing tells. palloc'd.
 */
SmkBinding *
smk_customer_revenue_binding(const SmkRequest *request)
{
	SmkBinding *customers = smk_customer_binding(request);
	const char *entity = payment_entity(request);
	const char *columns[] = {"account_id", "amount", "currency", "won", entity ? basis_time(entity) : NULL,
							 "ends_at",	   NULL};
	SmkBinding *payment;
	SmkBinding *binding;
	bool recurs;
	char *at;
	char *when;
	int account = smk_entity_column(&customer_entity, "account_id");

	if (customers == NULL || entity == NULL)
		return NULL;
	payment = smk_source_with(request->config, entity, "account_id");
	recurs = strcmp(entity, "subscription") == 0;
	at = instant_of(request, payment, basis_time(entity));
	if (!recurs)
		when = psprintf("%s >= customer.at AND %s < %s%s", at, at, year_after(request),
						strcmp(entity, "opportunity") == 0 ? " AND opportunity.won" : "");
	else
		when = psprintf("%s <= customer.at%s", at,
						has_column(payment, "ends_at")
							? psprintf(" AND (subscription.ends_at IS NULL OR %s > customer.at)",
									   instant_of(request, payment, "ends_at"))
							: "");
	binding = palloc(sizeof(SmkBinding));
	*binding = *customers;
	binding->entity = &customer_revenue_entity;
	binding->relation = psprintf(
		"(\n    SELECT customer.*, %s.amount%s AS amount%s, %s AS paid_at\n    FROM %s AS customer\n    JOIN "
		"%s ON "
		"%s AND %s)",
		entity, recurs ? "" : " / 12",
		has_column(payment, "currency") ? psprintf(", %s.currency", entity) : "", recurs ? "customer.at" : at,
		smk_sql_indent(customers->relation, 4), smk_sql_indent(source_of(payment, columns), 4),
		smk_source_keys_equal(psprintf("%s.account_id", entity), key_type(payment, "account_id"),
							  "customer.account_id", customers->columns[account].type),
		when);
	customer_bind(binding, "amount", NUMERICOID);
	customer_bind(binding, "paid_at", TIMESTAMPTZOID);
	if (has_column(payment, "currency"))
		customer_bind(binding, "currency", TEXTOID);
	return binding;
}

/*
 * The customers' payments as a binding, by the basis of customers: subscriptions, won opportunities or
 * revenue. Where no dimension is asked for, they are read alone. NULL where the basis has no account or
 * amount. palloc'd.
 */
SmkBinding *
smk_customer_payment_binding(const SmkRequest *request)
{
	/* Also who paid nothing yet: sums by a dimension are those without. */
	SmkBinding *customers = customers_of(request, false);
	const char *entity = customer_basis(request);
	SmkBinding *payment = entity ? smk_source_with(request->config, entity, "account_id") : NULL;
	int account = smk_entity_column(&customer_entity, "account_id");
	const char *columns[] = {"account_id", "amount",  "currency",
							 "won",		   "product", entity ? basis_time(entity) : NULL,
							 "ends_at",	   NULL};
	SmkBinding *binding;
	StringInfoData sql;
	bool recurs;
	bool is_alone = request->by == NIL && request->filters == NIL;
	SmkSharedRows *shared = request->shared_customers;

	if (customers == NULL || payment == NULL || !has_column(payment, "amount") ||
		!has_column(payment, basis_time(entity)))
		return NULL;
	if (shared && !is_alone)
		shared->sql = customers->relation;
	recurs = strcmp(entity, "subscription") == 0;
	binding = palloc(sizeof(SmkBinding));
	*binding = *customers;
	binding->entity = &customer_payment_entity;
	initStringInfo(&sql);
	if (is_alone)
		appendStringInfo(&sql, "SELECT %s AS account_id",
						 key_as(payment, psprintf("%s.account_id", entity), "account_id",
								customers->columns[account].type));
	else
		for (int i = 0; customer_entity.columns[i].name != NULL; i++)
			if (customers->columns[i].text != NULL && strcmp(customer_entity.columns[i].name, "at") != 0)
				appendStringInfo(&sql, "%scustomer.%s", sql.len ? ", " : "SELECT ",
								 customer_entity.columns[i].name);
	/* NaN and infinity must not become a figure. */
	appendStringInfo(&sql,
					 ", %s AS at, smarketing.finite_amount(%s.amount::numeric, '%s', 'amount') AS amount",
					 instant_of(request, payment, basis_time(entity)), entity, entity);
	if (recurs)
		appendStringInfo(&sql, ", %s AS ends_at",
						 has_column(payment, "ends_at") ? instant_of(request, payment, "ends_at")
														: "NULL::timestamptz");
	if (has_column(payment, "product"))
		appendStringInfo(&sql, ", %s.product", entity);
	if (has_column(payment, "currency"))
		appendStringInfo(&sql, ", %s.currency", entity);
	if (is_alone)
		appendStringInfo(&sql, "\nFROM %s\nWHERE %s.account_id IS NOT NULL", source_of(payment, columns),
						 entity);
	else
		appendStringInfo(&sql, "\nFROM %s\nJOIN %s AS customer ON %s%s", source_of(payment, columns),
						 shared ? SMK_SHARED_CUSTOMERS : smk_sql_indent(customers->relation, 5),
						 smk_source_keys_equal(psprintf("%s.account_id", entity),
											   key_type(payment, "account_id"), "customer.account_id",
											   customers->columns[account].type),
						 strcmp(entity, "opportunity") == 0 ? "\nWHERE true" : "");
	if (strcmp(entity, "opportunity") == 0)
		appendStringInfoString(&sql, " AND opportunity.won");
	binding->relation = psprintf("(\n    %s)", smk_sql_indent(sql.data, 4));
	customer_bind(binding, "amount", NUMERICOID);
	customer_bind(binding, "at", TIMESTAMPTZOID);
	if (recurs)
		customer_bind(binding, "ends_at", TIMESTAMPTZOID);
	if (has_column(payment, "product"))
		customer_bind(binding, "product", TEXTOID);
	if (has_column(payment, "currency"))
		customer_bind(binding, "currency", TEXTOID);
	return binding;
}

/* The condition that what a customer pays a month can be told by now; NULL where nothing tells. */
char *
smk_customer_is_ripe(SmkRecords *customers)
{
	const char *entity = payment_entity(customers->request);
	char *account;

	if (entity == NULL)
		return NULL;
	(void) smk_records_column(customers, "at");
	/* Payments are known by their account: what a customer without one pays is not. */
	account = smk_records_column(customers, "account_id");
	return strcmp(entity, "subscription") == 0
			   ? psprintf("%s IS NOT NULL", account)
			   : psprintf("(%s IS NOT NULL AND %s <= %s)", account, year_after(customers->request),
						  smk_moment_instant(smk_moment_now(customers->request)));
}

/*
 * The condition that a customer's channel had marketing spend in the period of its acquisition; NULL where
 * spend or customers have no channel.
 */
char *
smk_customer_is_paid(SmkRecords *customers)
{
	const SmkRequest *request = customers->request;
	SmkBy *channel = smk_request_by(request->config, "channel");
	const SmkRecordSet *set = smk_kpi_column(request->kpi, "spend_marketing", NULL)->records;
	SmkStatement statement = {0};
	SmkRequest whole;
	StringInfoData spend;
	char *reached;
	ListCell *cell;

	if (!smk_records_have_dimension(customers, channel))
		return NULL;
	statement.request = request;
	statement.spend_entry = smk_config_entered("spend");
	initStringInfo(&spend);
	/* A channel that had any spend was paid for: a cell is the same by a dimension and by its filter. */
	whole = *request;
	whole.filters = NIL;
	foreach (cell, smk_measure_records(&statement, &whole, set))
	{
		SmkRecords *records = lfirst(cell);
		char *bucket = request->is_all ? NULL : smk_records_bucket(records);
		char *raw;
		char *value;

		if (!smk_records_have_dimension(records, channel))
			continue;
		raw = smk_records_dimension(records, channel, "paid_acquisition_cost");
		value = smk_dimension_text(request, channel, raw);
		appendStringInfo(
			&spend, "%sSELECT %s%s%s\n    %s", spend.len ? "\n    UNION ALL\n    " : "", bucket ? bucket : "",
			bucket ? ", " : "", value,
			smk_sql_indent(smk_records_from(records, "paid_acquisition_cost", false,
											psprintf("%s > 0 AND %s IS NOT NULL",
													 smk_records_column(records, "amount"), raw)),
						   4));
	}
	if (spend.len == 0)
		return NULL;
	reached = smk_dimension_text(request, channel,
								 smk_records_dimension(customers, channel, "paid_acquisition_cost"));
	return request->is_all
			   ? psprintf("%s IN (\n    %s)", reached, spend.data)
			   : psprintf("(%s, %s) IN (\n    %s)", smk_records_bucket(customers), reached, spend.data);
}
