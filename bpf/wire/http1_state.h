/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/* HTTP/1.1 framing: what is kept between two calls, and the body that follows a head. Used through wire/http1.h. */
#ifndef WEFT_WIRE_HTTP1_STATE_H
#define WEFT_WIRE_HTTP1_STATE_H

#include "wire/head_text.h"

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
	HTTP1_NAME_SKIP, /* of a header nobody asked for: on to the colon */
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

enum http1_method {
	HTTP1_METHOD_OTHER = 0,
	HTTP1_METHOD_GET,
	HTTP1_METHOD_HEAD,
	HTTP1_METHOD_POST,
	HTTP1_METHOD_CONNECT
};

enum http1_field { HTTP1_FIELD_NONE = 0, HTTP1_FIELD_TRACEPARENT, HTTP1_FIELD_TRACESTATE, HTTP1_FIELD_BAGGAGE };

/* http1.flags */
#define HTTP1_HAS_LENGTH (1u << 0)
#define HTTP1_HAS_CODING (1u << 1) /* Transfer-Encoding: chunked */
#define HTTP1_HAS_UPGRADE (1u << 2)
#define HTTP1_IS_10 (1u << 3)
#define HTTP1_TEXT_LOST (1u << 4)    /* head longer than the text: kept values may be missing */
#define HTTP1_HAS_CARRIERS (1u << 5) /* a line may carry context in a format beside the W3C's: see wire/carriers.h */

struct http1 {
	__u8 state;	   /* enum http1_state */
	__u8 is_response;  /* set by the owner before the first scan, kept */
	__u8 method;	   /* request: enum http1_method */
	__u8 field;	   /* enum http1_field of the value being read */
	__u16 status;	   /* response */
	__u16 flags;	   /* HTTP1_* */
	__u32 head_bytes;  /* bytes of this head so far */
	__u32 blank_at;	   /* offset in the head of the blank line's CR; valid from HTTP1_HEAD on */
	__u32 name_length; /* of the method, field name or number being read */
	__u32 traceparent_lines;
	__u64 name[3]; /* lower case */
	__u64 length;  /* Content-Length; chunk size being read */
	__u64 left;    /* body or chunk bytes still to come */
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
