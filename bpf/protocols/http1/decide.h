/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * What an outgoing request is to carry: the table "what an outgoing message already carries" (docs/attribution.md).
 * Looks only; changes no bytes. Result in s->decision and s->parent (a new root has exchange_id 0 and a trace id).
 */
#ifndef WEFT_PROTOCOLS_HTTP1_DECIDE_H
#define WEFT_PROTOCOLS_HTTP1_DECIDE_H

#include "lib/exchange.h"

static __always_inline int decided(struct scratch *s, __u32 result, __u32 attribution, __u32 writes)
{
	s->decision.result = result;
	s->decision.attribution = attribution;
	s->decision.writes = writes;
	if (attribution != ATTRIBUTION_NONE)
		new_span_id(s->decision.span_id);
	return 0;
}

/* Also when the lines lie beyond the kept text. */
static __always_inline bool has_lines(const struct text_lines *lines)
{
	return lines->count || lines->more;
}

/* The exchange that s->exchange holds received the value of s->value_sum. */
static __always_inline bool received_this(const struct scratch *s)
{
	return (s->exchange.indexed & INDEXED_VALUE) && s->exchange.tgid == s->pid_tgid >> 32 &&
	       s->exchange.received == s->value_sum;
}

enum carried_by { CARRIED_BY_NONE = 0, CARRIED_BY_ONE, CARRIED_BY_SEVERAL };

/* Who of the live exchanges received the value of s->value_sum? When it is one, it is in s->exchange. */
WIRE_GLOBAL int carried_by(struct scratch *s)
{
	if (!s)
		return CARRIED_BY_NONE;
	for (__u32 choice = 0; choice < 2; choice++) {
		__u64 cell = carried_get(s->value_sum, choice);

		if (!CARRIED_COUNT(cell))
			return CARRIED_BY_NONE;
		if (CARRIED_COUNT(cell) == 1) /* when it received something else, or has just ended, nobody has */
			return exchange_copy(CARRIED_ID(cell), &s->exchange) && received_this(s) ? CARRIED_BY_ONE
												 : CARRIED_BY_NONE;
	}
	return CARRIED_BY_SEVERAL;
}

/* Did a live exchange of this process come with the trace id of s->incoming? Several: not known, and not claimed. */
static __always_inline bool trace_is_known(struct scratch *s)
{
	__u64 sum = carried_sum_of_trace(s->pid_tgid >> 32, s->incoming.trace_id);

	for (__u32 choice = 0; choice < 2; choice++) {
		__u64 cell = carried_get(sum, choice);

		if (!CARRIED_COUNT(cell))
			return false;
		if (CARRIED_COUNT(cell) == 1)
			return exchange_copy(CARRIED_ID(cell), &s->exchange) && (s->exchange.indexed & INDEXED_TRACE) &&
			       s->exchange.tgid == s->pid_tgid >> 32 &&
			       !__builtin_memcmp(s->exchange.ids.trace_id, s->incoming.trace_id, 16);
	}
	return false;
}

/* Headers of the inject formats that the message lacks and the parent has. */
static __always_inline __u32 missing_texts(const struct connection *c, const struct http1 *h, const struct scratch *s)
{
	__u32 writes = 0;

	if (s->parent.tracestate_bytes && !has_lines(&h->tracestate) && setting(SETTING_INJECT_CONTEXT))
		writes |= WRITE_TRACESTATE;
	if (s->parent.baggage_bytes && !has_lines(&h->baggage) && setting(SETTING_INJECT_BAGGAGE) &&
	    (c->destination & DESTINATION_BAGGAGE))
		writes |= WRITE_BAGGAGE;
	return writes;
}

/* The message has no traceparent. */
static __always_inline int decide_plain(struct connection *c, const struct http1 *h, struct scratch *s,
					struct process_entry *p)
{
	__u32 writes = setting(SETTING_INJECT_CONTEXT) ? WRITE_TRACEPARENT : 0;
	__u32 attribution;

	if (has_lines(&h->tracestate))
		return decided(s, INJECTION_OWN_HEADER, ATTRIBUTION_NONE, 0);
	attribution = attribute_task(s, p);
	if (attribution != ATTRIBUTION_NONE)
		return decided(s, INJECTION_DONE, attribution, writes | missing_texts(c, h, s));
	if (p->live > 0 || p->blind > 0)
		return decided(s, INJECTION_NO_TASK, ATTRIBUTION_NONE, 0);
	if (!(p->flags & PROCESS_ORPHANS_ROOT))
		return decided(s, INJECTION_ORPHANS_OFF, ATTRIBUTION_NONE, 0);
	__builtin_memset(&s->parent, 0, sizeof(s->parent));
	new_trace_id(s->parent.trace_id);
	s->parent.flags = TRACE_FLAG_SAMPLED | TRACE_FLAG_RANDOM;
	return decided(s, INJECTION_DONE, ATTRIBUTION_ROOT, writes);
}

static __always_inline int decide_forwarded(struct connection *c, const struct http1 *h, struct scratch *s, __u32 bytes)
{
	parent_is(s, &s->exchange);
	if (bytes < TRACEPARENT_BYTES)
		return decided(s, INJECTION_INVALID_CARRIED, ATTRIBUTION_CARRIED, 0);
	return decided(s, INJECTION_OVERWRITTEN, ATTRIBUTION_CARRIED, WRITE_OVER | missing_texts(c, h, s));
}

/* The message has a traceparent: whose is it? */
static __always_inline int decide_carrying(struct connection *c, const struct http1 *h, struct scratch *s,
					   struct process_entry *p)
{
	__u32 start = h->traceparent.start, end = h->traceparent.end;
	struct text_range range;
	int by = CARRIED_BY_NONE, result;

	s->facts |= REQUEST_HAS_CONTEXT;
	if (h->traceparent_lines > 1 || (h->flags & HTTP1_TEXT_LOST))
		return decided(s, INJECTION_INVALID_CARRIED, ATTRIBUTION_NONE, 0);
	text_trim(&s->text, &start, &end);
	range.start = start;
	range.end = end;
	if (p->live > 0 && value_sum(s, range))
		by = carried_by(s);
	if (by == CARRIED_BY_ONE)
		return decide_forwarded(c, h, s, end - start);
	if (by == CARRIED_BY_SEVERAL) {
		/* Only the thread can tell which. attribute_task leaves the candidate in s->exchange. */
		if (attribute_task(s, p) != ATTRIBUTION_NONE && received_this(s))
			return decide_forwarded(c, h, s, end - start);
		return decided(s, INJECTION_AMBIGUOUS, ATTRIBUTION_NONE, 0);
	}
	result = traceparent_parse(&s->text, range, &s->incoming);
	if (result != TRACEPARENT_OK) {
		s->facts |= REQUEST_INVALID_CONTEXT;
		return decided(s, INJECTION_INVALID_CARRIED, ATTRIBUTION_NONE, 0);
	}
	if (p->live > 0 && trace_is_known(s)) {
		s->facts |= REQUEST_FOREIGN_PARENT;
		return decided(s, INJECTION_INSTRUMENTED, ATTRIBUTION_NONE, 0);
	}
	return decided(s, INJECTION_OWN_HEADER, ATTRIBUTION_NONE, 0);
}

/* h is the complete head in s->text. */
WIRE_GLOBAL int http1_decide(struct connection *c, struct http1 *h, struct scratch *s, struct process_entry *p)
{
	if (!c || !h || !s || !p)
		return 0;
	s = scratch_again(s);
	if (!s)
		return 0;
	s->facts = h->flags & HTTP1_IS_10 ? REQUEST_HTTP10 : 0;
	s->parent.exchange_id = 0;
	if (p->flags & PROCESS_INSTRUMENTED) {
		if (h->traceparent_lines)
			s->facts |= REQUEST_HAS_CONTEXT;
		return decided(s, INJECTION_INSTRUMENTED, ATTRIBUTION_NONE, 0);
	}
	if (h->traceparent_lines)
		decide_carrying(c, h, s, p);
	else
		decide_plain(c, h, s, p);
	if (s->decision.writes && !(c->destination & DESTINATION_CONTEXT)) {
		s->decision.result = INJECTION_DESTINATION;
		s->decision.writes = 0;
	}
	return 0;
}

/* What http1_overwrite_early did is what this head carries; texts that it lacks are still added. */
static __always_inline void http1_decided_early(struct connection *c, const struct http1 *h, struct scratch *s)
{
	c->overwritten = 0;
	s->facts = REQUEST_HAS_CONTEXT | (h->flags & HTTP1_IS_10 ? REQUEST_HTTP10 : 0);
	s->parent = c->overwritten_parent;
	s->decision.result = INJECTION_OVERWRITTEN;
	s->decision.attribution = ATTRIBUTION_CARRIED;
	s->decision.writes = h->traceparent_lines == 1 ? missing_texts(c, h, s) : 0;
	__builtin_memcpy(s->decision.span_id, c->overwritten_span_id, 8);
}

#endif
