/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * The one place where baggage is judged: a text in s->policy.text (wire/policy_gather.h puts header lines there) by the
 * rule set that is live for this service and this trace. The result is in s->policy.out; without a rule set, or when
 * anything is missing that should be there, it is empty.
 */
#ifndef WEFT_LIB_POLICY_H
#define WEFT_LIB_POLICY_H

#include "maps/counters.h"
#include "maps/policy.h"
#include "maps/scratch.h"
#include "wire/policy.h"
#include "wire/policy_gather.h"

/* The part of a trace id that is random (Trace Context Level 2): its last seven bytes. */
static __always_inline __u64 policy_randomness(const __u8 *trace_id)
{
	__u64 word = wire_load64(trace_id + 8);

	return __builtin_bswap64(word) & ((1ULL << 56) - 1);
}

struct policy_path_run {
	struct scratch *scratch;
	const struct policy_set *set;
};

/* Where it stands is in s->policy, not on the stack, where the verifier would follow the values. */
static long policy_path_step(__u32 i, void *arg)
{
	struct policy_path_run *run = arg;
	struct policy_run *r = &run->scratch->policy;
	__u32 at = r->at, state = r->first & 0xffff, entry;

	if (at >= r->end || !state)
		return 1;
	entry = policy_byte_entry(run->set, POLICY_PATH, head_text_at(&run->scratch->text, at));
	state = policy_next(run->set, state, entry & POLICY_CLASS);
	r->injectable |= policy_label(run->set, state);
	r->first = state;
	r->at = at + 1;
	return 0;
}

/* Adds the injected members whose path prefix the target in s->text has. */
static __always_inline void policy_paths(struct scratch *s, const struct policy_set *set, struct text_range target)
{
	struct policy_path_run run = {.scratch = s, .set = set};

	s->policy.at = target.start;
	s->policy.end = target.end;
	s->policy.first = set->paths;
	bpf_loop(HEAD_TEXT_CAP, policy_path_step, &run, 0);
}

struct policy_choice {
	const struct policy_set *top;
	__u64 randomness;
	__u32 scopes, number;
};

static long policy_choose_step(__u32 i, void *arg)
{
	struct policy_choice *choice = arg;
	__u32 number = i + 1;

	WIRE_OPAQUE(number);
	number &= POLICY_SETS_MAX - 1;
	if (!(choice->scopes >> number & 1) || choice->randomness >= choice->top->percent[number])
		return 0;
	choice->number = number;
	return 1;
}

/* The first scope that is for this service and this trace; 0: the top level. */
static __always_inline void policy_choose(struct scratch *s, __u32 generation, const struct policy_set *top,
					  const struct policy_service *row, __u64 randomness)
{
	struct policy_choice choice = {.top = top, .randomness = randomness, .scopes = row->scopes};

	if (choice.scopes)
		bpf_loop(POLICY_SETS_MAX - 1, policy_choose_step, &choice, 0);
	s->policy_set[generation & 1] = choice.number; /* from memory, the verifier knows no value of it */
}

/* Which counters the evaluation takes; through memory, of which the verifier knows no value. */
static __always_inline void policy_counts_as(struct scratch *s, __u32 slot, __u32 number)
{
	s->policy_counted[0] = slot;
	s->policy_counted[1] = number;
	if (s->policy.uncounted) {
		s->policy_counted[0] = POLICY_NO_SLOT;
		s->policy_counted[1] = 0;
	}
}

/* By one generation. `target`: of the request in s->text, an empty range if it does not matter. */
WIRE_GLOBAL int policy_evaluate(struct scratch *s, __u32 generation, __u32 service, __u64 randomness,
				__u32 target_start_and_end)
{
	struct text_range target = {.start = target_start_and_end, .end = target_start_and_end >> 16};
	const struct policy_service *row;
	struct policy_counters *counters;
	const struct policy_set *set;
	__u32 number = 0, slot, lanes;
	void *sets;

	if (!s)
		return 0;
	s->policy.out_length = s->policy.members = s->policy.fate_count = s->policy.injected = 0;
	sets = bpf_map_lookup_elem(&policy_generations, &generation); /* once: it may be replaced at any time */
	set = sets ? bpf_map_lookup_elem(sets, &number) : NULL;
	if (!set)
		return 0;
	slot = set->slot;
	lanes = set->lanes;
	s->policy_slot[generation & 1] = slot;
	row = policy_service_of(slot, service);
	if (!row)
		return 0;
	policy_choose(s, generation, set, row, randomness);
	number = s->policy_set[generation & 1];
	if (number) {
		set = bpf_map_lookup_elem(sets, &number);
		if (!set)
			return 0;
	}
	policy_counts_as(s, slot, number);
	counters = policy_counters_of(s->policy_counted[0], s->policy_counted[1], lanes);
	if (!counters)
		return 0;
	s->policy.injectable = set->everywhere;
	if ((set->flags & POLICY_PATHS) && target.start < target.end)
		policy_paths(s, set, target);
	s->policy.injectable &= s->policy.partial ? 0 : row->injected;
	policy_judge(&s->policy, set, counters);
	return 1;
}

/* Actions that do not pass a member on. */
static __always_inline bool policy_drops(__u32 action)
{
	return action != POLICY_KEPT && action != POLICY_REDACTED;
}

static long policy_compare_step(__u32 i, void *arg)
{
	struct policy_walk *w = arg;
	struct scratch *s = (struct scratch *)w->run;
	__u32 at = i, shadow, live, row, pattern, by;

	WIRE_OPAQUE(at);
	if (at >= POLICY_FATES || at >= s->policy.fate_count || at >= s->shadow.fate_count)
		return 1;
	shadow = s->shadow.fates[at];
	live = POLICY_FATE_ACTION(s->policy.fates[at]);
	row = POLICY_FATE_RULE(shadow);
	pattern = POLICY_FATE_PATTERN(shadow);
	shadow = POLICY_FATE_ACTION(shadow);
	if (policy_drops(shadow) == policy_drops(live) && !(shadow == POLICY_REDACTED && live == POLICY_KEPT))
		return 0;
	by = shadow == POLICY_TOO_LONG	    ? POLICY_BY_TOO_LONG
	     : shadow == POLICY_NOT_ALLOWED ? POLICY_BY_NOT_ALLOWED
	     : shadow == POLICY_DENIED	    ? POLICY_BY_DENIED
					    : POLICY_BY_KEPT;
	WIRE_OPAQUE(shadow);
	if (shadow < POLICY_ACTION_COUNT)
		__sync_fetch_and_add(&w->counters->actions[shadow], 1);
	/* Two bounds of one value, hidden from each other: see WIRE_OPAQUE. */
	if (by != POLICY_BY_KEPT || !policy_drops(shadow)) {
		WIRE_OPAQUE(by);
		WIRE_OPAQUE(row);
		if (by < POLICY_BY_COUNT && row <= POLICY_RULES_MAX)
			__sync_fetch_and_add(&w->counters->by[by][row], 1);
	}
	pattern--;
	WIRE_OPAQUE(pattern);
	if (shadow == POLICY_REDACTED && pattern < POLICY_REDACTIONS_MAX)
		__sync_fetch_and_add(&w->counters->redacted[pattern], 1);
	return 0;
}

struct policy_injected_run {
	const struct scratch *scratch;
	const struct policy_set *live, *shadow;
	struct policy_counters *counters;
	__u32 same; /* bit n: the live set injected what the shadow's member n is */
};

static long policy_same_step(__u32 i, void *arg)
{
	struct policy_injected_run *run = arg;
	__u32 n = i / POLICY_INJECTED_MAX, k = i % POLICY_INJECTED_MAX;

	WIRE_OPAQUE(n);
	WIRE_OPAQUE(k);
	n &= POLICY_INJECTED_MAX - 1;
	k &= POLICY_INJECTED_MAX - 1;
	if ((run->scratch->policy.injected >> k & 1) && run->live->injected[k].text == run->shadow->injected[n].text)
		run->same |= 1u << n;
	return 0;
}

static long policy_injected_step(__u32 i, void *arg)
{
	struct policy_injected_run *run = arg;
	__u32 n = i;

	WIRE_OPAQUE(n);
	n &= POLICY_INJECTED_MAX - 1;
	if ((run->scratch->shadow.injected & ~run->same) >> n & 1) {
		__sync_fetch_and_add(&run->counters->actions[POLICY_INJECTED], 1);
		__sync_fetch_and_add(&run->counters->injected[n], 1);
	}
	return 0;
}

/* The set that judged last by this generation, unless it was replaced since: a slot in use now is no other's. */
static __always_inline const struct policy_set *policy_judged_by(const struct scratch *s, __u32 generation)
{
	const struct policy_set *set = policy_set_of(generation, s->policy_set[generation]);

	return set && set->slot == s->policy_slot[generation] ? set : NULL;
}

/*
 * Counts what the shadow (s->shadow) does that the live rule set (s->policy) did not: of members, and of injection. Not
 * when one of them was replaced meanwhile: its rows would be those of another set.
 */
WIRE_GLOBAL int policy_compare(struct scratch *s)
{
	struct policy_injected_run injected = {};
	struct policy_walk walk = {};
	const struct policy_set *shadow;

	if (!s)
		return 0;
	shadow = injected.shadow = policy_judged_by(s, POLICY_SHADOW);
	injected.live = policy_judged_by(s, POLICY_LIVE);
	if (!shadow || !injected.live)
		return 0;
	walk.counters = policy_counters_of(shadow->slot, shadow->sets + s->policy_set[POLICY_SHADOW], shadow->lanes);
	if (!walk.counters)
		return 0;
	__sync_fetch_and_add(&walk.counters->texts, 1);
	walk.run = (struct policy_run *)s;
	bpf_loop(POLICY_FATES, policy_compare_step, &walk, 0);
	if (!s->shadow.injected)
		return 0;
	injected.scratch = s;
	injected.counters = walk.counters;
	bpf_loop(POLICY_INJECTED_MAX * POLICY_INJECTED_MAX, policy_same_step, &injected, 0);
	bpf_loop(POLICY_INJECTED_MAX, policy_injected_step, &injected, 0);
	return 0;
}

/*
 * Judges the text in s->policy by the live rule set, and by the shadow beside it, which has no effect but its counts.
 * Whatever the protocol and the direction: `service` is process_entry.policy_service, `randomness` that of the trace
 * that the text is for, `target` as in policy_evaluate. With s->policy.uncounted nothing is counted: whoever judges a
 * text more than once says so. Returns the length of s->policy.out.
 */
WIRE_GLOBAL int policy_apply(struct scratch *s, __u32 service, __u64 randomness, __u32 target_start_and_end)
{
	bool compare;

	if (!s)
		return 0;
	compare =
	    !s->policy.uncounted && policy_evaluate(s, POLICY_SHADOW, service, randomness, target_start_and_end) != 0;
	if (compare) {
		wire_copy(s->shadow.fates, s->policy.fates, sizeof(s->shadow.fates));
		s->shadow.fate_count = s->policy.fate_count;
		s->shadow.injected = s->policy.injected;
	}
	if (!policy_evaluate(s, POLICY_LIVE, service, randomness, target_start_and_end)) {
		s->policy.counts[POLICY_UNJUDGED] = 1; /* the other counts are the shadow's, or of another text */
		count_fault(s->program, FAULT_NO_POLICY);
	} else if (compare) {
		policy_compare(s);
	}
	return (int)s->policy.out_length;
}

/* Of the text in s->policy.text, eight bytes a step. */
static long policy_text_sum_step(__u32 i, void *arg)
{
	struct scratch *s = *(struct scratch **)arg;
	__u32 at = i * 8, left;
	__u64 word;

	if (at >= s->policy.length)
		return 1;
	left = s->policy.length - at;
	WIRE_OPAQUE(at);
	word = wire_load64(s->policy.text + (at & (HEAD_TEXT_CAP - 1)));
	if (left < 8)
		word &= (1ULL << (8 * left)) - 1;
	s->baggage_sum = carried_fold(s->baggage_sum, word);
	return 0;
}

/* s->baggage_sum becomes that of the text to be judged; 0: there is none, or it is not all there. */
WIRE_GLOBAL int policy_text_sum(struct scratch *s)
{
	if (!s)
		return 0;
	s->baggage_sum = 0;
	if (!s->policy.length || s->policy.cut || s->policy.lost_lines)
		return 0;
	s->baggage_sum = carried_fold(settings.seed[6], ~(__u64)s->policy.length);
	bpf_loop(HEAD_TEXT_CAP / 8, policy_text_sum_step, &s, 0);
	return 0;
}

/* Has the text been judged to go on as it came? Otherwise what goes on is in s->policy.out. */
static __always_inline bool policy_changed(const struct scratch *s)
{
	__u32 changes = 0;

	for (__u32 action = POLICY_REDACTED; action <= POLICY_INJECTED; action++)
		changes |= s->policy.counts[action];
	return changes != 0;
}

static __always_inline __u32 policy_target(struct text_range target)
{
	return (__u32)target.start | (__u32)target.end << 16;
}

#endif
