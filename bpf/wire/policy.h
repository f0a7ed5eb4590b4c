/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * The baggage policy: one pass over the text of a `baggage` header by the tables of a policy_set. Deny, rules,
 * redaction, injection, limits, in that order; what it means is in docs/baggage-policy.md.
 *
 * A member is judged alone and kept or dropped whole; kept bytes are the bytes that came. When the loop ends early or
 * the step budget is spent, what was not judged is dropped.
 */
#ifndef WEFT_WIRE_POLICY_H
#define WEFT_WIRE_POLICY_H

#include "wire/policy_member.h"

#define POLICY_STEPS (1u << 18)

/* To the comma behind a dropped member, eight bytes at a time. */
WIRE_INLINE bool policy_skip(struct policy_run *r)
{
	__u32 at = r->at;
	__u64 stop = 0;

	for (__u32 i = 0; i < 4 && !stop; i++) {
		__u32 index = at;

		WIRE_OPAQUE(index);
		stop = word_equal(wire_load64(r->text + (index & (HEAD_TEXT_CAP - 1))), ',');
		at += stop ? word_first(stop) : 8;
	}
	r->at = at;
	return stop != 0;
}

WIRE_STEP policy_step(__u32 step, void *arg)
{
	const struct policy_walk *w = (const struct policy_walk *)arg;
	struct policy_run *r = w->run;
	const struct policy_set *p = w->set;
	__u32 mode = r->mode & 15, at = r->at, first = r->first & 0xffff, second = r->second & 0xffff, kind = 0;
	const __u32 *entries;
	const __u8 *text;

	(void)step;
	if (mode >= POLICY_SKIP) {
		if (mode == POLICY_BACK)
			policy_back(r, p);
		else if (mode == POLICY_SCAN)
			policy_scan(r, p);
		else if (mode == POLICY_RAW)
			policy_raw(r, p);
		else if (policy_skip(r))
			policy_member_ends(r, p, w->counters);
		return r->done & 1;
	}
	WIRE_OPAQUE(mode);
	mode &= 15;
	entries = p->bytes[mode];
	text = r->text + (at & (HEAD_TEXT_CAP - 1));
#ifdef __clang__
#pragma clang loop unroll(full)
#endif
	for (__u32 i = 0; i < POLICY_BLOCK; i++) {
		__u32 entry = entries[text[i]];

		kind = entry >> POLICY_KIND;
		if (kind)
			break;
		first = policy_next(p, first, entry & POLICY_CLASS);
		second = policy_next(p, second, entry >> POLICY_SECOND & POLICY_CLASS);
		at++;
	}
	r->at = at;
	r->first = first;
	r->second = second;
	if (kind)
		policy_special(r, p, w->counters, kind);
	return r->done & 1;
}

/* Which of the injectable members there is room for; of several for one key the first. */
WIRE_STEP policy_reserve_step(__u32 i, void *arg)
{
	const struct policy_walk *w = (const struct policy_walk *)arg;
	const struct policy_set *p = w->set;
	struct policy_run *r = w->run;
	__u32 n = i, key, bytes;

	WIRE_OPAQUE(n);
	n &= POLICY_INJECTED_MAX - 1;
	if (!(r->injectable >> n & 1))
		return 0;
	r->injectable &= ~(1u << n);
	key = p->injected[n].key - 1u;
	bytes = p->injected[n].length + 1;
	WIRE_OPAQUE(key);
	if (n >= p->injected_count || key >= POLICY_INJECTED_MAX || r->of_key[key])
		return 0;
	r->of_key[key] = n + 1;
	if (r->reserved_members >= p->max_members || r->reserved_bytes + bytes - 1 > p->max_bytes) {
		r->of_key[key] = 0xff;
		r->counts[POLICY_NOT_INJECTED]++;
		return 0;
	}
	r->injectable |= 1u << n;
	r->reserved_members++;
	r->reserved_bytes += bytes;
	return 0;
}

WIRE_STEP policy_inject_step(__u32 i, void *arg)
{
	const struct policy_walk *w = (const struct policy_walk *)arg;
	const struct policy_set *p = w->set;
	struct policy_run *r = w->run;
	__u32 n = i;
	__u64 bytes;

	WIRE_OPAQUE(n);
	n &= POLICY_INJECTED_MAX - 1;
	bytes = p->injected[n].length;
	if (!((r->injectable & ~r->present) >> n & 1) || bytes > POLICY_INJECTED_BYTES)
		return 0;
	policy_comma(r);
	policy_copy_out(r, p->injected[n].bytes, bytes);
	r->members++;
	r->injected |= 1u << n;
	r->counts[POLICY_INJECTED]++;
	__sync_fetch_and_add(&w->counters->injected[n], 1);
	return 0;
}

WIRE_STEP policy_missing_step(__u32 i, void *arg)
{
	const struct policy_walk *w = (const struct policy_walk *)arg;
	__u32 word = i / 64;

	WIRE_OPAQUE(word);
	word &= POLICY_RULES_MAX / 64 - 1;
	if ((w->set->required[word] & ~w->run->seen[word]) >> (i & 63) & 1) {
		w->run->counts[POLICY_MISSING]++;
		policy_count(w->counters, POLICY_BY_MISSING, i + 1);
	}
	return 0;
}

WIRE_INLINE void policy_begin(struct policy_run *r, const struct policy_set *p)
{
	__u32 length = r->length;

	WIRE_OPAQUE(length);
	if (length > POLICY_TEXT_MAX) {
		length = POLICY_TEXT_MAX;
		r->cut = 1;
	}
	r->length = length;
	r->text[length] = ','; /* ends the last member, so that no byte needs a look at the end */
	r->out_length = r->members = r->injected = r->fate_count = 0;
	__builtin_memset(r->counts, 0, sizeof(r->counts));
	r->counts[POLICY_LOST_LINE] = r->lost_lines;
	r->done = length == 0;
	r->mode = r->at = r->first = r->second = r->label = r->rule = r->escapes = 0;
	r->pending = r->pending_end = r->redacting = r->present = 0;
	r->reserved_members = r->reserved_bytes = 0;
	r->budget = p->budget;
	__builtin_memset(r->seen, 0, sizeof(r->seen));
	r->injectable &= (1u << POLICY_INJECTED_MAX) - 1;
	__builtin_memset(r->of_key, 0, sizeof(r->of_key));
}

/* Into the counters that everybody sees. */
WIRE_INLINE void policy_publish_counts(const struct policy_run *r, struct policy_counters *c)
{
	__sync_fetch_and_add(&c->texts, 1);
	for (__u32 i = 0; i < POLICY_ACTION_COUNT; i++)
		if (r->counts[i])
			__sync_fetch_and_add(&c->actions[i], r->counts[i]);
}

/*
 * Judges r->length bytes of r->text (several header lines joined with commas); r->text behind them is written to.
 * r->cut, folded_from, lost_lines, injectable and partial are set too. Returns r->out_length.
 */
WIRE_INLINE int policy_judge(struct policy_run *r, const struct policy_set *p, struct policy_counters *c)
{
	struct policy_walk walk = {.run = r, .set = p, .counters = c};

	policy_begin(r, p);
	if (r->injectable)
		wire_loop(POLICY_INJECTED_MAX, policy_reserve_step, &walk);
	if (!r->done)
		wire_loop(POLICY_STEPS, policy_step, &walk);
	if (!r->done && r->mode != POLICY_SKIP) /* cannot happen; what was not judged is not passed on */
		policy_drop(r, POLICY_UNJUDGED, 0);
	policy_flush(r);
	if (r->injectable)
		wire_loop(POLICY_INJECTED_MAX, policy_inject_step, &walk);
	if (!r->partial && ((p->required[0] & ~r->seen[0]) | (p->required[1] & ~r->seen[1]) |
			    (p->required[2] & ~r->seen[2]) | (p->required[3] & ~r->seen[3])))
		wire_loop(POLICY_RULES_MAX, policy_missing_step, &walk);
	policy_publish_counts(r, c);
	return (int)r->out_length;
}

#endif
