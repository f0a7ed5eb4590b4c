/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * The contexts that a head carries in formats beside the W3C's, and the choice among them by propagation.extract. Heads
 * without such lines (HTTP1_HAS_CARRIERS) never come here.
 */
#ifndef WEFT_PROTOCOLS_HTTP1_CONTEXT_H
#define WEFT_PROTOCOLS_HTTP1_CONTEXT_H

#include "lib/exchange.h"
#include "wire/http1.h"

/* Reads `bytes` of s->text as a head: s->head. For protocols that are brought into this form. */
static __always_inline bool http1_scan_head(struct scratch *s, __u32 bytes)
{
	__u32 from = 0, stop = 0;

	__builtin_memset(&s->head, 0, sizeof(s->head));
	for (__u32 i = 0; i < 3; i++) {
		__u32 to = from + HTTP1_WINDOW < bytes ? from + HTTP1_WINDOW : bytes;

		if (from >= bytes)
			return false;
		stop = http1_scan(&s->head, &s->text, from, to);
		if ((stop & 7) != HTTP1_MORE)
			break;
		from = stop >> 3;
	}
	return (stop & 7) == HTTP1_HEAD;
}

/* The sum of one value; 0: none, or too long to be recognised again. Verified once, not for each carrier. */
WIRE_GLOBAL __u64 carrier_sum(const struct scratch *s, __u32 carrier)
{
	struct text_range range;
	__u32 bytes;

	if (!s || carrier >= CARRIER_KINDS)
		return 0;
	range = carrier_value(&s->carriers, carrier);
	bytes = (__u32)range.end - range.start;
	if (s->carriers.lines[carrier] != 1 || bytes == 0 || bytes > 2 * CARRIED_VALUE_MAX)
		return 0;
	return carried_sum_of_long(s->pid_tgid >> 32, &s->text, range.start, bytes);
}

/* By what a context of this format is recognised: for B3 in several headers both ids together. */
WIRE_GLOBAL __u64 http1_context_sum(struct scratch *s, __u32 format)
{
	__u64 sum;

	if (!s)
		return 0;
	switch (format) {
	case FORMAT_TRACECONTEXT:
		return carrier_sum(s, CARRIER_TRACEPARENT);
	case FORMAT_B3:
		return carrier_sum(s, CARRIER_B3);
	case FORMAT_B3MULTI:
		sum = carrier_sum(s, CARRIER_B3_TRACE);
		return sum ? carried_fold(sum, carrier_sum(s, CARRIER_B3_SPAN)) : 0;
	case FORMAT_JAEGER:
		return carrier_sum(s, CARRIER_UBER_TRACE);
	}
	return carrier_sum(s, CARRIER_X_TRACE);
}

/* All formats of the head in s->text to s->carried; of an incomplete head those lines that are complete. */
WIRE_GLOBAL int http1_read_contexts(struct http1 *h, struct scratch *s)
{
	if (!h || !s)
		return 0;
	carriers_scan(&s->text, h->head_bytes, &s->carriers);
	for (__u32 format = 0; format < FORMAT_IDS; format++) {
		struct carried_context *carried = &s->carried[format];

		carried->result = context_read(&s->text, &s->carriers, format, &s->fields, &carried->ids);
		carried->sum = carried->result == CONTEXT_ABSENT || carried->result == CONTEXT_SAMPLING_ONLY
				   ? 0
				   : http1_context_sum(s, format);
	}
	return 0;
}

/* One opaque X-Trace-ID stands for one trace for so long, and for so many requests. */
#define OPAQUE_LIMIT_NS 600000000000ULL
#define OPAQUE_LIMIT_REQUESTS 10000ULL

struct opaque_use {
	__u64 first_ns;
	__u64 requests;
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 2048); /* at least: see LRU_FREE */
	__type(key, __u64);	   /* high half of the derived trace id */
	__type(value, struct opaque_use);
} opaque_traces SEC(".maps");

/* May this opaque value still be a trace? Beyond the limits it is an attribute only. */
static __always_inline bool opaque_is_trace(const struct scratch *s)
{
	struct opaque_use *use, fresh = {};
	__u64 key = wire_load64(s->incoming.trace_id);

	use = bpf_map_lookup_elem(&opaque_traces, &key);
	if (!use) {
		fresh.first_ns = s->now_ns;
		fresh.requests = 1;
		bpf_map_update_elem(&opaque_traces, &key, &fresh, BPF_ANY);
		return true;
	}
	return __sync_fetch_and_add(&use->requests, 1) < OPAQUE_LIMIT_REQUESTS &&
	       s->now_ns - use->first_ns < OPAQUE_LIMIT_NS;
}

/* What http1_choose_context found. */
enum context_choice {
	CHOICE_NONE = 0, /* nothing that counts: a root */
	CHOICE_IDS,	 /* s->incoming, in format s->incoming_format */
	CHOICE_SAMPLED,	 /* a root with this decision */
	CHOICE_NOT_SAMPLED,
};

/* The first format of propagation.extract that parses; s->facts tells of those that do not. */
WIRE_GLOBAL int http1_choose_context(struct scratch *s)
{
	int choice = CHOICE_NONE;

	if (!s)
		return CHOICE_NONE;
	for (__u32 i = 0; i < FORMAT_IDS; i++) {
		__u32 format = s->propagation.extract[i];
		struct carried_context *carried;

		if (format >= FORMAT_IDS)
			break;
		WIRE_OPAQUE(format);
		if (format >= FORMAT_IDS)
			break;
		carried = &s->carried[format];
		if (carried->result == CONTEXT_ABSENT)
			continue;
		s->facts |= REQUEST_HAS_CONTEXT;
		if (carried->result == CONTEXT_OK) {
			s->incoming = carried->ids;
			s->incoming_format = format;
			if (!s->incoming.opaque || opaque_is_trace(s)) {
				s->facts &= ~REQUEST_INVALID_CONTEXT;
				return CHOICE_IDS;
			}
		} else if (carried->result != CONTEXT_SAMPLING_ONLY) {
			s->facts |= REQUEST_INVALID_CONTEXT;
		} else if (choice == CHOICE_NONE) {
			choice = carried->ids.flags & TRACE_FLAG_SAMPLED ? CHOICE_SAMPLED : CHOICE_NOT_SAMPLED;
		}
	}
	return choice;
}

/* The values by which the exchange will be recognised: one to s->value_sum, all others to s->received_more. */
static __always_inline __u32 http1_received_values(struct scratch *s)
{
	__u32 received = RECEIVED_NOTHING;

	for (__u32 format = 0; format < FORMAT_IDS; format++) {
		__u64 sum = s->carried[format].sum;

		s->received_more.sum[format] = 0;
		if (!sum)
			continue;
		if (received == RECEIVED_NOTHING && format != FORMAT_XTRACEID) {
			s->value_sum = sum;
			received = RECEIVED_ONE;
			continue;
		}
		s->received_more.sum[format] = sum;
		if (received != RECEIVED_NOTHING)
			received = RECEIVED_MORE;
	}
	return received;
}

static long mask_uber_step(__u32 i, void *arg)
{
	struct scratch *s = *(struct scratch **)arg;
	const struct carrier_line *line = &s->carriers.line[i & (CARRIER_LINES_MAX - 1)];
	__u64 at = line->start, bytes = line->end;

	if (i >= s->carriers.count)
		return 1;
	if (bytes > HEAD_SENT_MAX)
		bytes = HEAD_SENT_MAX;
	if ((line->carrier != CARRIER_UBER_BAGGAGE && line->carrier != CARRIER_UBER_EMPTIED) || at >= bytes)
		return 0;
	bytes -= at;
	WIRE_OPAQUE(at);
	WIRE_OPAQUE(bytes);
	if (at < HEAD_SENT_MAX && bytes <= HEAD_SENT_MAX)
		wire_copy(s->text.bytes + at, mask_bytes, bytes);
	return 0;
}

/*
 * Values of uberctx- lines must not leave the kernel in an event, as those of baggage. Returns how many bytes of the
 * head may be sent up, as mask_lines. REQUIRES HTTP1_HAS_CARRIERS.
 */
WIRE_GLOBAL int http1_mask_uber(struct scratch *s)
{
	if (!s)
		return 0;
	bpf_loop(CARRIER_LINES_MAX, mask_uber_step, &s, 0);
	return s->carriers.lost_from && s->carriers.lost_from < HEAD_SENT_MAX ? s->carriers.lost_from : HEAD_SENT_MAX;
}

/* Of the head in s->text, what may be sent up: lines of formats beside the W3C's are masked. */
static __always_inline __u32 http1_clear_bytes(const struct http1 *h, struct scratch *s)
{
	return h->flags & HTTP1_HAS_CARRIERS ? (__u32)http1_mask_uber(s) : HEAD_SENT_MAX;
}

#endif
