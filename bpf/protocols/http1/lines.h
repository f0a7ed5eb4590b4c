/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/* The header lines that are added to an outgoing head, put together in s->staging. */
#ifndef WEFT_PROTOCOLS_HTTP1_LINES_H
#define WEFT_PROTOCOLS_HTTP1_LINES_H

#include "lib/sample.h"
#include "protocols/http1/context.h"

#define HTTP1_TRACEPARENT_LINE 70u /* "traceparent: " + 55 + CRLF */
#define HTTP1_TEXT_LINES_AT 1024u  /* tracestate begins before this: all lines of all formats are shorter */

/* The new value of the traceparent header, to s->staging. */
static __always_inline void http1_stage_value(struct scratch *s, __u32 at)
{
	traceparent_format(s->staging.bytes + at, s->parent.trace_id, s->decision.span_id, s->parent.flags);
}

static __always_inline __u8 *http1_staged(struct scratch *s, __u32 at)
{
	WIRE_OPAQUE(at);
	return s->staging.bytes + (at & (HTTP1_TEXT_LINES_AT - 1));
}

static __always_inline __u32 http1_line_ends(struct scratch *s, __u32 at)
{
	__u8 *out = http1_staged(s, at);

	out[0] = '\r';
	out[1] = '\n';
	return at + 2;
}

/* Up to 16 bytes of a name, colon and space included. */
static __always_inline __u32 http1_stage_name(struct scratch *s, __u32 at, __u64 first, __u64 second, __u32 bytes)
{
	__u8 *out = http1_staged(s, at);

	wire_store64(out, first);
	wire_store64(out + 8, second);
	return at + bytes;
}

static __always_inline __u32 http1_stage_trace_id(struct scratch *s, __u32 at)
{
	__u8 *out = http1_staged(s, at);

	context_write_id(out, s->parent.trace_id);
	context_write_id(out + 16, s->parent.trace_id + 8);
	return http1_line_ends(s, at + 32);
}

static __always_inline __u32 http1_stage_span_id(struct scratch *s, __u32 at)
{
	context_write_id(http1_staged(s, at), s->decision.span_id);
	return http1_line_ends(s, at + 16);
}

/* Lines of the formats beside traceparent, from `at` on. Returns the new end. */
WIRE_GLOBAL __u32 http1_stage_formats(struct http1 *h, struct scratch *s, __u32 at, __u32 writes)
{
	if (!h || !s)
		return at;
	if (writes & WRITE_FORMAT(FORMAT_B3)) {
		at = http1_stage_name(s, at, 0x203a3362ULL, 0, 4); /* b3:  */
		b3_format(http1_staged(s, at), s->parent.trace_id, s->decision.span_id, s->parent.flags);
		at = http1_line_ends(s, at + B3_BYTES);
	}
	if (writes & WRITE_FORMAT(FORMAT_B3MULTI)) {
		at = http1_stage_name(s, at, 0x6172542d33422d58ULL, 0x203a64496563ULL, 14); /* X-B3-TraceId:  */
		at = http1_stage_trace_id(s, at);
		at = http1_stage_name(s, at, 0x6170532d33422d58ULL, 0x203a64496eULL, 13); /* X-B3-SpanId:  */
		at = http1_stage_span_id(s, at);
		if (!(h->flags & HTTP1_HAS_CARRIERS) || !s->carriers.lines[CARRIER_B3_SAMPLED]) {
			at = http1_stage_name(s, at, 0x6d61532d33422d58ULL, 0x203a64656c70ULL, 14); /* X-B3-Sampled:  */
			*http1_staged(s, at) = s->parent.flags & TRACE_FLAG_SAMPLED ? '1' : '0';
			at = http1_line_ends(s, at + 1);
		}
	}
	if (writes & WRITE_FORMAT(FORMAT_JAEGER)) {
		at = http1_stage_name(s, at, 0x6172742d72656275ULL, 0x203a64692d6563ULL, 15); /* uber-trace-id:  */
		jaeger_format(http1_staged(s, at), s->parent.trace_id, s->decision.span_id, s->parent.flags);
		at = http1_line_ends(s, at + JAEGER_BYTES);
	}
	if (writes & WRITE_FORMAT(FORMAT_XTRACEID)) {
		at = http1_stage_name(s, at, 0x2d65636172542d58ULL, 0x203a4449ULL, 12); /* X-Trace-ID:  */
		at = http1_stage_trace_id(s, at);
		at = http1_stage_name(s, at, 0x746e657261502d58ULL, 0x203a44492dULL, 13); /* X-Parent-ID:  */
		at = http1_stage_span_id(s, at);
	}
	return at;
}

/* Where members wait in s->staging that become uberctx- lines before them. */
#define HTTP1_UBER_FROM POLICY_BYTES_MAX

/* The tracestate of the parent and behind it its baggage; NULL: they are not there any more. */
static __always_inline const __u8 *parent_texts(struct scratch *s)
{
	__u64 id = s->parent.exchange_id;

	if (!id) {
		sample_member(s, s->parent.threshold);
		return s->tracestate.bytes;
	}
	if ((__u32)s->parent.tracestate_bytes + s->parent.baggage_bytes > EXCHANGE_TEXT_SMALL)
		return bpf_map_lookup_elem(&texts_large, &id);
	return bpf_map_lookup_elem(&texts_small, &id);
}

/*
 * tracestate and baggage lines of the parent behind `at` in s->staging. Returns the new end. The texts belong to the
 * exchange: when it has ended meanwhile they may be somebody else's, and are left out.
 */
static __always_inline __u32 http1_stage_texts(struct scratch *s, __u32 at, __u32 writes)
{
	__u64 state_bytes = s->parent.tracestate_bytes, baggage_bytes = s->parent.baggage_bytes;
	__u8 *out = s->staging.bytes;
	const __u8 *text;
	__u32 begin = at;

	text = parent_texts(s);
	if (!text)
		return at;
	WIRE_OPAQUE(state_bytes);
	WIRE_OPAQUE(baggage_bytes);
	if (state_bytes > TRACESTATE_BYTES_MAX || baggage_bytes > POLICY_BYTES_MAX)
		return at;
	if (writes & WRITE_TRACESTATE) {
		WIRE_OPAQUE(at);
		at &= HTTP1_TEXT_LINES_AT - 1;
		wire_store64(out + at, 0x6174736563617274ULL); /* tracesta */
		wire_store64(out + at + 8, 0x203a6574ULL);     /* te:  */
		if (bpf_probe_read_kernel(out + at + 12, state_bytes, text))
			return begin;
		at += 12 + state_bytes;
		WIRE_OPAQUE(at);
		at &= 2 * HTTP1_TEXT_LINES_AT - 1;
		*(out + at) = '\r';
		*(out + at + 1) = '\n';
		at += 2;
	}
	if (writes & WRITE_UBER_BAGGAGE) {
		__u32 range = HTTP1_UBER_FROM | (HTTP1_UBER_FROM + (__u32)baggage_bytes) << 16;

		if (bpf_probe_read_kernel(out + HTTP1_UBER_FROM, baggage_bytes, text + state_bytes))
			return begin;
		at = uber_lines(&s->staging, &s->uber_work, range, at, HTTP1_UBER_FROM - HTTP1_TEXT_LINES_AT);
	}
	if ((writes & WRITE_BAGGAGE) && at < HTTP1_UBER_FROM - 16) {
		WIRE_OPAQUE(at);
		at &= HTTP1_UBER_FROM - 1;
		wire_store64(out + at, 0x3a65676167676162ULL); /* baggage: */
		out[at + 8] = ' ';
		if (bpf_probe_read_kernel(out + at + 9, baggage_bytes, text + state_bytes))
			return begin;
		at += 9 + baggage_bytes;
		WIRE_OPAQUE(at);
		at &= HEAD_TEXT_CAP - 1;
		*(out + at) = '\r';
		*(out + at + 1) = '\n';
		at += 2;
	}
	return !s->parent.exchange_id || exchange_get(s->parent.exchange_id) ? at : begin;
}

/* Lines to be inserted, into s->staging. Returns their length. */
WIRE_GLOBAL int http1_stage_lines(struct http1 *h, struct scratch *s, __u32 writes)
{
	__u32 at = 0;

	if (!h || !s)
		return 0;
	if (writes & WRITE_TRACEPARENT) {
		wire_store64(s->staging.bytes, 0x7261706563617274ULL); /* tracepar */
		wire_store64(s->staging.bytes + 8, 0x203a746e65ULL);   /* ent:  */
		http1_stage_value(s, 13);
		s->staging.bytes[68] = '\r';
		s->staging.bytes[69] = '\n';
		at = HTTP1_TRACEPARENT_LINE;
	}
	if (writes & WRITE_FORMATS & ~WRITE_TRACEPARENT)
		at = http1_stage_formats(h, s, at, writes);
	if (writes & (WRITE_TRACESTATE | WRITE_BAGGAGE | WRITE_UBER_BAGGAGE))
		at = http1_stage_texts(s, at, writes);
	return at;
}

#endif
