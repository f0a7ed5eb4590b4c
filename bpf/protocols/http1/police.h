/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * Baggage that an application or a proxy sends by itself passes the same judgement as what comes in. What cannot be
 * changed goes out as it is, and is counted as unenforced, so that nobody believes more than was done.
 */
#ifndef WEFT_PROTOCOLS_HTTP1_POLICE_H
#define WEFT_PROTOCOLS_HTTP1_POLICE_H

#include "lib/policy.h"
#include "maps/unenforced.h"
#include "protocols/http1/decide.h"
#include "protocols/http1/lines.h"

/* Baggage of the head is to change. */
static __always_inline bool rewrite_polices(const struct scratch *s)
{
	return s->rewrite.baggage || s->rewrite.uber;
}

/* Is this why a change could not be made? Else the result is about contexts alone. */
static __always_inline bool is_obstacle(__u32 result)
{
	const __u32 obstacles = 1u << INJECTION_NO_BUDGET | 1u << INJECTION_SPLIT_BLANK_LINE |
				1u << INJECTION_TOO_LARGE | 1u << INJECTION_ZEROCOPY | 1u << INJECTION_SHARED_PAGES |
				1u << INJECTION_SCATTER | 1u << INJECTION_HELPER_FAILED | 1u << INJECTION_NOT_MEMBER |
				1u << INJECTION_SPLIT_HEAD | 1u << INJECTION_INDEXED;

	return obstacles >> (result & 31) & 1;
}

/* Baggage of this message left as it was, for this reason (enum injection_result). */
WIRE_GLOBAL int baggage_unenforced(struct connection *c, struct scratch *s, __u32 reason)
{
	struct kernel_counters *counters = counters_of_cpu();
	__u32 protocol;

	if (!c || !s || reason >= INJECTION_COUNT)
		return 0;
	s->facts |= REQUEST_BAGGAGE_UNENFORCED;
	unenforced_add(c, s->pid_tgid >> 32, s->now_ns, reason);
	protocol = c->protocol;
	WIRE_OPAQUE(protocol);
	WIRE_OPAQUE(reason);
	if (counters && reason < INJECTION_COUNT)
		__sync_fetch_and_add(&counters->unenforced[protocol & PROTOCOLS_MASK][reason], 1);
	return 0;
}

/* The same; `result` is what became of the head. */
static __always_inline void http1_unenforced(struct connection *c, struct scratch *s, __u32 result)
{
	if (!rewrite_polices(s) || !is_obstacle(result))
		result = s->rewrite.baggage_unjudged == BAGGAGE_ON_ITS_WAY || s->rewrite.baggage_gone
			     ? INJECTION_SPLIT_HEAD
			     : INJECTION_TOO_LARGE;
	baggage_unenforced(c, s, result);
}

/* The lines of a head that begin in [from, before) are to be judged now. */
static __always_inline void police_lines(const struct http1 *h, struct scratch *s, __u32 from, __u32 before)
{
	__u32 count = 0;

	for (__u32 i = 0; i < TEXT_LINES_MAX; i++) {
		__u32 to = count;

		if (i >= h->baggage.count || h->baggage.line[i].start < from || h->baggage.line[i].start >= before)
			continue;
		WIRE_OPAQUE(to);
		s->lines.line[to & (TEXT_LINES_MAX - 1)] = h->baggage.line[i];
		count++;
	}
	s->lines.count = count;
	s->lines.more = 0;
}

#define POLICE_NO_TRACE ((1ULL << 56) - 1) /* of no share but the whole */

/* The trace that the message is for: it chooses the rule set where one is for a share of the traces. */
WIRE_GLOBAL __u64 police_randomness(const struct http1 *h, struct scratch *s)
{
	if (!h || !s)
		return POLICE_NO_TRACE;
	if (s->decision.attribution != ATTRIBUTION_NONE)
		return policy_randomness(s->parent.trace_id);
	if (h->flags & HTTP1_HAS_CARRIERS) {
		for (__u32 format = 0; format < FORMAT_IDS; format++)
			if (s->carried[format].result == CONTEXT_OK)
				return policy_randomness(s->carried[format].ids.trace_id);
	} else if (h->traceparent_lines == 1 &&
		   traceparent_parse(&s->text, h->traceparent, &s->incoming) == TRACEPARENT_OK) {
		return policy_randomness(s->incoming.trace_id);
	}
	return POLICE_NO_TRACE;
}

enum police_stored { STORED_NONE = 0, STORED_KEPT, STORED_CHANGED };

/*
 * Is the text in s->policy.text what the request came with for which the message is sent? Then it has been judged, and
 * that holds: also when the rules have changed since. STORED_CHANGED: what goes on is in s->policy.out.
 */
WIRE_GLOBAL int police_stored(struct scratch *s)
{
	const struct exchange *e;
	const __u8 *text;
	__u64 bytes;
	bool kept;

	if (!s || s->decision.attribution == ATTRIBUTION_NONE || !s->parent.exchange_id)
		return STORED_NONE;
	e = exchange_get(s->parent.exchange_id);
	if (!e || !e->baggage_sum)
		return STORED_NONE;
	policy_text_sum(s);
	if (e->baggage_sum != s->baggage_sum)
		return STORED_NONE;
	kept = e->baggage_kept;
	bytes = s->parent.baggage_bytes;
	if (!kept && bytes) {
		text = parent_texts(s);
		WIRE_OPAQUE(bytes);
		if (!text || bytes > POLICY_BYTES_MAX ||
		    bpf_probe_read_kernel(s->policy.out, bytes, text + s->parent.tracestate_bytes))
			return STORED_NONE;
	}
	if (!exchange_get(s->parent.exchange_id)) /* it has ended meanwhile: the text may be somebody else's */
		return STORED_NONE;
	s->policy.out_length = bytes;
	return kept ? STORED_KEPT : STORED_CHANGED;
}

/*
 * Is anything of s->lines not to go on as it is? What is, is in s->policy.out. Where weft writes no baggage, it adds no
 * member either: what the request came with may have been given some, and so is judged again.
 */
static __always_inline bool police_objects(const struct connection *c, const struct http1 *h, struct scratch *s,
					   const struct process_entry *p, __u32 uncounted)
{
	int stored;

	policy_gather(&s->policy, &s->text, &s->lines);
	if ((c->destination & DESTINATION_BAGGAGE) && propagation_injects(&s->propagation, FORMAT_BAGGAGE)) {
		stored = police_stored(s);
		if (stored != STORED_NONE)
			return stored == STORED_CHANGED;
	} else {
		s->policy.partial = 1;
	}
	s->policy.uncounted = uncounted;
	policy_apply(s, p->policy_service, police_randomness(h, s), 0);
	return policy_changed(s);
}

/* What has to happen to a member for the value of its line to go: what is lost to a limit of baggage is none of it. */
static __always_inline bool uber_goes(__u32 action)
{
	const __u32 reasons = 1u << POLICY_REDACTED | 1u << POLICY_DENIED | 1u << POLICY_NO_RULE |
			      1u << POLICY_TOO_LONG | 1u << POLICY_NOT_ALLOWED | 1u << POLICY_CUT |
			      1u << POLICY_UNJUDGED | 1u << POLICY_MALFORMED;

	return reasons >> (action & 31) & 1;
}

/* A line is a member, in order. */
static long police_uber_step(__u32 i, void *arg)
{
	struct scratch *s = *(struct scratch **)arg;
	struct carrier_line *line = &s->carriers.line[i & (CARRIER_LINES_MAX - 1)];
	struct rewrite *w = &s->rewrite;
	__u32 member;

	if (i >= s->carriers.count)
		return 1;
	if (line->carrier != CARRIER_UBER_BAGGAGE)
		return 0;
	member = w->uber_lines++;
	if (line->start >= line->end)
		return 0;
	WIRE_OPAQUE(member);
	if (!w->uber_all) {
		if (member >= s->policy.fate_count)
			return 0;
		member &= CARRIER_LINES_MAX - 1;
		if (!uber_goes(POLICY_FATE_ACTION(s->policy.fates[member])))
			return 0;
	}
	if (line->start < w->base) { /* it is on its way */
		w->uber_late = 1;
		return 0;
	}
	line->carrier = CARRIER_UBER_EMPTIED;
	w->uber++;
	return 0;
}

/* Lines that were dealt with in an earlier send are not judged again. */
static long police_uber_past_step(__u32 i, void *arg)
{
	struct scratch *s = *(struct scratch **)arg;
	struct carrier_line *line = &s->carriers.line[i & (CARRIER_LINES_MAX - 1)];

	if (i >= s->carriers.count)
		return 1;
	if (line->carrier == CARRIER_UBER_BAGGAGE && line->start < s->rewrite.judged)
		line->carrier = CARRIER_UBER_EMPTIED;
	return 0;
}

/*
 * Judges the uberctx- lines of the head in s->text, before http1_police does its own. s->rewrite.uber: so many lose
 * their values. A key is no secret; a redacted value is not made anew, it goes as a whole.
 */
WIRE_GLOBAL int http1_police_uber(struct connection *c, struct http1 *h, struct scratch *s, struct process_entry *p)
{
	struct rewrite *w;
	__u32 to;

	if (!c || !h || !s || !p)
		return 0;
	w = &s->rewrite;
	w->judged = c->judged;
	w->uber = w->uber_lines = w->uber_all = w->uber_lost = w->uber_late = 0;
	if (!(h->flags & HTTP1_HAS_CARRIERS))
		return 0;
	w->uber_lost = (h->flags & HTTP1_TEXT_LOST) || s->carriers.lost_from; /* some may not be in s->carriers */
	if ((h->flags & HTTP1_TEXT_LOST) || !s->carriers.lines[CARRIER_UBER_BAGGAGE] || h->head_bytes >= HEAD_TEXT_CAP)
		return 0;
	s->lines.count = s->lines.more = 0;
	if (w->judged)
		bpf_loop(CARRIER_LINES_MAX, police_uber_past_step, &s, 0);
	to = uber_members(&s->text, &s->lines, &s->carriers, &s->uber_work, h->head_bytes);
	policy_gather(&s->policy, &s->text, &s->lines);
	policy_append(&s->policy, &s->text, h->head_bytes, to);
	s->policy.folded_from = 0;
	s->policy.partial = 1;
	s->policy.uncounted = w->again;
	policy_apply(s, p->policy_service, police_randomness(h, s), 0);
	bpf_loop(CARRIER_LINES_MAX, police_uber_step, &s, 0);
	if (s->policy.fate_count > w->uber_lines || (!s->policy.fate_count && s->policy.counts[POLICY_UNJUDGED])) {
		w->uber_all = 1; /* a name that holds several, or no rule set */
		bpf_loop(CARRIER_LINES_MAX, police_uber_step, &s, 0);
	} else if (s->policy.fate_count < w->uber_lines) {
		w->uber_lost = 1;
	}
	return 0;
}

/*
 * Judges the baggage lines of the head in s->text, after http1_police_uber; `base` is where in the head the message
 * begins. s->rewrite.baggage: they give way to s->policy.out. A text to which the policy does not object stays as it
 * is, byte for byte. However many sends a head comes in, each of its members counts once; of those for which it is too
 * late only that they are unenforced.
 */
WIRE_GLOBAL int http1_police(struct connection *c, struct http1 *h, struct scratch *s, struct process_entry *p,
			     __u32 base)
{
	if (!c || !h || !s || !p)
		return 0;
	s->rewrite.baggage = 0;
	s->rewrite.baggage_unjudged =
	    h->baggage.more || s->rewrite.uber_lost || (has_lines(&h->baggage) && (h->flags & HTTP1_TEXT_LOST))
		? BAGGAGE_TOO_MUCH
	    : s->rewrite.uber_late ? BAGGAGE_ON_ITS_WAY
				   : BAGGAGE_JUDGED;
	s->rewrite.baggage_gone = 0;
	if (!h->baggage.count || h->baggage.more || (h->flags & HTTP1_TEXT_LOST))
		return 0;
	police_lines(h, s, s->rewrite.judged, base);
	if (s->lines.count) { /* too late for these: the others by themselves */
		if (police_objects(c, h, s, p, true))
			s->rewrite.baggage_unjudged = BAGGAGE_ON_ITS_WAY;
		else if (!s->rewrite.again)
			police_objects(c, h, s, p, false);
		s->rewrite.judged = base;
	}
	police_lines(h, s, s->rewrite.judged, ~0u);
	s->rewrite.baggage = s->lines.count && police_objects(c, h, s, p, s->rewrite.again);
	return 0;
}

#endif
