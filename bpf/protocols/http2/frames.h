/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/* What the observing and the changing side have in common about the frames of an HTTP/2 connection. */
#ifndef WEFT_PROTOCOLS_HTTP2_FRAMES_H
#define WEFT_PROTOCOLS_HTTP2_FRAMES_H

#include "lib/connection.h"
#include "protocols/http1/observe.h"
#include "protocols/http2/block.h"

/* The answer on `stream` is complete. */
static __always_inline void http2_answered(struct connection *c, struct scratch *s, __u32 stream)
{
	if (c->joining) {
		if (stream != c->stream_oldest)
			return;
		c->joining = 0; /* one whole exchange has been seen, strictly framed */
		blind_ends(c);
	} else {
		if (c->role == ROLE_CLIENT)
			*(volatile __u32 *)&c->receive.http2.last_stream = stream;
		stream_finish(c, s, stream, END_COMPLETE, 0);
	}
	if (connection_may_join(c))
		connection_wants_membership(c);
	if (c->membership == MEMBER_JOINED)
		ask_for_membership(c, s);
}

/* A header block of the answering side. */
WIRE_GLOBAL int http2_answer(struct connection *c, struct http2 *h, struct scratch *s)
{
	struct stream *stream;

	if (!c || !h || !s)
		return 0;
	stream = stream_get(c->id, h->stream);
	if (stream && !stream->first_byte_ns)
		stream->first_byte_ns = s->now_ns;
	if (h->block_flags & HTTP2_END_STREAM)
		http2_answered(c, s, h->stream);
	return 0;
}

/* What is done about an event, in whatever program. */
WIRE_GLOBAL int http2_control(struct connection *c, struct scratch *s, struct http2 *h, __u32 event)
{
	if (!c || !s || !h)
		return 0;
	if (event == HTTP2_ENDED && c->role != ROLE_UNKNOWN && !http2_requests(c, s))
		http2_answered(c, s, h->stream);
	else if (event == HTTP2_RESET)
		stream_finish(c, s, h->stream, END_RESET, h->value);
	else if (event == HTTP2_GOAWAY && !http2_requests(c, s))
		streams_refused(c, s, h->value);
	else if (event == HTTP2_SETTING && h->setting == 6)
		h->list_limit = h->value + 1;
	return 0;
}

/* Where the DATA at hand is counted; NULL: it belongs to no exchange. */
static __always_inline struct stream_flow *http2_flow(struct connection *c, struct scratch *s, const struct http2 *h)
{
	struct stream *stream = stream_get(c->id, h->stream);

	if (!stream)
		return NULL;
	return http2_requests(c, s) ? &stream->request : &stream->response;
}

/* gRPC puts five bytes before each message, a flag and the length. How many of them are to be looked at now. */
static __always_inline __u32 http2_prefix_wanted(const struct stream_flow *flow)
{
	if (flow->other || flow->message_left || flow->prefix_bytes > 4)
		return 0;
	return 5 - flow->prefix_bytes;
}

/* `got` of them lie at p. */
static __always_inline void http2_prefix_took(struct stream_flow *flow, const __u8 *p, __u32 got)
{
	__u32 have = flow->prefix_bytes;

	flow->bytes += got;
	for (__u32 i = 0; i < 5; i++) {
		__u32 at = have + i;

		if (i < got && at < 5)
			flow->prefix[at] = p[i];
	}
	flow->prefix_bytes = have + got;
	if (flow->prefix_bytes < 5)
		return;
	flow->prefix_bytes = 0;
	if (flow->prefix[0] > 1) {
		flow->other = 1;
		return;
	}
	flow->messages++;
	flow->message_left = http2_be32(flow->prefix + 1);
}

/* Of the next n bytes, how many are the message at hand, or something else that is not looked at. */
static __always_inline __u32 http2_message_took(struct stream_flow *flow, __u32 n)
{
	if (!flow->other) {
		if (n > flow->message_left)
			n = flow->message_left;
		flow->message_left -= n;
	}
	flow->bytes += n;
	return n;
}

/* Bytes of a header block that came with earlier calls are put back into the text. */
static __always_inline bool http2_text_resume(struct connection *c, struct scratch *s, const struct http2 *h)
{
	__u32 bytes = h->block_bytes < HTTP2_BLOCK_KEPT ? h->block_bytes : HTTP2_BLOCK_KEPT;

	if (s->text_loaded || !bytes)
		return true;
	s->text_loaded = 1;
	if (!partial_load(partial_key(c->id, s->outgoing), &s->text, bytes))
		return false;
	partial_drop(partial_key(c->id, s->outgoing));
	return true;
}

/*
 * A frame with a piece of a header block that is longer than the other side takes is an error of the connection
 * (RFC 9113, section 4.2; one of DATA need not be). Certain only where all that the other side has sent was seen, which
 * positions tell; what is sent through a member, before it leaves, answers to what its process has read before. In an
 * upgrade settings stand in the request as well.
 */
WIRE_GLOBAL int http2_too_long(struct connection *c, struct scratch *s, __u32 length)
{
	struct half *peer;

	if (!c || !s)
		return 0;
	peer = s->outgoing ? &c->receive : &c->send;
	if (!peer->known || peer->parked || c->upgrade || c->encrypted)
		return 0;
	/* In this order: next_seq is moved before the bytes are looked at, under the claim. */
	if (s->program != PROGRAM_MESSAGE &&
	    (*(volatile __u32 *)&peer->next_seq != s->other_seq || *(volatile __u32 *)&peer->claimed))
		return 0;
	return http2_longer_than(length, peer->begun ? peer->http2.frame_units : 0);
}

/* Is a header block under way whose text has to be kept? */
static __always_inline bool http2_text_waits(const struct http2 *h)
{
	return (h->state == HTTP2_FRAGMENT || h->in_block) && h->block_bytes;
}

/*
 * A direction stands before its first byte, and `h` becomes its state. Each is begun by whoever moves its bytes,
 * however the other one is recognised: two threads may do both at once.
 */
static __always_inline void http2_half_begins(const struct connection *c, struct half *half, struct http2 *h)
{
	http2_begin(h, (half == &c->send) == (c->role == ROLE_CLIENT));
	half->begun = 1;
}

/* Last of what is recognised: whoever sees it knows the role. */
static __always_inline void http2_is_it(struct connection *c)
{
	barrier();
	c->protocol = PROTOCOL_HTTP2;
}

/*
 * A connection is joined in mid-life. Nothing was under way in either direction, so a frame begins here, and another
 * one with the first byte of the other direction; if they do not, the first error ends the attempt. Of the dynamic
 * tables and the settings nothing is known, and which side is the client the first header block tells.
 */
static __always_inline bool http2_join(struct connection *c, struct scratch *s, struct half *half, struct half *other)
{
	if (other->known)
		return false;
	c->lives++;
	http2_begin(&half->http2, false);
	http2_begin(&other->http2, false);
	half->http2.list_limit = other->http2.list_limit = HTTP2_LIST_ASSUMED + 1;
	half->http2.frame_units = other->http2.frame_units = HTTP2_FRAME_ANY;
	http2_names_forget(&half->http2.names);
	http2_names_forget(&other->http2.names);
	half->begun = other->begun = 1;
	other->next_seq = s->other_seq;
	other->known = 1;
	if (!c->role_certain)
		c->role = ROLE_UNKNOWN;
	c->stream_oldest = c->stream_newest = 0;
	http2_is_it(c);
	return true;
}

/*
 * Is this the beginning of an HTTP/2 connection? 24 bytes of its first call are at `p`, `bytes` of them real. Either
 * side may speak first: the client with its preface, the server with its settings.
 */
static __always_inline bool http2_recognise(struct connection *c, struct scratch *s, const __u8 *p, __u32 bytes)
{
	struct half *half = s->outgoing ? &c->send : &c->receive;
	struct half *other = s->outgoing ? &c->receive : &c->send;
	bool client = bytes >= 8 && wire_load64(p) == HTTP2_PREFACE_WORD;
	__u32 role;

	/* Another thread may just have recognised it by the other direction, or be doing so. */
	if (*(volatile __u8 *)&c->protocol == PROTOCOL_HTTP2)
		return true;
	if (half->http1.state != HTTP1_START || pending_count(c))
		return false;
	if (c->joining)
		return bytes >= HTTP2_FRAME_HEADER_BYTES && http2_may_be_frame(p) &&
		       other->http1.state == HTTP1_START && http2_join(c, s, half, other);
	if (!client && (bytes < HTTP2_FRAME_HEADER_BYTES || !http2_is_settings(p)))
		return false;
	role = client == !!s->outgoing ? ROLE_CLIENT : ROLE_SERVER;
	if (c->role != ROLE_UNKNOWN && c->role != role)
		return false;
	c->role = role;
	http2_half_begins(c, half, &half->http2);
	http2_is_it(c);
	return true;
}

#endif
