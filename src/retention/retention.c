/*
 * retention.c: the movements of one customer and its cohort, the sums over many, and their bytes.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/memutils.h"

#include "retention/retention.h"
#include "timeline/money.h"
#include "timeline/varint.h"

/* A customer with so few spans needs no memory of its own. */
#define FEW_SPANS 32

/* What changes at the close of a period in what a customer holds of a product. */
typedef struct Change
{
	int period;
	uint32 product;
	bool was_held;
	int64 spans; /* more, or fewer */
	int128 amount;
} Change;

/* An empty summary; what it allocates later lives in the context that is current then. */
void
smk_retention_init(SmkRetentionSummary *summary, const SmkRetentionForm *form)
{
	memset(summary, 0, sizeof(*summary));
	summary->form = *form;
	summary->is_empty = true;
}

/* Brings all amounts to a larger scale. */
static bool
rescale(SmkRetentionSummary *summary, int scale)
{
	int places = scale - summary->scale;

	if (places <= 0)
		return true;
	summary->scale = scale;
	if (summary->is_empty)
		return true;
	for (int i = 0; i <= summary->end - summary->first; i++)
	{
		for (int m = 0; m < SMK_MOVEMENTS; m++)
			if (!smk_money_scale_up(&summary->periods[i].amounts[m], places))
				return false;
		for (int age = 0; age < summary->cohorts[i].size; age++)
			if (!smk_money_scale_up(&summary->cohorts[i].cells[age].amount, places))
				return false;
	}
	return true;
}

/* Makes room in a summary for periods and for amounts of a scale; what it holds stays. */
SmkRetentionResult
smk_retention_extend(SmkRetentionSummary *summary, int scale, int first, int last, int end)
{
	SmkRetentionPeriod *periods;
	SmkRetentionCohort *cohorts;
	int64 size;

	if (!rescale(summary, scale))
		return SMK_RETENTION_OVERFLOW;
	end = Max(end, last);
	if (!summary->is_empty)
	{
		first = Min(first, summary->first);
		last = Max(last, summary->last);
		end = Max(end, summary->end);
	}
	if (last - first >= SMK_RETENTION_MAX_PERIODS)
		return SMK_RETENTION_TOO_LONG;
	if (!summary->is_empty && first == summary->first && end == summary->end)
	{
		summary->last = last;
		return SMK_RETENTION_OK;
	}
	size = (int64) end - first + 1;
	periods = palloc0(size * sizeof(SmkRetentionPeriod));
	cohorts = palloc0(size * sizeof(SmkRetentionCohort));
	if (!summary->is_empty)
	{
		int64 before = summary->end - summary->first + 1;

		memcpy(periods + (summary->first - first), summary->periods, before * sizeof(SmkRetentionPeriod));
		memcpy(cohorts + (summary->first - first), summary->cohorts, before * sizeof(SmkRetentionCohort));
		pfree(summary->periods);
		pfree(summary->cohorts);
	}
	summary->periods = periods;
	summary->cohorts = cohorts;
	summary->first = first;
	summary->last = last;
	summary->end = end;
	summary->is_empty = false;
	return SMK_RETENTION_OK;
}

/* Gives a cohort cells up to an age. */
static bool
cohort_reach(SmkRetentionSummary *summary, SmkRetentionCohort *cohort, int age)
{
	int size = Max(age + 1, Min(cohort->size * 2, summary->end - summary->first + 1));
	SmkRetentionCell *cells;

	if (age < cohort->size)
		return true;
	summary->cells += size - cohort->size;
	if (summary->cells > SMK_RETENTION_MAX_CELLS)
		return false;
	cells = palloc0(size * sizeof(SmkRetentionCell));
	if (cohort->size > 0)
	{
		memcpy(cells, cohort->cells, cohort->size * sizeof(SmkRetentionCell));
		pfree(cohort->cells);
	}
	cohort->cells = cells;
	cohort->size = size;
	return true;
}

/* The period in which a span begins, and for how many it lasts. */
static inline int
span_period(uint64 word)
{
	return (int) (word >> (SMK_SPAN_LENGTH_BITS + SMK_SPAN_PRODUCT_BITS)) - SMK_SPAN_PERIOD_ZERO;
}

static inline int
span_length(uint64 word)
{
	return (int) (word >> SMK_SPAN_PRODUCT_BITS) & SMK_SPAN_NO_END;
}

static inline uint32
span_product(uint64 word)
{
	return word & ((UINT64CONST(1) << SMK_SPAN_PRODUCT_BITS) - 1);
}

/* The amount of a value in units of a scale; false where it has no room. */
static inline bool
span_amount(uint64 value, int scale, int128 *amount)
{
	uint64 bits = value >> SMK_SPAN_SCALE_BITS;
	int own = (int) (value & ((1 << SMK_SPAN_SCALE_BITS) - 1)) - SMK_SPAN_SCALE_ZERO;

	*amount = (int64) (bits >> 1 ^ -(bits & 1));
	return own == scale || smk_money_scale_up(amount, scale - own);
}

/*
 * The changes of a customer, by product and, of each, by period; there is room for two of each span. Returns
 * how many there are, -1 where an amount has no room.
 */
static int64
read_changes(const SmkRetentionSummary *summary, const uint64 *spans, int64 count, Change *changes,
			 uint64 *order, SmkSortSpace *space)
{
	int64 ends = 0;
	int64 used = -1;
	int64 held = 0;

	for (int64 i = 0; i < count; i++)
	{
		uint64 word = spans[2 * i];
		uint64 product = (uint64) span_product(word) << 32;
		int length = span_length(word);
		int begin = span_period(word) - summary->first;

		if (length == 0)
			continue;
		order[2 * ends] = product | (uint64) begin;
		order[2 * ends++ + 1] = (uint64) i << 1;
		if (length == SMK_SPAN_NO_END)
			continue;
		order[2 * ends] = product | (uint64) (begin + length);
		order[2 * ends++ + 1] = (uint64) i << 1 | 1;
	}
	smk_sort(order, ends, 2, space);
	for (int64 i = 0; i < ends; i++)
	{
		uint32 product = (uint32) (order[2 * i] >> 32);
		int period = (int) (order[2 * i] & PG_UINT32_MAX);
		bool is_end = order[2 * i + 1] & 1;
		Change *change;
		int128 amount;

		if (used < 0 || changes[used].product != product || changes[used].period != period)
		{
			if (used >= 0 && changes[used].product != product)
				held = 0;
			change = &changes[++used];
			change->period = period;
			change->product = product;
			change->was_held = held > 0;
			change->spans = 0;
			change->amount = 0;
		}
		change = &changes[used];
		if (!span_amount(spans[order[2 * i + 1] | 1], summary->scale, &amount) ||
			(is_end ? __builtin_sub_overflow(change->amount, amount, &change->amount)
					: __builtin_add_overflow(change->amount, amount, &change->amount)))
			return -1;
		change->spans += is_end ? -1 : 1;
		held += is_end ? -1 : 1;
	}
	return used + 1;
}

/* Adds an amount to a sum; false where it has no room. */
static inline bool
add(int128 *sum, int128 amount)
{
	return !__builtin_add_overflow(*sum, amount, sum);
}

/* Where a customer stands while its changes are read. */
typedef struct Standing
{
	int64 spans;
	int128 amount;
	bool is_active;
	int cohort; /* the first period in which it was active, -1: none yet */
	int left;	/* the period in which it was lost for the last time */
} Standing;

/*
 * Books the changes of a customer in one period, in the order given by numbers (NULL: as they stand).
 */
static SmkRetentionResult
book_period(SmkRetentionSummary *summary, Standing *standing, const Change *changes, const uint64 *numbers,
			int64 count)
{
	int period = changes[numbers != NULL ? numbers[0] & PG_UINT32_MAX : 0].period;
	SmkRetentionPeriod *booked = &summary->periods[period];
	SmkRetentionCohort *cohort;
	int128 total = 0;
	int64 spans = 0;
	bool was_active = standing->is_active;
	int age;

	for (int64 i = 0; i < count; i++)
	{
		const Change *change = &changes[numbers != NULL ? numbers[i] & PG_UINT32_MAX : (uint64) i];

		spans += change->spans;
		if (!add(&total, change->amount))
			return SMK_RETENTION_OVERFLOW;
	}
	standing->spans += spans;
	if (!add(&standing->amount, total))
		return SMK_RETENTION_OVERFLOW;
	standing->is_active = summary->form.is_subscription ? standing->amount != 0 : standing->spans > 0;
	if (was_active && standing->is_active)
	{
		bool is_counted[SMK_MOVEMENTS] = {false};

		for (int64 i = 0; i < count; i++)
		{
			const Change *change = &changes[numbers != NULL ? numbers[i] & PG_UINT32_MAX : (uint64) i];
			SmkMovement movement = change->amount < 0						? SMK_MOVEMENT_CONTRACTION
								   : change->product == SMK_SPAN_NO_PRODUCT ? SMK_MOVEMENT_EXPANSION
								   : change->was_held						? SMK_MOVEMENT_UPSELL
																			: SMK_MOVEMENT_CROSS_SELL;

			if (change->amount == 0)
				continue;
			if (!add(&booked->amounts[movement], change->amount))
				return SMK_RETENTION_OVERFLOW;
			booked->customers[movement] += !is_counted[movement];
			is_counted[movement] = true;
		}
	}
	else if (was_active || standing->is_active)
	{
		SmkMovement movement = was_active			  ? SMK_MOVEMENT_CHURN
							   : standing->cohort < 0 ? SMK_MOVEMENT_NEW
													  : SMK_MOVEMENT_REACTIVATION;

		if (!add(&booked->amounts[movement], total))
			return SMK_RETENTION_OVERFLOW;
		booked->customers[movement]++;
		if (movement == SMK_MOVEMENT_NEW)
			standing->cohort = period;
	}
	if (standing->cohort < 0)
		return SMK_RETENTION_OK;
	cohort = &summary->cohorts[standing->cohort];
	age = period - standing->cohort;
	if (!cohort_reach(summary, cohort, age))
		return SMK_RETENTION_TOO_MANY_CELLS;
	if (!add(&cohort->cells[age].amount, total))
		return SMK_RETENTION_OVERFLOW;
	cohort->cells[age].customers += (int) standing->is_active - (int) was_active;
	if (was_active && !standing->is_active)
		standing->left = period;
	return SMK_RETENTION_OK;
}

/* Books all changes of a customer. */
static SmkRetentionResult
book_changes(SmkRetentionSummary *summary, const Change *changes, int64 count, uint64 *order,
			 SmkSortSpace *space)
{
	Standing standing = {.cohort = -1};
	bool is_one_product = true;
	int64 from = 0;

	for (int64 i = 1; i < count && is_one_product; i++)
		is_one_product = changes[i].product == changes[0].product;
	if (!is_one_product)
	{
		for (int64 i = 0; i < count; i++)
			order[i] = (uint64) changes[i].period << 32 | (uint64) i;
		smk_sort(order, count, 1, space);
	}
	while (from < count)
	{
		int period = changes[is_one_product ? (uint64) from : order[from] & PG_UINT32_MAX].period;
		int64 to = from + 1;
		SmkRetentionResult result;

		if (is_one_product)
			result = book_period(summary, &standing, changes + from, NULL, 1);
		else
		{
			while (to < count && (int) (order[to] >> 32) == period)
				to++;
			result = book_period(summary, &standing, changes, order + from, to - from);
		}
		if (result != SMK_RETENTION_OK)
			return result;
		from = to;
	}
	if (standing.cohort >= 0 && !standing.is_active)
		summary->cohorts[standing.cohort].cells[standing.left - 1 - standing.cohort].last++;
	return SMK_RETENTION_OK;
}

/*
 * Adds a customer by its spans, each a word and a value, in any order; the summary has been extended to them.
 */
SmkRetentionResult
smk_retention_add(SmkRetentionSummary *summary, const uint64 *spans, int64 count, SmkSortSpace *space)
{
	Change few_changes[2 * FEW_SPANS];
	uint64 few_order[4 * FEW_SPANS];
	Change *changes = few_changes;
	uint64 *order = few_order;
	SmkRetentionResult result;
	int64 changes_count;

	if (count > FEW_SPANS)
	{
		/* The number of a change has 32 bits. */
		if (count > PG_INT32_MAX / 2)
			return SMK_RETENTION_TOO_MANY_CELLS;
		changes = MemoryContextAllocHuge(CurrentMemoryContext, 2 * count * sizeof(Change));
		order = MemoryContextAllocHuge(CurrentMemoryContext, 4 * count * sizeof(uint64));
	}
	for (int64 i = 0; i < count; i++)
	{
		bool is_product = span_product(spans[2 * i]) != SMK_SPAN_NO_PRODUCT;

		summary->has_products |= is_product;
		summary->has_no_product |= !is_product;
	}
	changes_count = read_changes(summary, spans, count, changes, order, space);
	CHECK_FOR_INTERRUPTS();
	result = changes_count < 0 ? SMK_RETENTION_OVERFLOW
							   : book_changes(summary, changes, changes_count, order, space);
	if (count > FEW_SPANS)
	{
		pfree(changes);
		pfree(order);
	}
	return result;
}

/* Adds a summary of other customers, which stays as it is. Where it fails, the sum is void. */
SmkRetentionResult
smk_retention_merge(SmkRetentionSummary *into, const SmkRetentionSummary *other)
{
	SmkRetentionResult result;
	int places;

	into->has_products |= other->has_products;
	into->has_no_product |= other->has_no_product;
	if (other->is_empty)
		return rescale(into, other->scale) ? SMK_RETENTION_OK : SMK_RETENTION_OVERFLOW;
	result = smk_retention_extend(into, other->scale, other->first, other->last, other->end);
	if (result != SMK_RETENTION_OK)
		return result;
	places = into->scale - other->scale;
	for (int i = 0; i <= other->end - other->first; i++)
	{
		SmkRetentionPeriod *period = &into->periods[i + other->first - into->first];
		SmkRetentionCohort *cohort = &into->cohorts[i + other->first - into->first];
		const SmkRetentionCohort *more = &other->cohorts[i];

		CHECK_FOR_INTERRUPTS();
		for (int m = 0; m < SMK_MOVEMENTS; m++)
		{
			int128 amount = other->periods[i].amounts[m];

			if (!smk_money_scale_up(&amount, places) || !add(&period->amounts[m], amount) ||
				__builtin_add_overflow(period->customers[m], other->periods[i].customers[m],
									   &period->customers[m]))
				return SMK_RETENTION_OVERFLOW;
		}
		if (more->size > 0 && !cohort_reach(into, cohort, more->size - 1))
			return SMK_RETENTION_TOO_MANY_CELLS;
		for (int age = 0; age < more->size; age++)
		{
			int128 amount = more->cells[age].amount;

			if (!smk_money_scale_up(&amount, places) || !add(&cohort->cells[age].amount, amount) ||
				__builtin_add_overflow(cohort->cells[age].customers, more->cells[age].customers,
									   &cohort->cells[age].customers) ||
				__builtin_add_overflow(cohort->cells[age].last, more->cells[age].last,
									   &cohort->cells[age].last))
				return SMK_RETENTION_OVERFLOW;
		}
	}
	return SMK_RETENTION_OK;
}

/* Writes numbers with a sign, which is the lowest bit. */
static void
write_signed(StringInfo out, int64 value)
{
	smk_varint_append(out, (uint64) value << 1 ^ (uint64) (value >> 63));
}

/* Writes an amount: what has room in 63 bits as one number, else its lower and higher half, after 1. */
static void
write_amount(StringInfo out, int128 amount)
{
	uint128 bits = (uint128) amount << 1 ^ (uint128) (amount >> 127);

	if (bits < PG_INT64_MAX)
		smk_varint_append(out, (uint64) bits << 1);
	else
	{
		smk_varint_append(out, 1);
		smk_varint_append(out, (uint64) bits);
		smk_varint_append(out, (uint64) (bits >> 64));
	}
}

/* Writes the summary: version, form, scale, products; of one that is not empty its periods and cohorts. */
void
smk_retention_write(const SmkRetentionSummary *summary, StringInfo out)
{
	const SmkRetentionForm *form = &summary->form;
	int zone = (int) strlen(form->zone);

	appendStringInfoCharMacro(out, SMK_RETENTION_VERSION);
	appendStringInfoCharMacro(out, (char) (form->is_subscription | form->has_as_of << 1));
	appendStringInfoCharMacro(out, (char) form->period);
	appendStringInfoCharMacro(out, (char) form->first_month);
	write_signed(out, form->months);
	write_signed(out, form->days);
	write_signed(out, form->micros);
	write_signed(out, form->as_of);
	smk_varint_append(out, zone);
	appendBinaryStringInfo(out, form->zone, zone);
	smk_varint_append(out, summary->scale);
	appendStringInfoCharMacro(out, (char) (summary->has_products | summary->has_no_product << 1));
	if (summary->is_empty)
		return;
	write_signed(out, summary->first);
	smk_varint_append(out, summary->last - summary->first);
	smk_varint_append(out, summary->end - summary->last);
	for (int i = 0; i <= summary->end - summary->first; i++)
	{
		const SmkRetentionPeriod *period = &summary->periods[i];
		const SmkRetentionCohort *cohort = &summary->cohorts[i];
		int size = cohort->size;

		for (int m = 0; m < SMK_MOVEMENTS; m++)
		{
			smk_varint_append(out, period->customers[m]);
			if (period->customers[m] > 0)
				write_amount(out, period->amounts[m]);
		}
		/* Equal summaries have equal bytes, whatever room they have. */
		while (size > 0 && cohort->cells[size - 1].amount == 0 && cohort->cells[size - 1].customers == 0 &&
			   cohort->cells[size - 1].last == 0)
			size--;
		smk_varint_append(out, size);
		for (int age = 0; age < size; age++)
		{
			write_signed(out, cohort->cells[age].customers);
			write_amount(out, cohort->cells[age].amount);
			smk_varint_append(out, cohort->cells[age].last);
		}
	}
}

static bool
read_signed(const unsigned char **data, const unsigned char *end, int64 *value)
{
	uint64 bits;

	if (!smk_varint_read(data, end, &bits))
		return false;
	*value = (int64) (bits >> 1 ^ -(bits & 1));
	return true;
}

/* Reads a number up to a limit. */
static bool
read_number(const unsigned char **data, const unsigned char *end, int64 limit, int64 *value)
{
	uint64 bits;

	if (!smk_varint_read(data, end, &bits) || bits > (uint64) limit)
		return false;
	*value = (int64) bits;
	return true;
}

static bool
read_amount(const unsigned char **data, const unsigned char *end, int128 *amount)
{
	uint64 low;
	uint64 high = 0;
	uint128 bits;

	if (!smk_varint_read(data, end, &low))
		return false;
	if ((low & 1) == 0)
		bits = low >> 1;
	else if (low != 1 || !smk_varint_read(data, end, &low) || !smk_varint_read(data, end, &high))
		return false;
	else
		bits = (uint128) high << 64 | low;
	*amount = (int128) (bits >> 1 ^ -(bits & 1));
	return true;
}

static bool
read_form(SmkRetentionForm *form, const unsigned char **data, const unsigned char *end)
{
	int64 months;
	int64 days;
	int64 zone;

	memset(form, 0, sizeof(*form));
	if (end - *data < 4 || (*data)[0] != SMK_RETENTION_VERSION || (*data)[1] > 3)
		return false;
	form->is_subscription = (*data)[1] & 1;
	form->has_as_of = ((*data)[1] & 2) != 0;
	form->period = (*data)[2];
	form->first_month = (*data)[3];
	*data += 4;
	if (!read_signed(data, end, &months) || !read_signed(data, end, &days) ||
		!read_signed(data, end, &form->micros) || !read_signed(data, end, &form->as_of) ||
		!read_number(data, end, SMK_RETENTION_ZONE - 1, &zone) || zone > end - *data ||
		months < PG_INT32_MIN || months > PG_INT32_MAX || days < PG_INT32_MIN || days > PG_INT32_MAX)
		return false;
	form->months = (int32) months;
	form->days = (int32) days;
	memcpy(form->zone, *data, zone);
	for (int64 i = 0; i < zone; i++)
		if ((*data)[i] < ' ' || (*data)[i] > '~')
			return false;
	*data += zone;
	/* Of one form what belongs to the other is not there. */
	return strlen(form->zone) == (size_t) zone && zone > 0 && (form->has_as_of || form->as_of == 0) &&
		   (!form->is_subscription || (form->has_as_of && months == 0 && days == 0 && form->micros == 0));
}

/* Reads the movements of a period. Where there are no customers, there is no amount. */
static bool
read_period(SmkRetentionPeriod *period, const unsigned char **data, const unsigned char *end)
{
	for (int m = 0; m < SMK_MOVEMENTS; m++)
		if (!read_number(data, end, PG_INT64_MAX, &period->customers[m]) ||
			(period->customers[m] > 0 && !read_amount(data, end, &period->amounts[m])))
			return false;
	return true;
}

/* Reads a cohort, whose customers never leave their bounds. */
static bool
read_cohort(SmkRetentionSummary *summary, SmkRetentionCohort *cohort, int periods, const unsigned char **data,
			const unsigned char *end)
{
	int64 size;
	int64 customers = 0;
	int64 left = 0;

	/* Each cell takes three bytes at least: nothing is allocated on the word of a number alone. */
	if (!read_number(data, end, periods, &size) || size > (end - *data) / 3 ||
		(size > 0 && !cohort_reach(summary, cohort, (int) size - 1)))
		return false;
	for (int age = 0; age < size; age++)
	{
		SmkRetentionCell *cell = &cohort->cells[age];

		if (!read_signed(data, end, &cell->customers) || !read_amount(data, end, &cell->amount) ||
			!read_number(data, end, PG_INT64_MAX, &cell->last) ||
			__builtin_add_overflow(customers, cell->customers, &customers) || customers < 0 ||
			__builtin_add_overflow(left, cell->last, &left))
			return false;
	}
	return size == 0 || (cohort->cells[0].customers > 0 && left <= cohort->cells[0].customers &&
						 (cohort->cells[size - 1].customers != 0 || cohort->cells[size - 1].amount != 0 ||
						  cohort->cells[size - 1].last != 0));
}

/* True where the sums of amounts from close to close, and of each cohort from age to age, have room. */
bool
smk_retention_has_room(const SmkRetentionSummary *summary)
{
	int128 amount = 0;

	for (int i = 0; !summary->is_empty && i <= summary->end - summary->first; i++)
	{
		const SmkRetentionCohort *cohort = &summary->cohorts[i];
		int128 held = 0;

		for (int m = 0; m < SMK_MOVEMENTS; m++)
			if (!add(&amount, summary->periods[i].amounts[m]))
				return false;
		for (int age = 0; age < cohort->size; age++)
			if (!add(&held, cohort->cells[age].amount))
				return false;
	}
	return true;
}

/* True where customers stay in their bounds from close to close. */
static bool
periods_valid(const SmkRetentionSummary *summary)
{
	int64 customers = 0;

	for (int i = 0; i <= summary->end - summary->first; i++)
	{
		const SmkRetentionPeriod *period = &summary->periods[i];

		if (__builtin_add_overflow(customers, period->customers[SMK_MOVEMENT_NEW], &customers) ||
			__builtin_add_overflow(customers, period->customers[SMK_MOVEMENT_REACTIVATION], &customers) ||
			(customers -= period->customers[SMK_MOVEMENT_CHURN]) < 0)
			return false;
	}
	return true;
}

/* Reads a summary; false where the bytes are none. */
bool
smk_retention_read(SmkRetentionSummary *summary, const unsigned char *data, int64 size)
{
	const unsigned char *end = data + size;
	SmkRetentionForm form;
	int64 scale;
	int64 first;
	int64 last;
	int64 more;

	if (!read_form(&form, &data, end) || !read_number(&data, end, SMK_MONEY_MAX_SCALE, &scale) ||
		data == end || *data > 3)
		return false;
	smk_retention_init(summary, &form);
	summary->scale = (int) scale;
	summary->has_products = *data & 1;
	summary->has_no_product = (*data++ & 2) != 0;
	if (data == end)
		return true;
	if (!read_signed(&data, end, &first) || first < -SMK_SPAN_PERIOD_ZERO || first > SMK_SPAN_PERIOD_ZERO ||
		!read_number(&data, end, SMK_RETENTION_MAX_PERIODS - 1, &last) ||
		!read_number(&data, end, SMK_RETENTION_MAX_PERIODS, &more) ||
		/* Each period takes a byte a movement at least. */
		last + more >= (end - data) / SMK_MOVEMENTS ||
		smk_retention_extend(summary, (int) scale, (int) first, (int) (first + last),
							 (int) (first + last + more)) != SMK_RETENTION_OK)
		return false;
	for (int i = 0; i <= summary->end - summary->first; i++)
		if (!read_period(&summary->periods[i], &data, end) ||
			!read_cohort(summary, &summary->cohorts[i], summary->end - summary->first - i + 1, &data, end))
			return false;
	return data == end && periods_valid(summary) && smk_retention_has_room(summary);
}
