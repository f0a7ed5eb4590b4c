/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * HTTP/1.1 message framing (RFC 9112), one direction of one connection, incremental: any split of the bytes gives the
 * same result. No allocation, no maps. The same code runs in the kernel, in the agent's tests and in the fuzzer.
 *
 * Default deny: whatever two implementations might read differently is HTTP1_BAD, and the caller then never touches the
 * connection again. That is: bare LF, obs-fold, NUL and other control bytes in a head, Content-Length with Transfer-Encoding, Content-Length twice or as a list, any transfer coding but
 * exactly `chunked`, chunked in HTTP/1.0, chunk sizes over 11 digits, a header line without a colon or with white space
 * before it.
 *
 * How a caller drives it:
 *   while there are bytes:
 *     if http1_in_data(h): http1_skip_data(h, n) says how many of the next n bytes are body; no need to look at them
 *     else: put the next bytes into the text (head bytes at index head_bytes, anything else at index 0) and scan
 *   HTTP1_HEAD  the head is complete: call http1_request_follows or http1_response_follows, which set up the body
 *   HTTP1_DATA  chunk data follows (http1_in_data)
 *   HTTP1_END   the message is complete; the next byte starts another one
 *   HTTP1_MORE  the window is used up
 *   HTTP1_BAD   see above; consumed counts are meaningless from here on
 */
#ifndef WEFT_WIRE_HTTP1_H
#define WEFT_WIRE_HTTP1_H

#include "wire/head_text.h"
#include "wire/words.h"

enum http1_event { HTTP1_MORE = 0, HTTP1_HEAD, HTTP1_DATA, HTTP1_END, HTTP1_BAD };

enum http1_state {
	HTTP1_START = 0, /* between messages; also a fresh struct of zeros */
	/* the head */
	HTTP1_METHOD,
	HTTP1_TARGET,
	HTTP1_STATUS_LINE,
	HTTP1_LINE_LF,
	HTTP1_LINE,
	HTTP1_NAME,
	HTTP1_NAME_SKIP,   /* of a header nobody asked for: on to the colon */
	HTTP1_VALUE_SKIP,
	HTTP1_VALUE_START, /* whitespace before a kept value */
	HTTP1_VALUE,
	HTTP1_LENGTH_START,
	HTTP1_LENGTH,
	HTTP1_CODING_START,
	HTTP1_CODING,
	HTTP1_VALUE_TAIL, /* only whitespace may follow */
	HTTP1_BLANK_LF,
	/* the body */
	HTTP1_BODY,
	HTTP1_BODY_UNTIL_CLOSE,
	HTTP1_CHUNK_SIZE_START,
	HTTP1_CHUNK_SIZE,
	HTTP1_CHUNK_EXTENSION,
	HTTP1_CHUNK_SIZE_LF,
	HTTP1_CHUNK_DATA,
	HTTP1_CHUNK_DATA_CR,
	HTTP1_CHUNK_DATA_LF,
	HTTP1_TRAILER_LINE,
	HTTP1_TRAILER_SKIP,
	HTTP1_TRAILER_LF,
	HTTP1_TRAILER_END_LF,
};

enum http1_method { HTTP1_METHOD_OTHER = 0, HTTP1_METHOD_GET, HTTP1_METHOD_HEAD, HTTP1_METHOD_POST, HTTP1_METHOD_CONNECT };

enum http1_field { HTTP1_FIELD_NONE = 0, HTTP1_FIELD_TRACEPARENT, HTTP1_FIELD_TRACESTATE, HTTP1_FIELD_BAGGAGE };

/* http1.flags */
#define HTTP1_HAS_LENGTH (1u << 0)
#define HTTP1_HAS_CODING (1u << 1)  /* Transfer-Encoding: chunked */
#define HTTP1_HAS_UPGRADE (1u << 2)
#define HTTP1_IS_10 (1u << 3)
#define HTTP1_TEXT_LOST (1u << 4)   /* head longer than the text: kept values may be missing */

struct http1 {
	__u8 state;		/* enum http1_state */
	__u8 is_response;	/* set by the owner before the first scan, kept */
	__u8 method;		/* request: enum http1_method */
	__u8 field;		/* enum http1_field of the value being read */
	__u16 status;		/* response */
	__u16 flags;		/* HTTP1_* */
	__u32 head_bytes;	/* bytes of this head so far */
	__u32 blank_at;		/* offset in the head of the blank line's CR; valid from HTTP1_HEAD on */
	__u32 name_length;	/* of the method, field name or number being read */
	__u32 traceparent_lines;
	__u64 name[3];		/* lower case */
	__u64 length;		/* Content-Length; chunk size being read */
	__u64 left;		/* body or chunk bytes still to come */
	struct text_range target;
	struct text_range traceparent; /* the last one */
	struct text_lines tracestate;
	struct text_lines baggage;
};
WIRE_ASSERT(sizeof(struct http1) == 144, "http1 layout");

/* Text loaded for one call of http1_scan. A head longer than HTTP1_TEXT_KEPT is still framed, but not kept further. */
#define HTTP1_WINDOW 4096u
#define HTTP1_TEXT_KEPT (HEAD_TEXT_CAP - HTTP1_WINDOW)

/* Where the next bytes belong in the text. At most HTTP1_WINDOW bytes may be put there. */
WIRE_INLINE __u32 http1_text_position(const struct http1 *h)
{
	if (h->state == HTTP1_START || h->state > HTTP1_BLANK_LF)
		return 0;
	return h->head_bytes > HTTP1_TEXT_KEPT ? HTTP1_TEXT_KEPT : h->head_bytes;
}

WIRE_INLINE bool http1_in_head(const struct http1 *h)
{
	return h->state != HTTP1_START && h->state <= HTTP1_BLANK_LF;
}

WIRE_INLINE bool http1_in_data(const struct http1 *h)
{
	return h->state == HTTP1_BODY || h->state == HTTP1_CHUNK_DATA || h->state == HTTP1_BODY_UNTIL_CLOSE;
}

/* Of the next n bytes, how many are body. *event is HTTP1_END when the body ends with them, else HTTP1_MORE. */
WIRE_INLINE __u64 http1_skip_data(struct http1 *h, __u64 n, enum http1_event *event)
{
	*event = HTTP1_MORE;
	if (h->state == HTTP1_BODY_UNTIL_CLOSE)
		return n;
	if (n < h->left) {
		h->left -= n;
		return n;
	}
	n = h->left;
	h->left = 0;
	if (h->state == HTTP1_BODY) {
		h->state = HTTP1_START;
		*event = HTTP1_END;
	} else {
		h->state = HTTP1_CHUNK_DATA_CR;
	}
	return n;
}

struct http1_scan {
	struct http1 *http;
	struct head_text *text;
	__u32 at, end;		/* indices into the text */
	__u32 to_offset;	/* index + to_offset = offset in the head */
	__u32 event;
};

/* One mark (0x80) for each byte below 0x20; only the lowest mark is exact. */
WIRE_INLINE __u64 http1_control_marks(__u64 x)
{
	return (x - 0x2020202020202020ULL) & ~x & 0x8080808080808080ULL;
}

/* RFC 9110 section 5.6.2 */
WIRE_INLINE bool http1_is_token_byte(__u8 b)
{
	if (b <= 0x20 || b >= 0x7f)
		return false;
	return b != '"' && b != '(' && b != ')' && b != ',' && b != '/' && !(b >= ':' && b <= '@') &&
	       !(b >= '[' && b <= ']') && b != '{' && b != '}';
}

WIRE_INLINE __u8 http1_lower(__u8 b)
{
	return b >= 'A' && b <= 'Z' ? b | 0x20 : b;
}

WIRE_INLINE int http1_hex_digit(__u8 b)
{
	if (b >= '0' && b <= '9')
		return b - '0';
	b |= 0x20;
	return b >= 'a' && b <= 'f' ? b - 'a' + 10 : -1;
}

/* A byte that may stand in the name of a header nobody asked for; what counts is that a colon follows for sure. */
WIRE_INLINE bool http1_is_name_byte(__u8 b)
{
	return b > 0x20 && b < 0x80 && b != ':';
}

/* States that read on to the next control byte. */
WIRE_INLINE bool http1_skips(__u32 state)
{
	const __u32 skipping = 1u << HTTP1_TARGET | 1u << HTTP1_STATUS_LINE | 1u << HTTP1_VALUE_SKIP |
			       1u << HTTP1_VALUE | 1u << HTTP1_CHUNK_EXTENSION | 1u << HTTP1_TRAILER_SKIP;
	return skipping >> (state & 31) & 1;
}

#define HTTP1_TRACEPAR 0x7261706563617274ULL
#define HTTP1_TRACESTA 0x6174736563617274ULL
#define HTTP1_BAGGAGE_ 0x3a65676167676162ULL
#define HTTP1_CONTENT_ 0x2d746e65746e6f63ULL
#define HTTP1_TRANSFER 0x726566736e617274ULL
#define HTTP1_UPGRADE_ 0x3a65646172677075ULL

/*
 * Can the header line whose first n (at most 8) bytes, folded to lower case, are these be one that matters? A line that
 * cannot is skipped from its first differing byte on, whether the bytes come at once or one by one.
 */
WIRE_INLINE bool http1_may_matter(__u64 first, __u32 n)
{
	__u64 mask = n >= 8 ? ~0ULL : (1ULL << (8 * n)) - 1;

	first &= mask;
	return first == (HTTP1_TRACEPAR & mask) || first == (HTTP1_TRACESTA & mask) || first == (HTTP1_BAGGAGE_ & mask) ||
	       first == (HTTP1_CONTENT_ & mask) || first == (HTTP1_TRANSFER & mask) || first == (HTTP1_UPGRADE_ & mask);
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

WIRE_INLINE __u8 http1_method_of(__u64 name, __u32 length)
{
	if (length == 3 && name == 0x544547ULL)
		return HTTP1_METHOD_GET;
	if (length == 4 && name == 0x44414548ULL)
		return HTTP1_METHOD_HEAD;
	if (length == 4 && name == 0x54534f50ULL)
		return HTTP1_METHOD_POST;
	if (length == 7 && name == 0x5443454e4e4f43ULL)
		return HTTP1_METHOD_CONNECT;
	return HTTP1_METHOD_OTHER;
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
	return HTTP1_VALUE_SKIP;
}

WIRE_INLINE void http1_add_line(struct text_lines *lines, struct text_range range)
{
	__u32 i = lines->count;

	if (i >= TEXT_LINES_MAX) {
		lines->more++;
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
	struct text_range range = { .start = (__u16)h->name[0], .end = (__u16)offset };

	if ((h->flags & HTTP1_TEXT_LOST) || offset >= HEAD_TEXT_CAP) {
		h->flags |= HTTP1_TEXT_LOST;
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
			bool good = h->state == HTTP1_TARGET ? http1_request_line(h, t, at) : http1_status_line(h, t, at);
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
		if (h->name_length <= 8 && !http1_may_matter(h->name[0], h->name_length))
			h->state = HTTP1_NAME_SKIP;
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

/* One byte of chunked framing (RFC 9112 section 7.1). */
WIRE_INLINE enum http1_event http1_chunk_byte(struct http1 *h, __u8 b)
{
	int digit;

	switch (h->state) {
	case HTTP1_CHUNK_SIZE_START:
		digit = http1_hex_digit(b);
		if (digit < 0)
			return HTTP1_BAD;
		h->left = (__u64)digit;
		h->name_length = 1;
		h->state = HTTP1_CHUNK_SIZE;
		return HTTP1_MORE;
	case HTTP1_CHUNK_SIZE:
		digit = http1_hex_digit(b);
		if (digit >= 0) {
			if (h->name_length >= 11)
				return HTTP1_BAD;
			h->left = h->left << 4 | (__u64)digit;
			h->name_length++;
			return HTTP1_MORE;
		}
		if (b == '\r')
			h->state = HTTP1_CHUNK_SIZE_LF;
		else if (b == ';' || b == ' ' || b == '\t')
			h->state = HTTP1_CHUNK_EXTENSION;
		else
			return HTTP1_BAD;
		return HTTP1_MORE;
	case HTTP1_CHUNK_EXTENSION:
	case HTTP1_TRAILER_SKIP:
		if (b == '\r') {
			h->state = h->state == HTTP1_CHUNK_EXTENSION ? HTTP1_CHUNK_SIZE_LF : HTTP1_TRAILER_LF;
			return HTTP1_MORE;
		}
		return b < 0x20 && b != '\t' ? HTTP1_BAD : HTTP1_MORE;
	case HTTP1_CHUNK_SIZE_LF:
		if (b != '\n')
			return HTTP1_BAD;
		h->state = h->left ? HTTP1_CHUNK_DATA : HTTP1_TRAILER_LINE;
		return h->left ? HTTP1_DATA : HTTP1_MORE;
	case HTTP1_CHUNK_DATA_CR:
		h->state = HTTP1_CHUNK_DATA_LF;
		return b == '\r' ? HTTP1_MORE : HTTP1_BAD;
	case HTTP1_CHUNK_DATA_LF:
		h->state = HTTP1_CHUNK_SIZE_START;
		return b == '\n' ? HTTP1_MORE : HTTP1_BAD;
	case HTTP1_TRAILER_LINE:
		if (b == '\r') {
			h->state = HTTP1_TRAILER_END_LF;
			return HTTP1_MORE;
		}
		h->state = HTTP1_TRAILER_SKIP;
		return http1_is_token_byte(b) ? HTTP1_MORE : HTTP1_BAD;
	case HTTP1_TRAILER_LF:
		h->state = HTTP1_TRAILER_LINE;
		return b == '\n' ? HTTP1_MORE : HTTP1_BAD;
	case HTTP1_TRAILER_END_LF:
		h->state = HTTP1_START;
		return b == '\n' ? HTTP1_END : HTTP1_BAD;
	}
	return HTTP1_BAD;
}

/* Bytes from p on that are no control bytes, as far as eight-byte steps below `rest` tell; at most 64. */
WIRE_INLINE __u32 http1_plain_run(const __u8 *p, __u32 rest)
{
	__u32 n = 0;

#ifdef __clang__
#pragma unroll
#endif
	for (int i = 0; i < 8; i++) {
		__u64 marks;

		if (rest < 8)
			return n;
		marks = http1_control_marks(wire_load64(p + 8 * i));
		if (marks) /* the mark is the top bit of its byte: that many bytes lie wholly below */
			return n + (__u32)((((marks & -marks) - 1) & 0x0101010101010101ULL) * 0x0101010101010101ULL >> 56) - 1;
		n += 8;
		rest -= 8;
	}
	return n;
}

/* One mark for each byte that is no http1_is_name_byte. */
WIRE_INLINE __u64 http1_name_marks(__u64 x)
{
	return word_equal(x, ':') | (~word_at_least(x, 0x21) & WORD_HIGH) | (x & WORD_HIGH);
}

/* Bytes of a name from p on, in at most three steps of eight. */
WIRE_INLINE __u32 http1_name_run(const __u8 *p, __u32 rest)
{
	__u32 n = 0;

#ifdef __clang__
#pragma unroll
#endif
	for (int i = 0; i < 3; i++) {
		__u64 marks;

		if (rest < 8)
			return n;
		marks = http1_name_marks(wire_load64(p + 8 * i));
		if (marks)
			return n + (__u32)((((marks & -marks) - 1) & 0x0101010101010101ULL) * 0x0101010101010101ULL >> 56) - 1;
		n += 8;
		rest -= 8;
	}
	return n;
}

/* The loop's body: a run of plain bytes where the state allows it, then one byte. */
WIRE_STEP http1_step(__u32 i, void *arg)
{
	struct http1_scan *s = (struct http1_scan *)arg;
	struct http1 *h = s->http;
	__u32 at = s->at, rest, index;
	const __u8 *p;
	__u8 b;

	(void)i;
	if (at >= s->end)
		return 1;
	rest = s->end - at;
	index = head_text_index(at);
	p = s->text->bytes + index;
	if (h->state == HTTP1_LINE && rest >= 8 && http1_is_token_byte(*p) && !http1_may_matter(wire_load64(p) | 0x2020202020202020ULL, 8))
		h->state = HTTP1_NAME_SKIP;
	if (h->state == HTTP1_NAME_SKIP) {
		at += http1_name_run(p, rest);
		index = head_text_index(at);
		p = s->text->bytes + index;
		if (at < s->end && *p == ':') {
			at++;
			p++;
			h->state = HTTP1_VALUE_SKIP;
		}
		if (at >= s->end) {
			s->at = at;
			return 1;
		}
		rest = s->end - at;
		index = head_text_index(at);
		p = s->text->bytes + index;
	}
	if (http1_skips(h->state)) {
		__u32 n = http1_plain_run(p, rest);

		if (n) {
			at += n;
			if (n >= 64 || at >= s->end) {
				s->at = at;
				return at >= s->end;
			}
			index = head_text_index(at);
			p = s->text->bytes + index;
		}
	}
	b = *p;
	s->at = at + 1;
	if (h->state <= HTTP1_BLANK_LF)
		s->event = http1_head_byte(h, s->text, at, at + s->to_offset, b);
	else
		s->event = http1_chunk_byte(h, b);
	if (s->event)
		return 1;
	if (h->state == HTTP1_LINE_LF && s->at < s->end && p[1] == '\n') {
		h->state = HTTP1_LINE;
		s->at++;
	}
	return 0;
}

/*
 * Scans text[from, to). REQUIRES: from == http1_text_position(h), to - from <= HTTP1_WINDOW, not http1_in_data(h).
 * Returns where it stopped << 3 | event; bytes [from, stop) are consumed.
 */
WIRE_GLOBAL __u32 http1_scan(struct http1 *h, struct head_text *text, __u32 from, __u32 to)
{
	struct http1_scan s = { .http = h, .text = text, .at = from, .end = to };

	if (!h || !text)
		return HTTP1_BAD;
	if (h->state == HTTP1_START)
		h->head_bytes = 0;
	s.to_offset = h->head_bytes - from;
	if (http1_in_head(h) && s.to_offset)
		h->flags |= HTTP1_TEXT_LOST;
	if (h->state <= HTTP1_BLANK_LF) {
		wire_loop(HTTP1_WINDOW + 1, http1_step, &s);
		h->head_bytes = s.at + s.to_offset;
	} else {
		wire_loop(HTTP1_WINDOW + 1, http1_step, &s);
	}
	return s.at << 3 | s.event;
}

/* After HTTP1_HEAD of a request: sets up its body. HTTP1_END: there is none. */
WIRE_INLINE enum http1_event http1_request_follows(struct http1 *h)
{
	if (h->flags & HTTP1_HAS_CODING) {
		h->state = HTTP1_CHUNK_SIZE_START;
		return HTTP1_MORE;
	}
	if ((h->flags & HTTP1_HAS_LENGTH) && h->length) {
		h->left = h->length;
		h->state = HTTP1_BODY;
		return HTTP1_MORE;
	}
	h->state = HTTP1_START;
	return HTTP1_END;
}

/*
 * After HTTP1_HEAD of a response to a request with this method (RFC 9112 section 6.3). HTTP1_END: no body. An interim
 * response (1xx but 101) also returns HTTP1_END; the final one is still to come.
 */
WIRE_INLINE enum http1_event http1_response_follows(struct http1 *h, __u32 request_method)
{
	__u32 status = h->status;

	h->state = HTTP1_START;
	if (request_method == HTTP1_METHOD_HEAD || status < 200 || status == 204 || status == 304)
		return HTTP1_END;
	if (request_method == HTTP1_METHOD_CONNECT && status < 300)
		return HTTP1_END;
	if (h->flags & HTTP1_HAS_CODING) {
		h->state = HTTP1_CHUNK_SIZE_START;
		return HTTP1_MORE;
	}
	if (h->flags & HTTP1_HAS_LENGTH) {
		if (!h->length)
			return HTTP1_END;
		h->left = h->length;
		h->state = HTTP1_BODY;
		return HTTP1_MORE;
	}
	h->state = HTTP1_BODY_UNTIL_CLOSE;
	return HTTP1_MORE;
}

/* Final: not 100-199, or 101 Switching Protocols. */
WIRE_INLINE bool http1_is_final(const struct http1 *h)
{
	return h->status >= 200 || h->status == 101;
}

#endif
