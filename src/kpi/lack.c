/*
 * lack.c: what has to be bound before a KPI can be read: entities of which any will do, or columns of one
 * that is bound.
 */
#include "postgres.h"

#include "kpi/compiler.h"
#include "kpi/dimension.h"
#include "kpi/lack.h"
#include "kpi/measure.h"
#include "kpi/template.h"

/* An entity, and of one that is bound the columns that it lacks, as entity (column, column); palloc'd. */
static char *
entity_with(const SmkRequest *request, const char *entity, List *columns)
{
	SmkBinding *binding = smk_config_binding(request->config, entity);
	StringInfoData list;
	ListCell *cell;

	initStringInfo(&list);
	foreach (cell, columns)
	{
		int column = smk_entity_column(smk_entity_find(entity), lfirst(cell));

		if (binding != NULL && column >= 0 && binding->columns[column].text == NULL)
			appendStringInfo(&list, "%s%s", list.len ? ", " : "", (char *) lfirst(cell));
	}
	return list.len ? psprintf("%s (%s)", entity, list.data) : pstrdup(entity);
}

/* What customers are made of, by the setting; with what they pay, where that is asked for. */
static List *
lack_customers(const SmkRequest *request, bool with_payments)
{
	static const char *const bases[] = {"subscription", "opportunity", "revenue"};
	const char *setting = request->config->customer_basis;
	bool is_auto = strcmp(setting, "auto") == 0;
	SmkBinding *opportunity = smk_config_binding(request->config, "opportunity");
	List *needed = with_payments ? list_make4("won", "closed_at", "account_id", "amount") : list_make1("won");
	List *result = NIL;

	for (size_t i = 0; i < lengthof(bases); i++)
	{
		if (is_auto || strcmp(setting, bases[i]) == 0)
			result = lappend(result, entity_with(request, bases[i], needed));
		/* Won opportunities go before revenue, also where they do not tell what customers pay. */
		if (is_auto && with_payments && strcmp(bases[i], "opportunity") == 0 && opportunity != NULL &&
			opportunity->columns[smk_entity_column(opportunity->entity, "won")].text != NULL)
			break;
	}
	return result;
}

/* What credits are made of: won opportunities; else touches, or leads with a channel. */
static List *
lack_credits(const SmkRequest *request)
{
	SmkBinding *opportunity = smk_config_binding(request->config, "opportunity");

	if (opportunity == NULL ||
		opportunity->columns[smk_entity_column(opportunity->entity, "won")].text == NULL)
		return list_make1(entity_with(request, "opportunity", list_make2("won", "closed_at")));
	return list_make2(pstrdup("touch"), entity_with(request, "lead", list_make1("channel")));
}

/* The names of a record set and of a measure over it that stand for columns. */
static List *
names_of(const SmkColumn *measure)
{
	List *names =
		smk_template_names(list_make1(unconstify(char *, measure->records->at)), measure->records->condition);

	names = smk_template_names(smk_template_names(names, measure->value), measure->condition);
	for (int i = 0; i < list_length(names); i++)
		if (((char *) list_nth(names, i))[0] == '@')
			lfirst(list_nth_cell(names, i)) = (char *) list_nth(names, i) + 1;
	return names;
}

/* What the measures of a template lack; NIL: nothing. Spend that is not there is told in its own words. */
static List *
lack_of_template(const SmkRequest *request, const char *template)
{
	SmkStatement statement = {.request = request};
	ListCell *cell;

	foreach (cell, smk_template_names(NIL, template))
	{
		const SmkColumn *column = smk_kpi_column(request->kpi, lfirst(cell), request->basis);
		List *result = NIL;

		if (column == NULL)
			continue;
		if (column->aggregate == SMK_RATIO)
			result = lack_of_template(request, smk_column_template(request->kpi, column));
		else if (strcmp(column->records->entity, "spend") == 0 ||
				 smk_measure_is_available(&statement, column))
			continue;
		else if (strcmp(column->records->entity, "credit") == 0)
			result =
				list_make1(entity_with(request, "opportunity", list_make3("won", "closed_at", "amount")));
		/* How far leads came. */
		else if (strcmp(column->records->entity, "lead") == 0)
			result = list_make1(entity_with(request, "opportunity", list_make2("won", "lead_id")));
		else if (smk_entity_find(column->records->entity) != NULL)
			result = list_make1(entity_with(request, column->records->entity, names_of(column)));
		if (result != NIL)
			return result;
	}
	return NIL;
}

/*
 * What has to be bound before a column of a KPI can be read, of char *: entities, any of which will do, with
 * the columns that they lack where they are bound; NIL: nothing.
 */
List *
smk_lack(const SmkRequest *request, const SmkColumn *column)
{
	const char *entity = smk_compile_lacking_entity(request);
	List *result = NIL;

	if (entity == NULL)
		return lack_of_template(request, smk_column_template(request->kpi, column));
	if (strcmp(entity, "customer") == 0 || strcmp(entity, "customer_payment") == 0)
		return lack_customers(request, strcmp(entity, "customer_payment") == 0);
	if (strcmp(entity, "credit") == 0)
		return lack_credits(request);
	if (request->kpi->entity != NULL)
		return list_make1(pstrdup(entity));
	for (int i = 1; request->kpi->bases[i] != NULL; i++)
		result = lappend(result, pstrdup(request->kpi->bases[i]));
	return result;
}

/* The statement that gives spend a dimension which it lacks: shared out by its leads, else bound. */
char *
smk_lack_dimension_call(const SmkRequest *request, const SmkBy *by)
{
	static const SmkRecordSet leads = {"leads", "lead", "created_at", SMK_KIND_ANY, false, NULL, NULL};
	SmkBinding *lead = smk_config_binding(request->config, "lead");

	if (lead != NULL && smk_records_have_dimension(smk_records(request, &leads, lead), by))
		return pstrdup("SELECT smarketing.configure('spend_without_dimension', 'leads')");
	if (smk_entity_column(smk_entity_find("spend"), by->name) >= 0)
		return psprintf("SELECT smarketing.bind('spend', 'schema.table', '{\"%s\": \"...\", ...}')",
						by->name);
	return pstrdup("SELECT smarketing.configure('spend_without_dimension', 'none')");
}
