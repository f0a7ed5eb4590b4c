/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * HTTP/1.1 message framing (RFC 9112), one direction of one connection, incremental: any split of the bytes gives the
 * same result. No allocation, no maps. The same code runs in the kernel, in the agent's tests and in the fuzzer.
 *
 * Default deny: whatever two implementations might read differently is HTTP1_BAD, and the caller then never touches the
 * connection again. That is: bare LF, obs-fold, NUL and other control bytes in a head, Content-Length with
 * Transfer-Encoding, Content-Length twice or as a list, any transfer coding but exactly `chunked`, chunked in HTTP/1.0,
 * chunk sizes over 11 digits, a header line without a colon or with white space before it.
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

#include "wire/http1_chunks.h"
#include "wire/http1_runs.h"

struct http1_scan {
	struct http1 *http;
	struct head_text *text;
	__u32 at, end;	 /* indices into the text */
	__u32 to_offset; /* index + to_offset = offset in the head */
	__u32 event;
};

WIRE_INLINE const __u8 *http1_at(const struct http1_scan *s, __u32 at)
{
	return s->text->bytes + head_text_index(at);
}

/* From the beginning of a header line to its value. */
WIRE_INLINE void http1_run_name(struct http1_scan *s, __u32 *at)
{
	struct http1 *h = s->http;
	const __u8 *p = http1_at(s, *at);
	__u32 rest = s->end - *at;

	if (h->state == HTTP1_LINE && rest >= 8 && http1_is_token_byte(*p)) {
		__u64 first = wire_load64(p) | 0x2020202020202020ULL;

		if (!http1_letter_matters(first))
			h->state = HTTP1_NAME_SKIP;
		else if (carrier_other(first))
			http1_carrier_found(h);
		else if (!http1_may_matter(first, 8))
			h->state = HTTP1_NAME_SKIP;
		else
			http1_run_known_name(h, p, at, rest);
	}
	if (h->state != HTTP1_NAME_SKIP)
		return;
	*at += http1_name_run(http1_at(s, *at), s->end - *at);
	if (*at < s->end && *http1_at(s, *at) == ':') {
		*at += 1;
		h->state = HTTP1_VALUE_SKIP;
	}
}

/* A kept value begins. */
WIRE_INLINE void http1_run_value_start(struct http1_scan *s, __u32 *at)
{
	if (*at < s->end && *http1_at(s, *at) == ' ')
		*at += 1;
	if (*at < s->end && *http1_at(s, *at) > 0x20) {
		http1_value_begins(s->http, *at + s->to_offset);
		s->http->state = HTTP1_VALUE;
	}
}

/* CR LF after a value that is complete, or in place of a header line. 1 = found. */
WIRE_INLINE bool http1_run_line_end(struct http1_scan *s, __u32 at)
{
	struct http1 *h = s->http;
	const __u8 *p = http1_at(s, at);

	if (at + 2 > s->end || p[0] != '\r' || p[1] != '\n')
		return false;
	if (h->state == HTTP1_LINE) {
		h->blank_at = at + s->to_offset;
		h->state = HTTP1_BLANK_LF;
		s->event = HTTP1_HEAD;
	} else if (h->state == HTTP1_VALUE) {
		http1_value_ends(h, at + s->to_offset);
		h->state = HTTP1_LINE;
	} else if (h->state == HTTP1_VALUE_SKIP || h->state == HTTP1_LENGTH) {
		h->state = HTTP1_LINE;
	} else {
		return false;
	}
	s->at = at + 2;
	return true;
}

/* One byte, at index `at` of the text. A function of its own for the verifier. Returns enum http1_event. */
WIRE_GLOBAL __u32 http1_byte(struct http1 *h, struct head_text *text, __u32 at, __u32 to_offset, __u32 b)
{
	if (!h || !text)
		return HTTP1_BAD;
	return h->state <= HTTP1_BLANK_LF ? http1_head_byte(h, text, at, at + to_offset, b) : http1_chunk_byte(h, b);
}

/* The loop's body: what can be seen whole at once, then a run of plain bytes, then the line's end or one byte. */
WIRE_STEP http1_step(__u32 i, void *arg)
{
	struct http1_scan *s = (struct http1_scan *)arg;
	struct http1 *h = s->http;
	__u32 at = s->at;
	__u8 b;

	(void)i;
	if (at >= s->end)
		return 1;
	if (h->state == HTTP1_START && !h->is_response && s->end - at >= 8)
		http1_run_method(h, http1_at(s, at), &at);
	else if (h->state == HTTP1_LINE || h->state == HTTP1_NAME_SKIP)
		http1_run_name(s, &at);
	if (h->state == HTTP1_VALUE_START)
		http1_run_value_start(s, &at);
	else if (h->state == HTTP1_LENGTH_START && at < s->end)
		http1_run_length(h, http1_at(s, at), &at, s->end);
	if (http1_skips(h->state) && at < s->end) {
		__u32 n = http1_plain_run(http1_at(s, at), s->end - at);

		at += n;
		if (n >= 64) {
			s->at = at;
			return at >= s->end;
		}
	}
	if (http1_run_line_end(s, at))
		return s->event ? 1 : 0;
	s->at = at;
	if (at >= s->end)
		return 1;
	b = *http1_at(s, at);
	s->at = at + 1;
	s->event = http1_byte(h, s->text, at, s->to_offset, b);
	if (s->event)
		return 1;
	if (h->state == HTTP1_LINE_LF && s->at < s->end && *http1_at(s, s->at) == '\n') {
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
	struct http1_scan s = {.http = h, .text = text, .at = from, .end = to};
	bool head;

	if (!h || !text)
		return HTTP1_BAD;
	if (h->state == HTTP1_START)
		h->head_bytes = 0;
	s.to_offset = h->head_bytes - from;
	if (http1_in_head(h) && s.to_offset && !(h->flags & HTTP1_TEXT_LOST)) {
		h->flags |= HTTP1_TEXT_LOST;
		http1_lose_overwritten(&h->tracestate);
		http1_lose_overwritten(&h->baggage);
	}
	head = h->state <= HTTP1_BLANK_LF;
	wire_loop(HTTP1_WINDOW + 1, http1_step, &s);
	if (head)
		h->head_bytes = s.at + s.to_offset;
	return s.at << 3 | s.event;
}

#endif
