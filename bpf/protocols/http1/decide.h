/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * What an outgoing request is to carry: the table "what an outgoing message already carries" (docs/attribution.md).
 * Looks only; changes no bytes. Result in s->decision and s->parent (a new root has exchange_id 0 and a trace id).
 */
#ifndef WEFT_PROTOCOLS_HTTP1_DECIDE_H
#define WEFT_PROTOCOLS_HTTP1_DECIDE_H

#include "lib/attribute_sender.h"
#include "lib/sample.h"
#include "protocols/http1/context.h"
#include "protocols/http1/telemetry.h"

static __always_inline int decided(struct scratch *s, __u32 result, __u32 attribution, __u32 writes)
{
	s->decision.result = result;
	s->decision.attribution = attribution;
	s->decision.writes = writes;
	s->decision.over = 0;
	if (attribution != ATTRIBUTION_NONE)
		new_span_id(s->decision.span_id);
	return 0;
}

/* Also when the lines lie beyond the kept text. */
static __always_inline bool has_lines(const struct text_lines *lines)
{
	return lines->count || lines->more;
}

/* … among the values in further formats. */
static __always_inline bool received_more_has(__u64 id, __u64 sum)
{
	struct received_more *more = bpf_map_lookup_elem(&received_more, &id);

	if (!more)
		return false;
	for (__u32 format = 0; format < FORMAT_IDS; format++)
		if (more->sum[format] == sum)
			return true;
	return false;
}

/* The exchange that s->exchange holds received the value of this sum. */
static __always_inline bool exchange_received(const struct scratch *s, __u64 sum)
{
	const struct exchange *e = &s->exchange;

	if (!(e->indexed & INDEXED_VALUE) || e->tgid != s->pid_tgid >> 32 || e->generation != s->generation)
		return false;
	return e->received == sum || ((e->indexed & INDEXED_MORE) && received_more_has(e->id, sum));
}

static __always_inline bool received_this(const struct scratch *s)
{
	return exchange_received(s, s->value_sum);
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
			       s->exchange.tgid == s->pid_tgid >> 32 && s->exchange.generation == s->generation &&
			       !__builtin_memcmp(s->exchange.ids.trace_id, s->incoming.trace_id, 16);
	}
	return false;
}

/* Texts of the inject formats that the message lacks and the parent has. */
static __always_inline __u32 missing_texts(const struct connection *c, const struct http1 *h, const struct scratch *s)
{
	__u32 writes = 0;

	if (s->parent.tracestate_bytes && !has_lines(&h->tracestate) &&
	    propagation_injects(&s->propagation, FORMAT_TRACECONTEXT))
		writes |= WRITE_TRACESTATE;
	if (s->parent.baggage_bytes && (c->destination & DESTINATION_BAGGAGE)) {
		if (!has_lines(&h->baggage) && propagation_injects(&s->propagation, FORMAT_BAGGAGE))
			writes |= WRITE_BAGGAGE;
		if (propagation_injects(&s->propagation, FORMAT_JAEGER) &&
		    (!(h->flags & HTTP1_HAS_CARRIERS) || !s->carriers.lines[CARRIER_UBER_BAGGAGE]))
			writes |= WRITE_UBER_BAGGAGE;
	}
	return writes;
}

/* This process starts a trace: ids and flags of s->parent. */
static __always_inline void new_root(const struct http1 *h, struct scratch *s, const struct process_entry *p)
{
	__u32 sample;

	__builtin_memset(&s->parent, 0, sizeof(s->parent));
	new_trace_id(s->parent.trace_id);
	s->sampling.randomness = sampling_randomness(s->parent.trace_id);
	sample = sample_request(s, p->sampling_service, sample_target(h->target), SAMPLE_NO_CALLER);
	s->parent.flags = TRACE_FLAG_RANDOM | (sample & SAMPLE_YES);
	s->parent.report = (sample & SAMPLE_REPORT) != 0;
	if (s->sampling.told) {
		s->parent.threshold = ot_threshold(s->sampling.threshold);
		s->parent.tracestate_bytes = sample_member(s, s->parent.threshold);
	}
}

/* The inject formats with ids, but for those in the mask `but`. */
static __always_inline __u32 format_writes(const struct scratch *s, __u32 but)
{
	return s->propagation.inject_formats & WRITE_FORMATS & ~but;
}

/* The message has no context that counts. Formats in `but` are there all the same, and are not added. */
static __always_inline int decide_plain(struct connection *c, const struct http1 *h, struct scratch *s,
					struct process_entry *p, __u32 but)
{
	__u32 writes = format_writes(s, but);
	__u32 attribution;

	if (has_lines(&h->tracestate) && propagation_injects(&s->propagation, FORMAT_TRACECONTEXT))
		return decided(s, INJECTION_OWN_HEADER, ATTRIBUTION_NONE, 0);
	attribution = attribute_sender(c, s, p);
	if (attribution != ATTRIBUTION_NONE)
		return decided(s, INJECTION_DONE, attribution, writes | missing_texts(c, h, s));
	if (p->live > 0 || p->blind > 0)
		return decided(s, INJECTION_NO_TASK, ATTRIBUTION_NONE, 0);
	if (!(p->flags & PROCESS_ORPHANS_ROOT))
		return decided(s, INJECTION_ORPHANS_OFF, ATTRIBUTION_NONE, 0);
	new_root(h, s, p);
	return decided(s, INJECTION_DONE, ATTRIBUTION_ROOT, writes | missing_texts(c, h, s));
}

static __always_inline int decide_forwarded(struct connection *c, const struct http1 *h, struct scratch *s, __u32 bytes)
{
	parent_is(s, &s->exchange);
	if (bytes < TRACEPARENT_BYTES)
		return decided(s, INJECTION_INVALID_CARRIED, ATTRIBUTION_CARRIED, 0);
	decided(s, INJECTION_OVERWRITTEN, ATTRIBUTION_CARRIED,
		format_writes(s, 1u << FORMAT_TRACECONTEXT) | missing_texts(c, h, s));
	s->decision.over = 1u << FORMAT_TRACECONTEXT;
	return 0;
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
		/* Only the task can tell which. attribute_sender leaves the candidate in s->exchange. */
		if (attribute_sender(c, s, p) != ATTRIBUTION_NONE && received_this(s))
			return decide_forwarded(c, h, s, end - start);
		return decided(s, INJECTION_AMBIGUOUS, ATTRIBUTION_NONE, 0);
	}
	result = traceparent_parse(&s->text, range, &s->incoming);
	if (result != TRACEPARENT_OK)
		s->facts |= REQUEST_INVALID_CONTEXT;
	if (result == TRACEPARENT_OK && p->live > 0 && trace_is_known(s)) {
		s->facts |= REQUEST_FOREIGN_PARENT;
		return decided(s, INJECTION_INSTRUMENTED, ATTRIBUTION_NONE, 0);
	}
	if (!propagation_injects(
		&s->propagation,
		FORMAT_TRACECONTEXT)) /* a format that is not written here: it stays, others are added */
		return decide_plain(c, h, s, p, 0);
	return decided(s, result == TRACEPARENT_OK ? INJECTION_OWN_HEADER : INJECTION_INVALID_CARRIED, ATTRIBUTION_NONE,
		       0);
}

/* One format of a head that has other formats than the W3C's: whose is its context? Result in s->weighed. */
WIRE_GLOBAL int weigh_format(struct scratch *s, struct process_entry *p, __u32 format)
{
	struct carried_context *carried;
	struct weighed *w;
	__u32 bit = 1u << format, by = CARRIED_BY_NONE;

	if (!s || !p || format >= FORMAT_IDS)
		return 0;
	s = scratch_again(s);
	if (!s)
		return 0;
	WIRE_OPAQUE(format);
	if (format >= FORMAT_IDS)
		return 0;
	carried = &s->carried[format];
	w = &s->weighed;
	if (carried->result == CONTEXT_ABSENT)
		return 0;
	w->present |= bit;
	if (carried->result == CONTEXT_SAMPLING_ONLY)
		return 0;
	if (p->live > 0 && carried->sum) {
		s->value_sum = carried->sum;
		by = carried_by(s);
	}
	if (by == CARRIED_BY_ONE) {
		if (w->found && w->found != s->exchange.id)
			w->conflict = 1;
		w->found = s->exchange.id;
	} else if (by == CARRIED_BY_SEVERAL) {
		w->several |= bit;
	} else if (carried->result == CONTEXT_OK) {
		w->own |= bit;
		if (p->live > 0) {
			s->incoming = carried->ids;
			if (trace_is_known(s))
				w->known = 1;
		}
	} else {
		w->bad |= bit;
	}
	return 0;
}

/* The formats of the head whose values the exchange in s->exchange received, and decisions without ids. */
WIRE_GLOBAL __u32 formats_received(struct scratch *s)
{
	__u32 formats = 0;

	if (!s)
		return 0;
	s = scratch_again(s);
	if (!s)
		return 0;

	for (__u32 format = 0; format < FORMAT_IDS; format++) {
		const struct carried_context *carried = &s->carried[format];

		if (carried->result == CONTEXT_SAMPLING_ONLY || (carried->sum && exchange_received(s, carried->sum)))
			formats |= 1u << format;
	}
	return formats;
}

/* s->exchange is whose contexts the message forwards: all of them are written over. */
static __always_inline int decide_forwarded_formats(struct connection *c, const struct http1 *h, struct scratch *s,
						    __u32 present, __u32 received)
{
	if (s->carried[FORMAT_B3MULTI].result == CONTEXT_SAMPLING_ONLY)
		present &= ~(1u << FORMAT_B3MULTI); /* the ids are missing */
	parent_is(s, &s->exchange);
	decided(s, INJECTION_OVERWRITTEN, ATTRIBUTION_CARRIED, format_writes(s, present) | missing_texts(c, h, s));
	s->decision.over = received;
	return 0;
}

/* X-Trace-ID is an inject format and there already: fine when it says the trace that is added, else the message's own.
 */
static __always_inline void decide_beside_x(struct scratch *s)
{
	const struct carried_context *x = &s->carried[FORMAT_XTRACEID];

	if (s->decision.result != INJECTION_DONE)
		return;
	if (x->result != CONTEXT_OK || s->decision.attribution == ATTRIBUTION_ROOT ||
	    __builtin_memcmp(x->ids.trace_id, s->parent.trace_id, 16))
		decided(s, INJECTION_OWN_HEADER, ATTRIBUTION_NONE, 0);
}

/* The same as decide_plain and decide_carrying, for a head with HTTP1_HAS_CARRIERS; s->carried is filled in. */
static __always_inline int decide_formats(struct connection *c, const struct http1 *h, struct scratch *s,
					  struct process_entry *p)
{
	const __u32 inject = s->propagation.inject_formats & WRITE_FORMATS;
	struct weighed *w = &s->weighed;
	__u32 received;

	if (h->flags & HTTP1_TEXT_LOST) {
		s->facts |= REQUEST_HAS_CONTEXT;
		return decided(s, INJECTION_INVALID_CARRIED, ATTRIBUTION_NONE, 0);
	}
	__builtin_memset(w, 0, sizeof(*w));
	for (__u32 format = 0; format < FORMAT_XTRACEID; format++)
		weigh_format(s, p, format);
	if (s->carried[FORMAT_XTRACEID].result != CONTEXT_ABSENT)
		w->present |= 1u << FORMAT_XTRACEID;
	if (w->present)
		s->facts |= REQUEST_HAS_CONTEXT;
	if (w->known) {
		s->facts |= REQUEST_FOREIGN_PARENT;
		return decided(s, INJECTION_INSTRUMENTED, ATTRIBUTION_NONE, 0);
	}
	if (w->conflict)
		return decided(s, INJECTION_AMBIGUOUS, ATTRIBUTION_NONE, 0);
	if (w->own && (w->found || w->several || (w->own & inject)))
		return decided(s, INJECTION_OWN_HEADER, ATTRIBUTION_NONE, 0);
	if (w->found || w->several) {
		if (w->found && !exchange_copy(w->found, &s->exchange)) /* over by now */
			return decided(s, INJECTION_OWN_HEADER, ATTRIBUTION_NONE, 0);
		if (!w->found && attribute_sender(c, s, p) == ATTRIBUTION_NONE)
			return decided(s, INJECTION_AMBIGUOUS, ATTRIBUTION_NONE, 0);
		received = formats_received(s);
		if (w->several & ~received)
			return decided(s, INJECTION_AMBIGUOUS, ATTRIBUTION_NONE, 0);
		return decide_forwarded_formats(c, h, s, w->present, received);
	}
	if (w->bad & inject) {
		s->facts |= REQUEST_INVALID_CONTEXT;
		return decided(s, INJECTION_INVALID_CARRIED, ATTRIBUTION_NONE, 0);
	}
	decide_plain(c, h, s, p, w->present);
	if (w->present & inject & 1u << FORMAT_XTRACEID)
		decide_beside_x(s);
	return 0;
}

/* h is the complete head in s->text; with HTTP1_HAS_CARRIERS its contexts are in s->carried. */
WIRE_GLOBAL int http1_decide(struct connection *c, struct http1 *h, struct scratch *s, struct process_entry *p)
{
	if (!c || !h || !s || !p)
		return 0;
	s = scratch_again(s);
	if (!s)
		return 0;
	finding(p, FINDING_CALLS);
	s->generation = p->generation;
	s->facts = h->flags & HTTP1_IS_10 ? REQUEST_HTTP10 : 0;
	s->parent.exchange_id = 0;
	s->decision.telemetry = telemetry_of(h, s);
	if (s->decision.telemetry)
		return decided(s, INJECTION_NOT_TRIED, ATTRIBUTION_NONE, 0);
	if (p->flags & PROCESS_INSTRUMENTED) {
		if (h->traceparent_lines)
			s->facts |= REQUEST_HAS_CONTEXT;
		return decided(s, INJECTION_INSTRUMENTED, ATTRIBUTION_NONE, 0);
	}
	if (h->flags & HTTP1_HAS_CARRIERS)
		decide_formats(c, h, s, p);
	else if (h->traceparent_lines)
		decide_carrying(c, h, s, p);
	else
		decide_plain(c, h, s, p, 0);
	if (((s->decision.writes | s->decision.over) && !(c->destination & DESTINATION_CONTEXT)) ||
	    propagation_pauses(&s->propagation)) {
		s->decision.result = INJECTION_DESTINATION;
		s->decision.writes = s->decision.over = 0;
	}
	return 0;
}

#endif
