/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * Context headers as HPACK fields. They are staged as the lines that HTTP/1.1 would get; each line becomes a "literal
 * without indexing, new name" (RFC 7541, section 6.2.2), which leaves both sides' tables as they are.
 */
#ifndef WEFT_PROTOCOLS_HTTP2_ENCODE_H
#define WEFT_PROTOCOLS_HTTP2_ENCODE_H

#include "protocols/http1/inject.h"

#define HTTP2_TRACEPARENT_FIELD 69u /* 0, length, name, length, value */
#define HTTP2_FIELDS_AT 1024u	    /* in s->text: what stands before is still needed */
#define HTTP2_FIELDS_MOST 96u	    /* baggage in Jaeger's form is a field for each member */
#define HTTP2_NAME_BYTES 112u	    /* longest name of a field that is added */

struct http2_encode {
	struct scratch *scratch;
	__u32 at, end; /* lines in s->staging */
	__u32 to;      /* fields in s->text */
	__u32 wanted;  /* a byte that is looked for */
};

/* e->at goes to the next e->wanted, 32 bytes a step. */
static long http2_find_step(__u32 i, void *arg)
{
	struct http2_encode *e = arg;

#pragma unroll
	for (__u32 k = 0; k < 32; k += 8) {
		__u64 found = word_equal(wire_load64(e->scratch->staging.bytes + head_text_index(e->at)), e->wanted);

		if (found) {
			e->at += word_first(found);
			return 1;
		}
		e->at += 8;
	}
	return e->at >= e->end;
}

/* A name in lower case, 8 bytes a step; what is written behind it is written over by what follows. */
static __always_inline void http2_encode_name(struct scratch *s, __u32 to, __u32 name)
{
#pragma unroll
	for (__u32 k = 0; k < HTTP2_NAME_BYTES; k += 8) {
		__u64 word = wire_load64(s->staging.bytes + head_text_index(name + k));

		wire_store64(s->text.bytes + head_text_index(to + k), word | word_between(word, 'A', 'Z') >> 2);
	}
}

/* One line becomes one field. */
static long http2_encode_step(__u32 i, void *arg)
{
	struct http2_encode *e = arg;
	struct scratch *s = e->scratch;
	__u32 name = e->at, colon, value, to = e->to;
	__u64 bytes;
	__u8 *out;

	if (e->at + 4 > e->end)
		return 1;
	e->wanted = ':';
	bpf_loop(HTTP2_NAME_BYTES / 32 + 1, http2_find_step, e, 0);
	colon = e->at;
	value = colon + 2;
	if (value >= e->end || colon - name > HTTP2_NAME_BYTES)
		return 1;
	e->at = value;
	e->wanted = '\r';
	bpf_loop(HEAD_TEXT_CAP / 32, http2_find_step, e, 0);
	bytes = e->at - value;
	e->at += 2;
	if (e->at > e->end)
		return 1;
	out = s->text.bytes + head_text_index(to);
	out[0] = 0;
	out[1] = colon - name;
	http2_encode_name(s, to + 2, name);
	to += 2 + colon - name;
	out = s->text.bytes + head_text_index(to);
	if (bytes < 127) {
		out[0] = bytes;
		to++;
	} else {
		out[0] = 127;
		out[1] = (bytes - 127) | 128;
		out[2] = (bytes - 127) >> 7;
		to += 3;
		if (bytes - 127 < 128) {
			out[1] = bytes - 127;
			to--;
		}
	}
	WIRE_OPAQUE(bytes);
	WIRE_OPAQUE(to);
	if (bytes > POLICY_BYTES_MAX || to > HEAD_TEXT_CAP - POLICY_BYTES_MAX)
		return 1;
	if (bytes)
		wire_copy(s->text.bytes + to, s->staging.bytes + head_text_index(value) % 8192, bytes);
	e->to = to + bytes;
	return 0;
}

/* The fields to be inserted, into s->staging. Returns their length, 0 = none. */
WIRE_GLOBAL int http2_stage_fields(struct scratch *s, __u32 writes)
{
	struct http2_encode e = {.scratch = s, .to = HTTP2_FIELDS_AT};
	__u64 bytes;

	if (!s)
		return 0;
	if (writes == WRITE_TRACEPARENT) {
		s->staging.bytes[0] = 0;
		s->staging.bytes[1] = 11;
		wire_store64(s->staging.bytes + 2, 0x7261706563617274ULL); /* tracepar */
		wire_store64(s->staging.bytes + 10, 0x37746e65ULL);	   /* ent, 55 */
		http1_stage_value(s, 14);
		return HTTP2_TRACEPARENT_FIELD;
	}
	e.end = http1_stage_lines(&s->head, s, writes);
	if (!e.end || e.end > 10000)
		return 0;
	bpf_loop(HTTP2_FIELDS_MOST, http2_encode_step, &e, 0);
	bytes = e.to - HTTP2_FIELDS_AT;
	WIRE_OPAQUE(bytes);
	if (!bytes || bytes > EXCHANGE_TEXT_LARGE || e.at != e.end)
		return 0;
	wire_copy(s->staging.bytes, s->text.bytes + HTTP2_FIELDS_AT, bytes);
	return bytes;
}

#endif
