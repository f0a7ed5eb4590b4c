/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/* Is this trace sampled? Asked once, when a request comes in or a process starts a trace of its own. */
#ifndef WEFT_LIB_SAMPLE_H
#define WEFT_LIB_SAMPLE_H

#include "maps/sampling.h"
#include "maps/scratch.h"
#include "wire/ot_member.h"

/* What sample_request returns. */
#define SAMPLE_YES TRACE_FLAG_SAMPLED
#define SAMPLE_REPORT (1u << 1) /* keep rules want to see it in full, sampled or not */

/* … instead of what the caller decided. */
#define SAMPLE_NO_CALLER ~0u
#define SAMPLE_NEVER (1u << 2) /* not this request, whatever the caller and the rules say */

/* The member that tells `threshold` (by ot_threshold), to s->tracestate. Returns its length. */
WIRE_GLOBAL int sample_member(struct scratch *s, __u32 threshold)
{
	return s ? ot_member(s->tracestate.bytes, threshold) : 0;
}

static __always_inline __u32 sample_target(struct text_range target)
{
	return (__u32)target.end << 16 | target.start;
}

/* s->sampling.threshold: that of the service, or of the rule that holds for the target. */
static __always_inline void sample_threshold(struct scratch *s, const struct sampling_table *table,
					     const struct sampling_service *rules, __u32 target)
{
	s->sampling.threshold = rules->threshold;
	if (!rules->first)
		return;
	s->sampling.target = target & 0xffff;
	s->sampling.end = target >> 16;
	sampling_search(&s->text, table, rules->first, &s->sampling);
}

/*
 * The head in s->text begins or continues the trace of s->sampling.randomness. `target`: where its target lies, by
 * sample_target. `caller`: what the caller decided (0 or SAMPLE_YES), SAMPLE_NO_CALLER or SAMPLE_NEVER. Returns
 * SAMPLE_*; how it came about is in s->sampling.
 */
WIRE_GLOBAL int sample_request(struct scratch *s, __u32 service, __u32 target, __u32 caller)
{
	const struct sampling_table *table = sampling_table_get();
	const struct sampling_service *rules;
	struct sampling_pace *pace;
	bool floor;
	__u32 report;

	if (!s)
		return caller & SAMPLE_YES;
	s->sampling.decided = caller == SAMPLE_NEVER;
	s->sampling.told = 0;
	if (!table || caller == SAMPLE_NEVER)
		return caller & SAMPLE_YES;
	rules = sampling_service_of(table, service);
	report = rules->flags & SAMPLING_REPORT_ALL ? SAMPLE_REPORT : 0;
	if (caller != SAMPLE_NO_CALLER && !(table->flags & SAMPLING_IGNORE_PARENT))
		return (caller & SAMPLE_YES) | report;
	s->sampling.decided = 1;
	sample_threshold(s, table, rules, target);
	pace = sampling_pace_of(service);
	floor = rules->floor_ns && sampling_paced(&pace->floor_ns, rules->floor_ns, s->now_ns);
	if (s->sampling.randomness < s->sampling.threshold)
		return floor ? SAMPLE_YES | report : report;
	if (rules->interval_ns && !sampling_paced(&pace->limit_ns, rules->interval_ns, s->now_ns))
		return report;
	s->sampling.told = !rules->interval_ns && (table->flags & SAMPLING_TELL);
	return SAMPLE_YES | report;
}

/*
 * A record of Kafka that a process was given begins or continues the trace of s->sampling.randomness; s->text is its
 * head. The agent decides as well, by itself, and has to come to the same: no limits, which depend on when it is asked,
 * and no threshold that goes along.
 */
WIRE_GLOBAL int sample_record(struct scratch *s, __u32 service, __u32 target, __u32 caller)
{
	const struct sampling_table *table = sampling_table_get();
	const struct sampling_service *rules;
	__u32 report;

	if (!s)
		return caller & SAMPLE_YES;
	s->sampling.decided = s->sampling.told = 0;
	if (!table)
		return caller & SAMPLE_YES;
	rules = sampling_service_of(table, service);
	report = rules->flags & SAMPLING_REPORT_ALL ? SAMPLE_REPORT : 0;
	if (caller != SAMPLE_NO_CALLER && !(table->flags & SAMPLING_IGNORE_PARENT))
		return (caller & SAMPLE_YES) | report;
	s->sampling.decided = 1;
	sample_threshold(s, table, rules, target);
	return s->sampling.randomness < s->sampling.threshold ? report : SAMPLE_YES | report;
}

#endif
