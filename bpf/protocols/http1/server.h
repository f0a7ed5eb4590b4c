/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/* An incoming HTTP/1.1 request becomes a server exchange: its context is read, checked and kept for what it causes. */
#ifndef WEFT_PROTOCOLS_HTTP1_SERVER_H
#define WEFT_PROTOCOLS_HTTP1_SERVER_H

#include "lib/policy.h"
#include "lib/sample.h"
#include "protocols/http1/context.h"
#include "protocols/http1/telemetry.h"
#include "protocols/http1/unsampled.h"

/* The usual head: traceparent or nothing. Returns enum received_values. */
static __always_inline __u32 server_traceparent(const struct http1 *h, struct scratch *s, int *choice)
{
	__u32 start = h->traceparent.start, end = h->traceparent.end, received = RECEIVED_NOTHING;
	struct text_range range;

	if (!h->traceparent_lines)
		return RECEIVED_NOTHING;
	if (h->traceparent_lines == 1 && !(h->flags & HTTP1_TEXT_LOST)) {
		text_trim(&s->text, &start, &end);
		range.start = start;
		range.end = end;
		received = value_sum(s, range) ? RECEIVED_ONE : RECEIVED_NOTHING;
		if (traceparent_parse(&s->text, range, &s->incoming) == TRACEPARENT_OK) {
			s->incoming_format = FORMAT_TRACECONTEXT;
			*choice = CHOICE_IDS;
		}
	}
	if (!propagation_extracts(&s->propagation, FORMAT_TRACECONTEXT))
		*choice = CHOICE_NONE;
	else
		s->facts |= REQUEST_HAS_CONTEXT | (*choice == CHOICE_IDS ? 0 : REQUEST_INVALID_CONTEXT);
	return received;
}

/*
 * Ids of s->exchange from the head, or a new root, of number `number`. *caller: the sampling decision that came with
 * the head, unchanged when none did. Returns enum received_values: what of them is in s.
 */
static __always_inline __u32 server_context(const struct http1 *h, struct scratch *s, __u64 number, __u32 *caller)
{
	struct exchange *e = &s->exchange;
	struct request_event *out = &s->event.request;
	int choice = CHOICE_NONE;
	__u32 received;

	if (!(h->flags & HTTP1_HAS_CARRIERS)) {
		received = server_traceparent(h, s, &choice);
	} else if (h->flags & HTTP1_TEXT_LOST) {
		received = RECEIVED_NOTHING;
		s->facts |= REQUEST_HAS_CONTEXT | REQUEST_INVALID_CONTEXT;
	} else {
		received = http1_received_values(s);
		choice = http1_choose_context(s);
	}
	if (!trusts_incoming(s))
		choice = CHOICE_NONE;
	if (choice == CHOICE_IDS) {
		out->attribution = ATTRIBUTION_INCOMING;
		__builtin_memcpy(e->ids.trace_id, s->incoming.trace_id, 16);
		__builtin_memcpy(e->ids.parent_span_id, s->incoming.parent_id, 8);
		e->flags = s->incoming.flags & TRACE_FLAGS_KNOWN;
		if (!s->incoming.undecided)
			*caller = e->flags & TRACE_FLAG_SAMPLED;
	} else {
		out->attribution = ATTRIBUTION_ROOT;
		trace_id_of(number, e->ids.trace_id);
		__builtin_memset(e->ids.parent_span_id, 0, 8);
		e->flags = TRACE_FLAG_RANDOM;
		if (choice == CHOICE_SAMPLED || choice == CHOICE_NOT_SAMPLED)
			*caller = choice == CHOICE_SAMPLED ? SAMPLE_YES : 0;
	}
	return received;
}

/* Sets the sampled flag of s->exchange. `caller`: what the caller decided, or SAMPLE_NO_CALLER. Returns SAMPLE_*. */
static __always_inline __u32 server_sample(const struct http1 *h, struct scratch *s, const struct process_entry *p,
					   __u32 caller)
{
	struct exchange *e = &s->exchange;
	__u32 sample;

	s->sampling.randomness = sampling_randomness(e->ids.trace_id);
	sample = sample_request(s, p->sampling_service, sample_target(h->target), caller);
	e->flags = (e->flags & ~TRACE_FLAG_SAMPLED) | (sample & SAMPLE_YES);
	e->report = (sample & SAMPLE_REPORT) != 0;
	s->event.request.threshold = s->sampling.told ? ot_threshold(s->sampling.threshold) : 0;
	s->facts |= (s->sampling.decided ? REQUEST_DECIDED : 0) | (s->sampling.told ? REQUEST_THRESHOLD : 0);
	return sample;
}

/* weft's own member of tracestate and what the head has of it, to the beginning of s->staging. Returns the length. */
static __always_inline __u32 server_tracestate(const struct http1 *h, struct scratch *s)
{
	__u32 own = 0, at;
	__u64 bytes;

	if (s->sampling.told) {
		own = sample_member(s, s->event.request.threshold);
		__builtin_memcpy(s->staging.bytes, s->tracestate.bytes, OT_MEMBER_MAX);
	}
	at = own;
	if (!h->tracestate.count || s->event.request.attribution != ATTRIBUTION_INCOMING ||
	    s->incoming_format != FORMAT_TRACECONTEXT ||
	    tracestate_join(&s->text, &h->tracestate, &s->tracestate_work, &s->tracestate,
			    s->sampling.decided ? own : TRACESTATE_OT_KEPT) != TRACESTATE_VALID)
		return own;
	bytes = s->tracestate.length;
	WIRE_OPAQUE(bytes);
	WIRE_OPAQUE(at);
	if (!bytes || bytes > TRACESTATE_BYTES_MAX || at > OT_MEMBER_MAX)
		return own;
	if (at)
		s->staging.bytes[at++] = ',';
	wire_copy(s->staging.bytes + at, s->tracestate.bytes, bytes);
	return at + bytes;
}

/* tracestate of the head and s->policy.out go behind each other into s->staging; lengths into s->exchange. */
static __always_inline void server_texts(const struct http1 *h, struct scratch *s)
{
	struct exchange *e = &s->exchange;
	__u64 bytes;

	e->tracestate_bytes = server_tracestate(h, s);
	if (e->baggage_bytes) {
		__u32 to = e->tracestate_bytes;

		bytes = e->baggage_bytes;
		WIRE_OPAQUE(bytes);
		WIRE_OPAQUE(to);
		if (bytes <= POLICY_BYTES_MAX && to <= TRACESTATE_BYTES_MAX)
			wire_copy(s->staging.bytes + to, s->policy.out, bytes);
	}
}

/*
 * Members of uberctx- lines, behind the head in s->text, to the text that is judged; they have lost the case of their
 * keys. `came`: the W3C lines of the head are in it.
 */
WIRE_GLOBAL int server_uber_baggage(struct http1 *h, struct scratch *s, __u32 came)
{
	__u32 to;

	if (!h || !s || h->head_bytes >= HEAD_TEXT_CAP)
		return 0;
	s->lines.count = s->lines.more = 0;
	if (came)
		s->lines = h->baggage;
	to = uber_members(&s->text, &s->lines, &s->carriers, &s->uber_work, h->head_bytes);
	s->policy.folded_from = s->policy.length;
	policy_append(&s->policy, &s->text, h->head_bytes, to);
	return 0;
}

/* The baggage of the head becomes that of the current request: the policy decides what of it, and what is added. */
static __always_inline void server_baggage(struct http1 *h, struct scratch *s, const struct process_entry *p)
{
	struct exchange *e = &s->exchange;

	bool came = (h->baggage.count || h->baggage.more) && propagation_extracts(&s->propagation, FORMAT_BAGGAGE);
	bool uber = (h->flags & (HTTP1_HAS_CARRIERS | HTTP1_TEXT_LOST)) == HTTP1_HAS_CARRIERS &&
		    propagation_extracts(&s->propagation, FORMAT_JAEGER) && s->carriers.lines[CARRIER_UBER_BAGGAGE];

	e->baggage_bytes = s->policy.out_length = 0;
	e->baggage_kept = 0;
	e->baggage_sum = s->baggage_sum = 0;
	if (!came && !uber && !policy_always)
		return;
	policy_gather(&s->policy, &s->text, &h->baggage);
	if (!came)
		s->policy.length = s->policy.lost_lines = 0;
	if (uber)
		server_uber_baggage(h, s, came);
	else if (came)
		policy_text_sum(s);
	policy_apply(s, p->policy_service, policy_randomness(e->ids.trace_id), policy_target(h->target));
	e->baggage_bytes = s->policy.out_length;
	e->baggage_sum = s->baggage_sum;
	e->baggage_kept = !policy_changed(s);
}

static __always_inline int http1_server_keep_texts(struct http1 *h, struct scratch *s)
{
	if (!h || !s)
		return 0;
	server_texts(h, s);
	if (s->exchange.tracestate_bytes + s->exchange.baggage_bytes == 0)
		return 0;
	if (exchange_text_add(s->exchange.id, (__u32)s->exchange.tracestate_bytes + s->exchange.baggage_bytes,
			      &s->staging)) {
		count_fault(s->program, FAULT_MAP_FULL);
		s->exchange.tracestate_bytes = s->exchange.baggage_bytes = 0;
		s->exchange.baggage_sum = 0;
	}
	return 0;
}

/* h is the complete head in s->text. */
WIRE_GLOBAL int http1_server_request(struct connection *c, struct http1 *h, struct scratch *s, struct process_entry *p)
{
	struct exchange *e;
	__u32 received, caller = SAMPLE_NO_CALLER;
	bool anonymous, unsampled, taken;
	__u64 id, number;

	if (!c || !h || !s || !p)
		return 0;
	s = scratch_again(s);
	if (!s)
		return 0;
	if (!pending_has_room(c, s))
		return 0;
	s->generation =
	    *(volatile __u32 *)&c->generation; /* once: the process may be let go and traced again meanwhile */
	task_now(s, p);
	taken = spans_taken(h, s, p);
	e = &s->exchange;
	s->facts = h->flags & HTTP1_IS_10 ? REQUEST_HTTP10 : 0;
	number = id_number();
	span_id_of(number, e->ids.span_id);
	received = server_context(h, s, number, &caller);
	if (taken) /* or a back end that is traced by an agent that exports to it never comes to rest */
		caller = SAMPLE_NEVER;
	unsampled = !server_sample(h, s, p, caller);
	e->tracestate_bytes = 0;
	server_baggage(h, s, p);
	anonymous = exchange_is_anonymous(s, p, received);
	e->id = anonymous ? new_exchange_id() : exchange_claim();
	if (!e->id) {
		count_fault(s->program, FAULT_MAP_FULL);
		anonymous = true;
		e->id = new_exchange_id();
	}
	if (!anonymous && (h->tracestate.count || e->baggage_bytes || s->sampling.told))
		http1_server_keep_texts(h, s);
	s->event.request.ids = e->ids;
	s->event.request.trace_flags = e->flags;
	s->event.request.parent_exchange_id = 0;
	s->event.request.injection = INJECTION_NOT_TRIED;
	unsampled =
	    unsampled && !s->stream &&
	    unsampled_begin(c, s, e->id, http1_server_text(h, s), s->event.request.attribution == ATTRIBUTION_ROOT);
	if (!unsampled)
		emit_request(c, s, e->id, s->stream ? 0 : h->head_bytes, http1_clear_bytes(h, s), &h->baggage,
			     s->policy.out_length);
	id = e->id;
	if (anonymous) {
		if (p->generation == s->generation)
			__sync_fetch_and_add(&p->live, 1);
		e->id = 0;		  /* there is nothing to be found under it */
		attribute_begin(c, s, p); /* the thread may have been known as one that blocks */
	} else {
		exchange_begin(c, s, p, received);
	}
	/* Last: a reset may end it on another CPU as soon as it stands here, and must find all of it. */
	if (!pending_push(c, s, id, h->method, h->method == HTTP1_METHOD_CONNECT || (h->flags & HTTP1_HAS_UPGRADE),
			  anonymous, unsampled)) {
		if (anonymous)
			process_live_ends(s->pid_tgid >> 32, s->generation);
		else
			exchange_end(s, id, 0, 0, NULL);
		exchange_lost(c, s, id, unsampled);
	}
	return 0;
}

#endif
