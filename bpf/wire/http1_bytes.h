/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/* HTTP/1.1 framing: the automaton of a head, byte by byte. It defines the result; everything faster must agree with it.
 */
#ifndef WEFT_WIRE_HTTP1_BYTES_H
#define WEFT_WIRE_HTTP1_BYTES_H

#include "wire/carriers.h"
#include "wire/http1_names.h"

/* One mark (0x80) for each byte below 0x20; only the lowest mark is exact. */
WIRE_INLINE __u64 http1_control_marks(__u64 x)
{
	return (x - 0x2020202020202020ULL) & ~x & 0x8080808080808080ULL;
}

/* States that read on to the next control byte. */
WIRE_INLINE bool http1_skips(__u32 state)
{
	const __u32 skipping = 1u << HTTP1_TARGET | 1u << HTTP1_STATUS_LINE | 1u << HTTP1_VALUE_SKIP |
			       1u << HTTP1_VALUE | 1u << HTTP1_CHUNK_EXTENSION | 1u << HTTP1_TRAILER_SKIP;
	return skipping >> (state & 31) & 1;
}

/* The line is one of another format: its value is looked for when the head is complete. */
WIRE_INLINE void http1_carrier_found(struct http1 *h)
{
	h->flags |= HTTP1_HAS_CARRIERS;
	h->state = HTTP1_NAME_SKIP;
}

WIRE_INLINE void http1_begin(struct http1 *h)
{
	h->method = h->field = 0;
	h->status = h->flags = 0;
	h->head_bytes = h->blank_at = h->traceparent_lines = 0;
	h->length = h->left = 0;
	h->target.start = h->target.end = 0;
	h->traceparent.start = h->traceparent.end = 0;
	h->tracestate.count = h->tracestate.more = 0;
	h->baggage.count = h->baggage.more = 0;
}

/* The field name is complete: which state reads its value. */
WIRE_INLINE __u8 http1_named(struct http1 *h)
{
	__u64 a = h->name[0], b = h->name[1], c = h->name[2];
	__u32 n = h->name_length;

	if (n == 11 && a == HTTP1_TRACEPAR && b == 0x746e65ULL) {
		h->traceparent_lines++;
		h->field = HTTP1_FIELD_TRACEPARENT;
		return HTTP1_VALUE_START;
	}
	if (n == 10 && a == HTTP1_TRACESTA && b == 0x6574ULL) {
		h->field = HTTP1_FIELD_TRACESTATE;
		return HTTP1_VALUE_START;
	}
	if (n == 7 && a == (HTTP1_BAGGAGE_ & 0xffffffffffffffULL)) {
		h->field = HTTP1_FIELD_BAGGAGE;
		return HTTP1_VALUE_START;
	}
	if (n == 14 && a == HTTP1_CONTENT_ && b == 0x6874676e656cULL)
		return HTTP1_LENGTH_START;
	if (n == 17 && a == HTTP1_TRANSFER && b == 0x6e69646f636e652dULL && c == 'g')
		return HTTP1_CODING_START;
	if (n == 7 && a == (HTTP1_UPGRADE_ & 0xffffffffffffffULL))
		h->flags |= HTTP1_HAS_UPGRADE;
	if (n == 2 && a == 0x3362ULL) /* b3 */
		h->flags |= HTTP1_HAS_CARRIERS;
	return HTTP1_VALUE_SKIP;
}

/* Another line for which there is no place. Behind the kept text offsets say nothing but that. */
WIRE_INLINE void http1_lose_line(struct text_lines *lines, __u64 start)
{
	if (start > HEAD_TEXT_CAP)
		start = HEAD_TEXT_CAP;
	if (!lines->more || start < lines->lost_from)
		lines->lost_from = (__u16)start;
	if (lines->more != 0xff)
		lines->more++;
}

/* The text behind HTTP1_TEXT_KEPT is written over: lines that end there are lost after all. */
WIRE_INLINE void http1_lose_overwritten(struct text_lines *lines)
{
	__u32 lost = 0;

#ifdef __clang__
#pragma unroll
#endif
	for (__u32 i = 0; i < TEXT_LINES_MAX; i++) {
		if (i >= lines->count || lines->line[i].end <= HTTP1_TEXT_KEPT)
			continue;
		http1_lose_line(lines, lines->line[i].start);
		lost++; /* all that follow are too */
	}
	lines->count -= (__u8)lost;
}

WIRE_INLINE void http1_add_line(struct text_lines *lines, struct text_range range)
{
	__u32 i = lines->count;

	if (i >= TEXT_LINES_MAX) {
		http1_lose_line(lines, range.start);
		return;
	}
	WIRE_OPAQUE(i);
	lines->line[i & (TEXT_LINES_MAX - 1)] = range;
	lines->count = (lines->count + 1) & 15;
}

/* A kept value begins (end == 0) or ends; offsets beyond the kept text are forgotten. */
WIRE_INLINE void http1_value_begins(struct http1 *h, __u32 offset)
{
	h->name[0] = offset;
}

WIRE_INLINE void http1_value_ends(struct http1 *h, __u32 offset)
{
	struct text_range range = {.start = (__u16)h->name[0], .end = (__u16)offset};

	if ((h->flags & HTTP1_TEXT_LOST) || offset >= HEAD_TEXT_CAP) {
		h->flags |= HTTP1_TEXT_LOST;
		if (h->field == HTTP1_FIELD_TRACESTATE)
			http1_lose_line(&h->tracestate, h->name[0]);
		else if (h->field == HTTP1_FIELD_BAGGAGE)
			http1_lose_line(&h->baggage, h->name[0]);
		return;
	}
	if (h->field == HTTP1_FIELD_TRACEPARENT)
		h->traceparent = range;
	else if (h->field == HTTP1_FIELD_TRACESTATE)
		http1_add_line(&h->tracestate, range);
	else
		http1_add_line(&h->baggage, range);
}

/* `METHOD SP target SP HTTP/1.x` ends at index `at`. The line lies whole in the text. */
WIRE_INLINE bool http1_request_line(struct http1 *h, const struct head_text *t, __u32 at)
{
	__u64 version;

	if ((h->flags & HTTP1_TEXT_LOST) || at < h->target.start + 10u || at > HTTP1_TEXT_KEPT + HTTP1_WINDOW)
		return false;
	version = wire_load64(t->bytes + head_text_index(at - 8));
	if (version == 0x302e312f50545448ULL)
		h->flags |= HTTP1_IS_10;
	else if (version != 0x312e312f50545448ULL)
		return false;
	if (head_text_at(t, at - 9) != ' ')
		return false;
	h->target.end = (__u16)(at - 9);
	return true;
}

/* `HTTP/1.x SP 3DIGIT [SP reason]` ends at index `at`. */
WIRE_INLINE bool http1_status_line(struct http1 *h, const struct head_text *t, __u32 at)
{
	__u64 version = wire_load64(t->bytes);
	__u32 a = t->bytes[9], b = t->bytes[10], c = t->bytes[11];

	if ((h->flags & HTTP1_TEXT_LOST) || at < 12)
		return false;
	if (version == 0x302e312f50545448ULL)
		h->flags |= HTTP1_IS_10;
	else if (version != 0x312e312f50545448ULL)
		return false;
	if (t->bytes[8] != ' ' || a < '1' || a > '9' || b < '0' || b > '9' || c < '0' || c > '9')
		return false;
	if (at > 12 && t->bytes[12] != ' ')
		return false;
	h->status = (__u16)((a - '0') * 100 + (b - '0') * 10 + (c - '0'));
	return true;
}

WIRE_INLINE void http1_name_byte(struct http1 *h, __u8 b)
{
	__u32 n = h->name_length;
	__u64 v = (__u64)b << (8 * (n & 7));

	if (n < 8)
		h->name[0] |= v;
	else if (n < 16)
		h->name[1] |= v;
	else if (n < 24)
		h->name[2] |= v;
	h->name_length = n + 1;
}

WIRE_INLINE void http1_name_begins(struct http1 *h, __u8 b)
{
	h->name[0] = b;
	h->name[1] = h->name[2] = 0;
	h->name_length = 1;
}

/* Do the bytes of the transfer coding so far (at most 7) begin the word `chunked`? */
WIRE_INLINE bool http1_may_be_chunked(const struct http1 *h)
{
	return h->name[0] == (0x64656b6e756863ULL & ((1ULL << (8 * (h->name_length & 7))) - 1));
}

/* One byte of a head. Returns the event. */
WIRE_INLINE enum http1_event http1_head_byte(struct http1 *h, const struct head_text *t, __u32 at, __u32 offset, __u8 b)
{
	switch (h->state) {
	case HTTP1_START:
		http1_begin(h);
		http1_name_begins(h, b);
		if (h->is_response) {
			if (b != 'H')
				return HTTP1_BAD;
			h->state = HTTP1_STATUS_LINE;
		} else {
			if (b < 'A' || b > 'Z')
				return HTTP1_BAD;
			h->state = HTTP1_METHOD;
		}
		return HTTP1_MORE;
	case HTTP1_METHOD:
		if (b == ' ') {
			h->method = http1_method_of(h->name[0], h->name_length);
			h->target.start = (__u16)(offset + 1);
			h->state = HTTP1_TARGET;
			return HTTP1_MORE;
		}
		if (!((b >= 'A' && b <= 'Z') || b == '-' || b == '_') || h->name_length > 23)
			return HTTP1_BAD;
		http1_name_byte(h, b);
		return HTTP1_MORE;
	case HTTP1_TARGET:
	case HTTP1_STATUS_LINE:
		if (b == '\r') {
			bool good =
			    h->state == HTTP1_TARGET ? http1_request_line(h, t, at) : http1_status_line(h, t, at);
			h->state = HTTP1_LINE_LF;
			return good ? HTTP1_MORE : HTTP1_BAD;
		}
		return b < 0x20 && !(b == '\t' && h->state == HTTP1_STATUS_LINE) ? HTTP1_BAD : HTTP1_MORE;
	case HTTP1_LINE_LF:
		h->state = HTTP1_LINE;
		return b == '\n' ? HTTP1_MORE : HTTP1_BAD;
	case HTTP1_LINE:
		if (b == '\r') {
			h->blank_at = offset;
			h->state = HTTP1_BLANK_LF;
			return HTTP1_MORE;
		}
		if (!http1_is_token_byte(b))
			return HTTP1_BAD;
		b = http1_lower(b);
		http1_name_begins(h, b);
		h->state = http1_may_matter(h->name[0], 1) ? HTTP1_NAME : HTTP1_NAME_SKIP;
		return HTTP1_MORE;
	case HTTP1_NAME:
		if (b == ':') {
			h->state = http1_named(h);
			return HTTP1_MORE;
		}
		http1_name_byte(h, http1_lower(b));
		if (h->name_length <= 8) {
			if (!http1_may_matter(h->name[0], h->name_length))
				h->state = HTTP1_NAME_SKIP;
			else if (carrier_other(h->name[0]))
				http1_carrier_found(h);
		}
		return http1_is_name_byte(b) ? HTTP1_MORE : HTTP1_BAD;
	case HTTP1_NAME_SKIP:
		if (b == ':') {
			h->state = HTTP1_VALUE_SKIP;
			return HTTP1_MORE;
		}
		return http1_is_name_byte(b) ? HTTP1_MORE : HTTP1_BAD;
	case HTTP1_VALUE_SKIP:
	case HTTP1_VALUE:
		if (b == '\r') {
			if (h->state == HTTP1_VALUE)
				http1_value_ends(h, offset);
			h->state = HTTP1_LINE_LF;
			return HTTP1_MORE;
		}
		return b < 0x20 && b != '\t' ? HTTP1_BAD : HTTP1_MORE;
	case HTTP1_VALUE_START:
		if (b == ' ' || b == '\t')
			return HTTP1_MORE;
		http1_value_begins(h, offset);
		if (b == '\r') {
			http1_value_ends(h, offset);
			h->state = HTTP1_LINE_LF;
			return HTTP1_MORE;
		}
		h->state = HTTP1_VALUE;
		return b < 0x20 ? HTTP1_BAD : HTTP1_MORE;
	case HTTP1_LENGTH_START:
		if (b == ' ' || b == '\t')
			return HTTP1_MORE;
		if (b < '0' || b > '9' || (h->flags & (HTTP1_HAS_LENGTH | HTTP1_HAS_CODING)))
			return HTTP1_BAD;
		h->flags |= HTTP1_HAS_LENGTH;
		h->length = b - '0';
		h->state = HTTP1_LENGTH;
		return HTTP1_MORE;
	case HTTP1_LENGTH:
		if (b >= '0' && b <= '9') {
			h->length = h->length * 10 + (b - '0');
			return h->length > 1000000000000000ULL ? HTTP1_BAD : HTTP1_MORE;
		}
		goto tail;
	case HTTP1_CODING_START:
		if (b == ' ' || b == '\t')
			return HTTP1_MORE;
		if (h->flags & (HTTP1_HAS_LENGTH | HTTP1_HAS_CODING | HTTP1_IS_10))
			return HTTP1_BAD;
		h->flags |= HTTP1_HAS_CODING;
		http1_name_begins(h, http1_lower(b));
		h->state = HTTP1_CODING;
		return http1_may_be_chunked(h) ? HTTP1_MORE : HTTP1_BAD;
	case HTTP1_CODING:
		http1_name_byte(h, http1_lower(b));
		if (h->name_length == 7)
			h->state = HTTP1_VALUE_TAIL;
		return http1_may_be_chunked(h) ? HTTP1_MORE : HTTP1_BAD;
	case HTTP1_VALUE_TAIL:
	tail:
		if (b == '\r') {
			h->state = HTTP1_LINE_LF;
			return HTTP1_MORE;
		}
		h->state = HTTP1_VALUE_TAIL;
		return b == ' ' || b == '\t' ? HTTP1_MORE : HTTP1_BAD;
	case HTTP1_BLANK_LF:
		return b == '\n' ? HTTP1_HEAD : HTTP1_BAD;
	}
	return HTTP1_BAD;
}

#endif
