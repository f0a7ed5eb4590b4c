/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * Which lines of a head carry context, whatever the format. The framing (wire/http1.h) knows traceparent, tracestate
 * and baggage itself and only notes that others are there (HTTP1_HAS_CARRIERS); then this walk over the complete lines
 * of the head finds all of them, in order. REQUIRES a head that the framing has accepted: no control bytes in lines.
 */
#ifndef WEFT_WIRE_CARRIERS_H
#define WEFT_WIRE_CARRIERS_H

#include "wire/head_text.h"
#include "wire/words.h"

enum carrier {
	CARRIER_NONE = 0,
	CARRIER_TRACEPARENT,
	CARRIER_TRACESTATE,
	CARRIER_BAGGAGE,
	CARRIER_B3,
	CARRIER_B3_TRACE,
	CARRIER_B3_SPAN,
	CARRIER_B3_PARENT,
	CARRIER_B3_SAMPLED,
	CARRIER_B3_FLAGS,
	CARRIER_UBER_TRACE,
	CARRIER_UBER_BAGGAGE, /* uberctx-KEY; as many as there are keys */
	CARRIER_X_TRACE,
	CARRIER_X_PARENT,
	CARRIER_UBER_EMPTIED, /* uberctx- whose value the policy does not let pass: marked by the writer of the head */
	CARRIER_COUNT
};
#define CARRIER_KINDS 16u /* a power of two >= CARRIER_COUNT */

/* `name` is the offset of the line, [start, end) its value without the white space around it. */
struct carrier_line {
	__u16 name, start, end;
	__u8 carrier;
	__u8 changed; /* for the writer of the head */
};

#define CARRIER_LINES_MAX 32u /* a power of two */
struct carriers {
	struct carrier_line line[CARRIER_LINES_MAX];
	__u8 lines[CARRIER_KINDS]; /* how many lines of a kind, at most 255 */
	__u8 last[CARRIER_KINDS];  /* index of the last one of them */
	__u8 count;		   /* used entries of `line` */
	__u8 more;		   /* there were more lines than that: `lines` is 255 for their kinds */
	__u16 lost_from;	   /* where the first line begins that may hold a value and is not in `line`; 0: none */
	__u32 pos, end;		   /* the walk */
	__u32 begin;		   /* of the line at hand; 0: the request or status line */
};
WIRE_ASSERT(sizeof(struct carriers) == 304, "carriers layout");

/* Value of the last line of a kind; empty when there is none. */
WIRE_INLINE struct text_range carrier_value(const struct carriers *c, __u32 carrier)
{
	struct text_range range = {};
	__u32 at;

	WIRE_OPAQUE(carrier);
	carrier &= CARRIER_KINDS - 1;
	if (!c->lines[carrier])
		return range;
	at = c->last[carrier];
	WIRE_OPAQUE(at);
	at &= CARRIER_LINES_MAX - 1;
	range.start = c->line[at].start;
	range.end = c->line[at].end;
	return range;
}

/* May a line that begins with these eight bytes, folded to lower case, be one of the formats beside the W3C's? */
WIRE_INLINE bool carrier_other(__u64 first)
{
	return (first & 0xffffff) == 0x3a3362ULL || (first & 0xffffffffffULL) == 0x2d33622d78ULL || /* b3: x-b3- */
	       first == 0x6172742d72656275ULL || first == 0x2d78746372656275ULL || /* uber-tra uberctx- */
	       first == 0x2d65636172742d78ULL || first == 0x746e657261702d78ULL;   /* x-trace- x-parent */
}

#define CARRIER_FOUND(carrier, bytes) ((carrier) | (__u32)(bytes) << 8)

/* enum carrier | bytes of the name and its colon << 8. For uberctx- the bytes of the prefix. */
WIRE_INLINE __u32 carrier_named(const __u8 *p)
{
	const __u64 fold = 0x2020202020202020ULL;
	__u64 a = wire_load64(p) | fold, b = wire_load64(p + 8) | fold, c = wire_load64(p + 16) | fold;

	if (a == 0x7261706563617274ULL) /* traceparent: */
		return (b & 0xffffffff) == 0x3a746e65ULL ? CARRIER_FOUND(CARRIER_TRACEPARENT, 12) : 0;
	if (a == 0x6174736563617274ULL) /* tracestate: */
		return (b & 0xffffff) == 0x3a6574ULL ? CARRIER_FOUND(CARRIER_TRACESTATE, 11) : 0;
	if (a == 0x3a65676167676162ULL)
		return CARRIER_FOUND(CARRIER_BAGGAGE, 8);
	if (!carrier_other(a))
		return 0;
	if ((a & 0xffffff) == 0x3a3362ULL)
		return CARRIER_FOUND(CARRIER_B3, 3);
	if (a == 0x6172742d33622d78ULL) /* x-b3-traceid: */
		return (b & 0xffffffffffULL) == 0x3a64696563ULL ? CARRIER_FOUND(CARRIER_B3_TRACE, 13) : 0;
	if (a == 0x6170732d33622d78ULL) /* x-b3-spanid: */
		return (b & 0xffffffff) == 0x3a64696eULL ? CARRIER_FOUND(CARRIER_B3_SPAN, 12) : 0;
	if (a == 0x7261702d33622d78ULL) /* x-b3-parentspanid: */
		return b == 0x696e617073746e65ULL && (c & 0xffff) == 0x3a64ULL ? CARRIER_FOUND(CARRIER_B3_PARENT, 18)
									       : 0;
	if (a == 0x6d61732d33622d78ULL) /* x-b3-sampled: */
		return (b & 0xffffffffffULL) == 0x3a64656c70ULL ? CARRIER_FOUND(CARRIER_B3_SAMPLED, 13) : 0;
	if (a == 0x616c662d33622d78ULL) /* x-b3-flags: */
		return (b & 0xffffff) == 0x3a7367ULL ? CARRIER_FOUND(CARRIER_B3_FLAGS, 11) : 0;
	if (a == 0x6172742d72656275ULL) /* uber-trace-id: */
		return (b & 0xffffffffffffULL) == 0x3a64692d6563ULL ? CARRIER_FOUND(CARRIER_UBER_TRACE, 14) : 0;
	if (a == 0x2d78746372656275ULL) /* uberctx- */
		return CARRIER_FOUND(CARRIER_UBER_BAGGAGE, 8);
	if (a == 0x2d65636172742d78ULL) /* x-trace-id: */
		return (b & 0xffffff) == 0x3a6469ULL ? CARRIER_FOUND(CARRIER_X_TRACE, 11) : 0;
	if (a == 0x746e657261702d78ULL) /* x-parent-id: */
		return (b & 0xffffffff) == 0x3a64692dULL ? CARRIER_FOUND(CARRIER_X_PARENT, 12) : 0;
	return 0;
}

/* Bytes before the colon, of those from p on; looks at no more than 64 and behind them. 64: none there. */
WIRE_INLINE __u32 carrier_colon(const __u8 *p)
{
	__u32 n = 0;

#ifdef __clang__
#pragma unroll
#endif
	for (int i = 0; i < 8; i++) {
		__u64 colon = word_equal(wire_load64(p + 8 * i), ':');

		if (colon)
			return n + word_first(colon);
		n += 8;
	}
	return n;
}

/*
 * Without the white space around it; what is more than 16 bytes of it in front, or eight behind, stays, and then the
 * value is malformed. No loop and no call: this lies at the bottom of the deepest chain of calls (the kernel allows 8).
 */
WIRE_INLINE void carrier_trim(const struct head_text *t, __u32 *start, __u32 *end)
{
#ifdef __clang__
#pragma unroll
#endif
	for (int i = 0; i < 2; i++) {
		__u64 solid = ~word_spaces(wire_load64(t->bytes + head_text_index(*start))) & WORD_HIGH;

		*start += solid ? word_first(solid) : 8;
		if (solid)
			break;
	}
	if (*start > *end)
		*start = *end;
#ifdef __clang__
#pragma unroll
#endif
	for (int i = 0; i < 8; i++) {
		if (*end <= *start || !text_is_space(head_text_at(t, *end - 1)))
			break;
		*end -= 1;
	}
}

WIRE_INLINE void carriers_lose(struct carriers *c)
{
	if (!c->lost_from)
		c->lost_from = (__u16)c->begin;
}

/* The line [c->begin, end) is complete. */
WIRE_INLINE void carriers_line(const struct head_text *t, struct carriers *c, __u32 end)
{
	__u32 begin = c->begin, found = carrier_named(t->bytes + head_text_index(begin)), start, at = c->count, kind;

	if (!found)
		return;
	kind = found & (CARRIER_KINDS - 1);
	start = begin + (found >> 8);
	if (kind == CARRIER_UBER_BAGGAGE) {
		__u32 key = carrier_colon(t->bytes + head_text_index(start));

		if (key == 0 || key >= 64) { /* no key, or one that nobody can mean */
			carriers_lose(c);
			return;
		}
		start += key + 1;
	}
	if (start > end)
		return;
	carrier_trim(t, &start, &end);
	WIRE_OPAQUE(kind);
	kind &= CARRIER_KINDS - 1;
	if (c->lines[kind] != 0xff)
		c->lines[kind]++;
	if (at >= CARRIER_LINES_MAX) {
		c->more = 1;
		c->lines[kind] = 0xff; /* not to be taken for a single one */
		carriers_lose(c);
		return;
	}
	c->last[kind] = (__u8)at;
	WIRE_OPAQUE(at);
	at &= CARRIER_LINES_MAX - 1;
	c->line[at].name = (__u16)begin;
	c->line[at].start = (__u16)start;
	c->line[at].end = (__u16)end;
	c->line[at].carrier = (__u8)kind;
	c->line[at].changed = 0;
	c->count = (__u8)(at + 1);
}

struct carriers_run {
	const struct head_text *text;
	struct carriers *out;
};

/* Up to 32 bytes, or to the end of the line. */
WIRE_STEP carriers_step(__u32 i, void *arg)
{
	const struct carriers_run *run = (const struct carriers_run *)arg;
	struct carriers *c = run->out;
	__u32 pos = c->pos, n = 0;
	const __u8 *p = run->text->bytes + head_text_index(pos);

	(void)i;
	if (pos >= c->end)
		return 1;
#ifdef __clang__
#pragma unroll
#endif
	for (int k = 0; k < 4; k++) {
		__u64 ends = word_equal(wire_load64(p + 8 * k), '\r');

		if (ends) {
			n += word_first(ends);
			break;
		}
		n += 8;
	}
	pos += n;
	if (n == 32) {
		c->pos = pos;
		return 0;
	}
	if (pos >= c->end)
		return 1;
	if (c->begin) {
		if (pos == c->begin) /* the blank line */
			return 1;
		carriers_line(run->text, c, pos);
	}
	c->pos = c->begin = pos + 2;
	return 0;
}

/* The context lines of a head of which the first `end` bytes are in `t`; one that is not complete does not count. */
WIRE_GLOBAL int carriers_scan(const struct head_text *t, __u32 end, struct carriers *out)
{
	struct carriers_run run;

	if (!t || !out)
		return 0;
	wire_store64(out->lines, 0);
	wire_store64(out->lines + 8, 0);
	wire_store64(out->last, 0);
	wire_store64(out->last + 8, 0);
	out->count = out->more = 0;
	out->lost_from = 0;
	out->pos = out->begin = 0;
	out->end = end < HEAD_TEXT_CAP ? end : HEAD_TEXT_CAP;
	run.text = t;
	run.out = out;
	wire_loop(HEAD_TEXT_CAP, carriers_step, &run);
	return out->count;
}

#endif
