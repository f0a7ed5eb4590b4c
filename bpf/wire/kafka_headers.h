/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * The headers of one record (their number, then each with its name and value) become the lines of a head of HTTP/1.1,
 * as far as they carry context: what such headers mean is decided in one place. Bytes of others: they have to be read
 * to their very end, or they are none.
 *
 * Names have case, and context is written in lower case. Not every producer does it so: where no header has a name
 * itself, those that differ in case alone count. A value with control bytes is none, nor is null.
 */
#ifndef WEFT_WIRE_KAFKA_HEADERS_H
#define WEFT_WIRE_KAFKA_HEADERS_H

#include "wire/carriers.h"
#include "wire/kafka.h"
#include "wire/text_copy.h"

#define KAFKA_HEADERS_BYTES 8192u /* of one record; longer ones are not read */
#define KAFKA_HEADERS_READ 256u	  /* what stands behind so many carries nothing */
#define KAFKA_TRACE_NAME_BYTES 32u
#define KAFKA_HEADERS_LINE 20u /* "PROCESS * HTTP/1.1\r\n" */
#define KAFKA_HEADERS_LINES_MOST 12000u

enum kafka_headers_pass {
	KAFKA_HEADERS_NAMES = 0, /* which names stand there as they are */
	KAFKA_HEADERS_LINES,
	KAFKA_HEADERS_TRACE, /* the header that holds a bare trace id */
};

/* Lies in memory of the caller, not on the stack: the verifier does not track it there. */
struct kafka_headers {
	__u64 trace_name[KAFKA_TRACE_NAME_BYTES / 8]; /* of the header with a bare trace id, zeros behind it … */
	__u32 trace_name_bytes;			      /* … 0: there is none */
	__u32 begin, end;			      /* in the source, behind the number of headers */
	__u32 count;
	__u32 at, seen;
	__u32 to; /* end of the lines */
	__u32 pass;
	__u32 exact; /* 1 << enum carrier: a header has the name itself */
	__u32 traced;
	__u32 bad; /* not headers of a record, or more text than there is room for */
	__u32 key_at, key_bytes, value_at, value_bytes; /* the header at hand */
};

WIRE_INLINE __u64 kafka_headers_mask(__u32 bytes)
{
	return bytes >= 8 ? ~0ULL : (1ULL << (8 * bytes)) - 1;
}

/* The name at hand, in lower case and with a colon, goes to the end of the lines. Returns its enum carrier, or 0. */
WIRE_INLINE __u32 kafka_headers_name(const struct head_text *from, struct head_text *to, const struct kafka_headers *w,
				     bool *exact)
{
	const __u64 fold = 0x2020202020202020ULL;
	const __u8 *key = from->bytes + head_text_index(w->key_at);
	__u8 *name = to->bytes + head_text_index(w->to);
	__u64 a = wire_load64(key), b = wire_load64(key + 8), c = wire_load64(key + 16), wrong, upper;
	__u32 bytes = w->key_bytes, found;

	if (bytes < 2 || bytes > 17)
		return CARRIER_NONE;
	a &= kafka_headers_mask(bytes);
	b &= bytes > 8 ? kafka_headers_mask(bytes - 8) : 0;
	c &= bytes > 16 ? 0xff : 0;
	wire_store64(name, a | fold);
	wire_store64(name + 8, b | fold);
	wire_store64(name + 16, c | fold);
	to->bytes[head_text_index(w->to + bytes)] = ':';
	wrong = word_controls(a) & kafka_headers_mask(bytes);
	upper = ~a & fold & kafka_headers_mask(bytes);
	if (bytes > 8) {
		wrong |= word_controls(b) & kafka_headers_mask(bytes - 8);
		upper |= ~b & fold & kafka_headers_mask(bytes - 8);
	}
	if (bytes > 16) {
		wrong |= word_controls(c) & 0xff;
		upper |= ~c & 0x20;
	}
	found = carrier_named(name);
	if (wrong || found >> 8 != bytes + 1)
		return CARRIER_NONE;
	*exact = !upper;
	return found & (CARRIER_KINDS - 1);
}

WIRE_INLINE bool kafka_headers_is_trace(const struct head_text *from, const struct kafka_headers *w)
{
	const __u8 *key = from->bytes + head_text_index(w->key_at);
	__u32 bytes = w->key_bytes;
	__u64 apart = 0;

	if (!bytes || bytes != w->trace_name_bytes || bytes > KAFKA_TRACE_NAME_BYTES)
		return false;
#ifdef __clang__
#pragma unroll
#endif
	for (__u32 k = 0; k < KAFKA_TRACE_NAME_BYTES / 8; k++)
		if (bytes > 8 * k)
			apart |= (wire_load64(key + 8 * k) & kafka_headers_mask(bytes - 8 * k)) ^ w->trace_name[k];
	return !apart;
}

/* The value at hand, behind a name and its colon that end at `to`; the line is kept when it is text. */
WIRE_INLINE bool kafka_headers_value(const struct head_text *from, struct head_text *text, struct kafka_headers *w,
				     __u32 to)
{
	struct text_copy copy;

	if (to + w->value_bytes + 3 > KAFKA_HEADERS_LINES_MOST) {
		w->bad = 1;
		return false;
	}
	text->bytes[head_text_index(to)] = ' ';
	copy.from = from;
	copy.to = text;
	copy.at = w->value_at;
	copy.end = w->value_at + w->value_bytes;
	copy.out = to + 1;
	copy.bad = 0;
	wire_loop(KAFKA_HEADERS_BYTES / 8 + 1, text_copy_step, &copy);
	if (copy.bad)
		return false;
	text->bytes[head_text_index(copy.out)] = '\r';
	text->bytes[head_text_index(copy.out + 1)] = '\n';
	w->to = copy.out + 2;
	return true;
}

/* The header at hand. A function of its own for the verifier. */
WIRE_GLOBAL int kafka_headers_one(const struct head_text *from, struct head_text *to, struct kafka_headers *w)
{
	bool exact = false;
	__u32 kind;

	if (!from || !to || !w)
		return 0;
	if (w->pass == KAFKA_HEADERS_TRACE) {
		if (w->value_at && kafka_headers_is_trace(from, w)) {
			__u8 *name = to->bytes + head_text_index(w->to);

			wire_store64(name, 0x2d65636172742d78ULL); /* x-trace-id: */
			wire_store64(name + 8, 0x3a6469ULL);
			kafka_headers_value(from, to, w, w->to + 11);
		}
		return 0;
	}
	kind = kafka_headers_name(from, to, w, &exact);
	if (kind == CARRIER_NONE || kind == CARRIER_UBER_BAGGAGE)
		return 0;
	if (w->pass == KAFKA_HEADERS_NAMES) {
		w->exact |= (__u32)exact << kind;
		return 0;
	}
	if (w->value_at && (exact || !(w->exact >> kind & 1)) &&
	    kafka_headers_value(from, to, w, w->to + w->key_bytes + 1))
		w->traced |= kind == CARRIER_X_TRACE;
	return 0;
}

struct kafka_headers_run {
	const struct head_text *from;
	struct head_text *to;
	struct kafka_headers *work;
};

/* A length at w->at and so many bytes, which end by w->end. Returns the length, -1 for null; -2: it is none. */
WIRE_INLINE __s32 kafka_headers_length(const struct head_text *from, struct kafka_headers *w)
{
	__u64 varint = kafka_varint(from->bytes + head_text_index(w->at));
	__u32 v = (__u32)varint, at = w->at + (__u32)(varint >> 32);
	__s32 bytes = (__s32)(v >> 1 ^ -(v & 1));

	if (!varint || at > w->end || bytes < -1 || bytes > (__s32)(w->end - at))
		return -2;
	w->at = at;
	return bytes;
}

WIRE_STEP kafka_headers_step(__u32 i, void *arg)
{
	struct kafka_headers_run *run = (struct kafka_headers_run *)arg;
	struct kafka_headers *w = run->work;
	__s32 bytes;

	(void)i;
	if (w->seen == w->count || w->bad)
		return 1;
	bytes = kafka_headers_length(run->from, w);
	if (bytes < 0)
		goto bad;
	w->key_at = w->at;
	w->key_bytes = (__u32)bytes;
	w->at += (__u32)bytes;
	bytes = kafka_headers_length(run->from, w);
	if (bytes < -1)
		goto bad;
	w->value_at = bytes < 0 ? 0 : w->at; /* never 0: the number of headers comes first */
	w->value_bytes = bytes < 0 ? 0 : (__u32)bytes;
	w->at += w->value_bytes;
	if (w->seen++ < KAFKA_HEADERS_READ)
		kafka_headers_one(run->from, run->to, w);
	return 0;
bad:
	w->bad = 1;
	return 1;
}

WIRE_GLOBAL int kafka_headers_walk(const struct head_text *from, struct head_text *to, struct kafka_headers *w,
				   __u32 pass)
{
	struct kafka_headers_run run;

	if (!from || !to || !w)
		return 0;
	run.from = from;
	run.to = to;
	run.work = w;
	w->pass = pass;
	w->at = w->begin;
	w->seen = 0;
	wire_loop(KAFKA_HEADERS_BYTES / 2 + 1, kafka_headers_step, &run);
	if (w->seen != w->count || w->at != w->end)
		w->bad = 1;
	return 0;
}

/*
 * `bytes` of headers in `from`, at most KAFKA_HEADERS_BYTES, become a head in `to`; w->trace_name has been set. Returns
 * how long it is, 0: they are no headers. 0 bytes are no headers at all, which is legal.
 */
WIRE_GLOBAL __u32 kafka_headers_head(const struct head_text *from, struct head_text *to, struct kafka_headers *w,
				     __u32 bytes)
{
	__u32 number = 0;

	if (!from || !to || !w || bytes > KAFKA_HEADERS_BYTES)
		return 0;
	w->at = w->count = w->exact = w->traced = w->bad = 0;
	w->end = bytes;
	w->to = KAFKA_HEADERS_LINE;
	if (bytes) { /* the number is a varint as the lengths are */
		__u64 varint = kafka_varint(from->bytes);

		number = (__u32)varint;
		if (!varint || (number & 1))
			return 0;
		w->at = (__u32)(varint >> 32);
		w->count = number >> 1;
		if (w->at > bytes)
			return 0;
	}
	w->begin = w->at;
	wire_store64(to->bytes, 0x20535345434f5250ULL);		 /* "PROCESS " */
	wire_store64(to->bytes + 8, 0x312f50545448202aULL);	 /* "* HTTP/1" */
	wire_store64(to->bytes + 16, 0x0000000000000a0d312eULL); /* ".1\r\n" */
	kafka_headers_walk(from, to, w, KAFKA_HEADERS_NAMES);
	if (!w->bad)
		kafka_headers_walk(from, to, w, KAFKA_HEADERS_LINES);
	if (!w->bad && w->trace_name_bytes && !w->traced)
		kafka_headers_walk(from, to, w, KAFKA_HEADERS_TRACE);
	if (w->bad)
		return 0;
	to->bytes[head_text_index(w->to)] = '\r';
	to->bytes[head_text_index(w->to + 1)] = '\n';
	return w->to + 2;
}

#endif
