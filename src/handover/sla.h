/*
 * sla.h: service level agreements: which events of a lead start a clock, and who has to answer until when.
 *
 * The clocks of a rule are one SELECT, which all that tells of them reads: a row a trigger with what ended
 * its clock. A trigger has a clock of its own, which its lead's first answer or closing at or after it ends;
 * at the same instant the trigger comes first, then the answer.
 */
#ifndef SMK_SLA_H
#define SMK_SLA_H

#include "nodes/execnodes.h"

#include "kpi/request.h"

typedef enum SmkSlaTrigger
{
	SMK_SLA_ACTIVITY, /* each activity of a kind; with other conditions the first one */
	SMK_SLA_STAGE,	  /* the lead came to a stage or beyond */
	SMK_SLA_SCORE,	  /* its score came to a threshold */
	SMK_SLA_ASSIGNED  /* it was assigned */
} SmkSlaTrigger;

/* A condition of a trigger. */
typedef struct SmkSlaCondition
{
	SmkSlaTrigger trigger;
	const char *name; /* the kind of activity, or the stage */
	double score;
} SmkSlaCondition;

typedef struct SmkSlaRule
{
	char *name;
	List *conditions; /* of SmkSlaCondition; the clock starts when the last one is met */
	List *answers;	  /* of char *: kinds of activity; NIL: any but those of the trigger */
	int64 within;	  /* in microseconds, of open time where there is a calendar */
	char *calendar;	  /* NULL: by the wall clock */
	double warn_at;	  /* the share of the limit after which there is a warning */
	Jsonb *filter;	  /* NULL: all leads */
} SmkSlaRule;

/* What the SELECT of a rule's clocks has, beside lead_id (of the lead's own type), triggered_at and due_at.
 */
typedef struct SmkSlaShape
{
	bool is_open;  /* only clocks that run, and neither answered_at nor stopped_at: anti-joins */
	bool has_lead; /* label, owner, manager, team: as text, NULL for the missing */
} SmkSlaShape;

/* Work over rules, which may raise an error: done over all that can be read. */
typedef struct SmkSlaWork
{
	/* Inside SPI_connect and the settings of statements; a probe is of one rule, and leaves nothing behind
	 * but what the next run replaces. */
	void (*run)(List *rules, bool is_probe, void *state);
	void *state;
	ReturnSetInfo *result; /* cleared when it is done again; NULL: it gives no rows */
	bool goes_without;	   /* it is done over no rule, too, where none can be read */
} SmkSlaWork;

extern SmkSlaRule *smk_sla_parse(const char *name, const char *trigger, const char *answer,
								 const Interval *within, const char *calendar, const Jsonb *options);
extern List *smk_sla_rules(void);
extern List *smk_sla_rules_named(List *names);
extern List *smk_sla_rule_names(void);
extern void smk_sla_run_readable(const SmkSlaWork *work);
extern SmkRequest *smk_sla_request(SmkConfig *config, const TimestampTz *as_of);
extern TimestampTz smk_sla_as_of(const SmkRequest *request);
extern char *smk_sla_clocks(const SmkRequest *request, const SmkSlaRule *rule, const SmkSlaShape *shape);
extern char *smk_sla_response_times(const SmkRequest *request, List *rules);
extern char *smk_sla_hours(const SmkSlaRule *rule, const char *from, const char *to);
extern char *smk_sla_kind_is_seen(SmkConfig *config, const char *kind);
extern char *smk_sla_seen_kinds(SmkConfig *config, const char *kind);

#endif
