/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/* The traceparent header of W3C Trace Context, section 3.2: read any version, write version 00. */
#ifndef WEFT_WIRE_TRACEPARENT_H
#define WEFT_WIRE_TRACEPARENT_H

#include "wire/head_text.h"
#include "wire/words.h"

#define TRACEPARENT_BYTES 55u
#define TRACEPARENT_ROOM 56u /* what traceparent_format writes: the text and one zero byte */

#define TRACE_FLAG_SAMPLED 0x01u
#define TRACE_FLAG_RANDOM 0x02u /* Level 2: the right 7 bytes of the trace id are random */
#define TRACE_FLAGS_KNOWN (TRACE_FLAG_SAMPLED | TRACE_FLAG_RANDOM)

struct traceparent {
	__u8 trace_id[16];
	__u8 parent_id[8];
	__u8 version;
	__u8 flags;	/* as received, unknown bits included */
	__u8 undecided; /* other formats: the carrier leaves the sampling decision to the receiver */
	__u8 opaque;	/* X-Trace-ID: the trace id is derived from a value that is none */
	__u8 reserved[4];
} __attribute__((aligned(8)));
WIRE_ASSERT(sizeof(struct traceparent) == 32, "traceparent layout");

enum traceparent_result {
	TRACEPARENT_OK = 0,	   /* also a later version, whose known fields are used (`version` tells) */
	TRACEPARENT_MALFORMED = 1, /* length, dashes, hex digits, version ff, version 00 with more text */
	TRACEPARENT_ZERO_ID = 2,   /* well-formed, but an id is all zero */
};

/*
 * Eight digits. One word is done before the next begins, or clang keeps all of them on the stack, of which Linux 6.1
 * allows 512 bytes to a program and all that it calls.
 */
WIRE_INLINE __u64 traceparent_word(__u64 word, __u64 *bad)
{
	__u64 value = word_unhex(word, bad);

	__asm__ volatile("" : "+r"(value), "+r"(*bad) : : "memory");
	return value;
}

/* The fixed part, at an offset where TRACEPARENT_BYTES bytes are known to be; *bad becomes non-zero for a wrong byte.
 */
WIRE_INLINE void traceparent_fields(const __u8 *at, struct traceparent *out, __u64 *bad)
{
	__u64 head = wire_load64(at), dash = wire_load64(at + 35), tail = wire_load64(at + 47), edge;
	__u64 first;

	/* "vv-" at 0, "-" at 35, "-ff" at 52: padded with zeros where a word holds bytes of an id. */
	edge = (head & 0xffff) | ((tail >> 48) << 16) | (WORD_ONES * '0') << 32;
	first = traceparent_word(edge, bad);
	out->version = (__u8)first;
	out->flags = (__u8)(first >> 8);
	*bad |= ((head >> 16) & 0xff) ^ '-';
	*bad |= (dash & 0xff) ^ '-';
	*bad |= ((tail >> 40) & 0xff) ^ '-';

	first = traceparent_word(wire_load64(at + 3), bad);
	first |= traceparent_word(wire_load64(at + 11), bad) << 32;
	wire_store64(out->trace_id, first);
	first = traceparent_word(wire_load64(at + 19), bad);
	first |= traceparent_word(wire_load64(at + 27), bad) << 32;
	wire_store64(out->trace_id + 8, first);
	first = traceparent_word(wire_load64(at + 36), bad);
	first |= traceparent_word(wire_load64(at + 44), bad) << 32;
	wire_store64(out->parent_id, first);
}

WIRE_INLINE enum traceparent_result traceparent_check(const struct head_text *t, __u32 start, __u32 end,
						      struct traceparent *out)
{
	__u64 bad = 0;

	if (end > HEAD_TEXT_CAP || start + TRACEPARENT_BYTES > end)
		return TRACEPARENT_MALFORMED;
	traceparent_fields(t->bytes + head_text_index(start), out, &bad);
	out->undecided = out->opaque = 0;
	if (bad || out->version == 0xff)
		return TRACEPARENT_MALFORMED;
	if (end - start > TRACEPARENT_BYTES && (out->version == 0 || head_text_at(t, start + TRACEPARENT_BYTES) != '-'))
		return TRACEPARENT_MALFORMED;
	if (!(wire_load64(out->trace_id) | wire_load64(out->trace_id + 8)) || !wire_load64(out->parent_id))
		return TRACEPARENT_ZERO_ID;
	return TRACEPARENT_OK;
}

/* As traceparent_parse, as a function of its own so that the verifier sees it once; range = start | end << 16. */
WIRE_GLOBAL int traceparent_read(const struct head_text *t, __u32 range, struct traceparent *out)
{
	__u32 start = range & 0xffff, end = range >> 16;

	if (!t || !out)
		return TRACEPARENT_MALFORMED;
	text_trim(t, &start, &end);
	return traceparent_check(t, start, end, out);
}

/* Reads the value in `r`; surrounding spaces and tabs do not count. `out` is meaningful only with TRACEPARENT_OK. */
WIRE_INLINE enum traceparent_result traceparent_parse(const struct head_text *t, struct text_range r,
						      struct traceparent *out)
{
	return (enum traceparent_result)traceparent_read(t, r.start | (__u32)r.end << 16, out);
}

/*
 * Writes version 00 with the flags this version knows. `out` holds TRACEPARENT_ROOM bytes, the last of which becomes
 * zero. In the kernel what lies on the stack must be eight-byte aligned: both ids and `out`.
 */
WIRE_INLINE void traceparent_format(__u8 *out, const __u8 *trace_id, const __u8 *parent_id, __u8 flags)
{
	__u64 id = wire_load64(trace_id), h0 = word_hex((__u32)id), h1 = word_hex((__u32)(id >> 32));
	__u64 h2, h3, p0, p1;

	id = wire_load64(trace_id + 8);
	h2 = word_hex((__u32)id);
	h3 = word_hex((__u32)(id >> 32));
	id = wire_load64(parent_id);
	p0 = word_hex((__u32)id);
	p1 = word_hex((__u32)(id >> 32));
	wire_store64(out, '0' | '0' << 8 | '-' << 16 | h0 << 24);
	wire_store64(out + 8, h0 >> 40 | h1 << 24);
	wire_store64(out + 16, h1 >> 40 | h2 << 24);
	wire_store64(out + 24, h2 >> 40 | h3 << 24);
	wire_store64(out + 32, h3 >> 40 | (__u64)'-' << 24 | p0 << 32);
	wire_store64(out + 40, p0 >> 32 | p1 << 32);
	wire_store64(out + 48, p1 >> 32 | (__u64)'-' << 32 | (word_hex(flags & TRACE_FLAGS_KNOWN) & 0xffff) << 40);
}

#endif
