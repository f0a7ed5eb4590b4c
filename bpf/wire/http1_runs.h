/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/* HTTP/1.1 framing: several bytes at a time. Nothing here decides anything that http1_bytes.h does not. */
#ifndef WEFT_WIRE_HTTP1_RUNS_H
#define WEFT_WIRE_HTTP1_RUNS_H

#include "wire/http1_bytes.h"
#include "wire/words.h"

/* Bytes below the first mark; the marks are the top bits of their bytes, and not none. */
WIRE_INLINE __u32 http1_bytes_below(__u64 marks)
{
	return (__u32)((((marks & -marks) - 1) & 0x0101010101010101ULL) * 0x0101010101010101ULL >> 56) - 1;
}

/* Of the `rest` bytes from p on, how many come before a control byte; looks at no more than 64, and behind the rest. */
WIRE_INLINE __u32 http1_plain_run(const __u8 *p, __u32 rest)
{
	__u32 n = 0;

#ifdef __clang__
#pragma unroll
#endif
	for (int i = 0; i < 8; i++) {
		__u64 marks = http1_control_marks(wire_load64(p + 8 * i));

		if (marks) {
			n += http1_bytes_below(marks);
			break;
		}
		n += 8;
	}
	return n < rest ? n : rest;
}

/* One mark for each byte that is no http1_is_name_byte. */
WIRE_INLINE __u64 http1_name_marks(__u64 x)
{
	return word_equal(x, ':') | (~word_at_least(x, 0x21) & WORD_HIGH) | (x & WORD_HIGH);
}

/* Of the `rest` bytes from p on, how many are bytes of a name; looks at no more than 24, and behind the rest. */
WIRE_INLINE __u32 http1_name_run(const __u8 *p, __u32 rest)
{
	__u32 n = 0;

#ifdef __clang__
#pragma unroll
#endif
	for (int i = 0; i < 3; i++) {
		__u64 marks = http1_name_marks(wire_load64(p + 8 * i));

		if (marks) {
			n += http1_bytes_below(marks);
			break;
		}
		n += 8;
	}
	return n < rest ? n : rest;
}

/*
 * The rest of a line at once where it can be seen whole. Each of these does what the automaton would do byte by byte,
 * or nothing; *at is the index of the next byte, bytes up to `end` may be looked at.
 */

/* A usual method at the start of a request. */
WIRE_INLINE void http1_run_method(struct http1 *h, const __u8 *p, __u32 *at)
{
	__u64 word = wire_load64(p);
	__u32 bytes;
	__u8 method = HTTP1_METHOD_OTHER;

	if ((word & 0xffffffffULL) == 0x20544547ULL) {
		bytes = 4;
		method = HTTP1_METHOD_GET;
	} else if ((word & 0xffffffffffULL) == 0x2054534f50ULL) {
		bytes = 5;
		method = HTTP1_METHOD_POST;
	} else if ((word & 0xffffffffffULL) == 0x2044414548ULL) {
		bytes = 5;
		method = HTTP1_METHOD_HEAD;
	} else if ((word & 0xffffffffULL) == 0x20545550ULL) { /* PUT */
		bytes = 4;
	} else if ((word & 0xffffffffffffffULL) == 0x204554454c4544ULL) { /* DELETE */
		bytes = 7;
	} else if ((word & 0xffffffffffffULL) == 0x204843544150ULL) { /* PATCH */
		bytes = 6;
	} else {
		return;
	}
	http1_begin(h);
	h->method = method;
	h->target.start = (__u16)bytes;
	h->state = HTTP1_TARGET;
	*at += bytes;
}

/* The name of a header that matters, colon included, when it lies whole in the `rest` bytes from p on. */
WIRE_INLINE void http1_run_known_name(struct http1 *h, const __u8 *p, __u32 *at, __u32 rest)
{
	const __u64 fold = 0x2020202020202020ULL;
	__u64 first = wire_load64(p) | fold, second = wire_load64(p + 8) | fold, third = wire_load64(p + 16) | fold;

	if (first == HTTP1_CONTENT_ && (second & 0xffffffffffffffULL) == 0x3a6874676e656cULL && p[7] == '-' &&
	    p[14] == ':' && rest >= 15) {
		h->state = HTTP1_LENGTH_START;
		*at += 15;
	} else if (first == HTTP1_TRACEPAR && (second & 0xffffffffULL) == 0x3a746e65ULL && p[11] == ':' && rest >= 12) {
		h->traceparent_lines++;
		h->field = HTTP1_FIELD_TRACEPARENT;
		h->state = HTTP1_VALUE_START;
		*at += 12;
	} else if (first == HTTP1_TRACESTA && (second & 0xffffffULL) == 0x3a6574ULL && p[10] == ':' && rest >= 11) {
		h->field = HTTP1_FIELD_TRACESTATE;
		h->state = HTTP1_VALUE_START;
		*at += 11;
	} else if (first == HTTP1_BAGGAGE_ && p[7] == ':' && rest >= 8) {
		h->field = HTTP1_FIELD_BAGGAGE;
		h->state = HTTP1_VALUE_START;
		*at += 8;
	} else if (first == HTTP1_TRANSFER && second == 0x6e69646f636e652dULL && (third & 0xffffULL) == 0x3a67ULL &&
		   p[8] == '-' && p[17] == ':' && rest >= 18) {
		h->state = HTTP1_CODING_START;
		*at += 18;
	} else if (first == HTTP1_CONTENT_ && p[7] == '-' && rest >= 14 &&
		   (second & 0xffffffffffffULL) != 0x6874676e656cULL) {
		h->state = HTTP1_NAME_SKIP; /* content-type and the like */
		*at += 8;
	}
}

/* One space and the digits of a Content-Length. */
WIRE_INLINE void http1_run_length(struct http1 *h, const __u8 *p, __u32 *at, __u32 end)
{
	__u32 n = p[0] == ' ', digits = 0;
	__u64 length = 0;

	if (h->flags & (HTTP1_HAS_LENGTH | HTTP1_HAS_CODING))
		return;
#ifdef __clang__
#pragma unroll
#endif
	for (int i = 0; i < 8; i++) {
		__u8 b = p[(n & 1) + digits];

		if (*at + n + digits >= end || b < '0' || b > '9')
			break;
		length = length * 10 + (b - '0');
		digits++;
	}
	if (!digits)
		return;
	h->flags |= HTTP1_HAS_LENGTH;
	h->length = length;
	h->state = HTTP1_LENGTH;
	*at += n + digits;
}

#endif
