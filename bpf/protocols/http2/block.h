/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * A complete HTTP/2 header block, in s->text: reported as it is, and, when it opens a request, brought into the form of
 * an HTTP/1.1 head in s->head and s->text, so that what an HTTP request means is decided in one place.
 */
#ifndef WEFT_PROTOCOLS_HTTP2_BLOCK_H
#define WEFT_PROTOCOLS_HTTP2_BLOCK_H

#include "lib/stream_end.h"
#include "protocols/http1/context.h"
#include "wire/http2.h"
#include "wire/http2_fields.h"

/* Does this half carry requests? */
static __always_inline bool http2_requests(const struct connection *c, const struct scratch *s)
{
	return s->outgoing ? c->role == ROLE_CLIENT : c->role == ROLE_SERVER;
}

static __always_inline struct half *http2_half(struct connection *c, struct scratch *s)
{
	if (s->program == PROGRAM_MESSAGE)
		return &s->half;
	return s->outgoing ? &c->send : &c->receive;
}

/* `clear` bytes of the block in s->text may go up: those of a request as far as it has been walked, and so masked. */
WIRE_GLOBAL int http2_emit_block(struct connection *c, struct scratch *s, struct http2 *h, __u32 clear)
{
	struct block_event *e;
	__u64 text;
	__u32 facts;

	if (!c || !s || !h)
		return 0;
	s = scratch_again(s);
	if (!s)
		return 0;
	e = &s->event.block;
	text = h->block_bytes;
	facts = http2_requests(c, s) ? 0 : BLOCK_RESPONSE;
	__builtin_memset(e, 0, sizeof(*e));
	e->header.type = EVENT_BLOCK;
	e->header.time_ns = s->now_ns;
	e->connection_id = c->id;
	e->stream = h->stream;
	e->sequence = ++h->sequence;
	e->tgid = s->pid_tgid >> 32;
	e->role = c->role;
	e->block_bytes = text;
	e->life = c->lives;
	if (h->block_flags & HTTP2_END_STREAM)
		facts |= BLOCK_END_STREAM;
	if (h->push)
		facts |= BLOCK_PUSH;
	if (!h->names.complete)
		facts |= BLOCK_LATE;
	if (text > clear) {
		text = clear;
		facts |= BLOCK_CUT;
	}
	WIRE_OPAQUE(text);
	if (text > HTTP2_BLOCK_KEPT)
		return 0;
	e->text_bytes = text;
	e->facts = facts;
	ring_put(&e->header, sizeof(*e) + text);
	return 0;
}

/* A longer block than is kept: its end was not looked at. */
static __always_inline bool http2_is_cut(const struct http2 *h)
{
	return h->block_bytes > HTTP2_BLOCK_KEPT;
}

/* The block's fields, walked; the names of this direction are up to date then. False: the block is not legal. */
WIRE_GLOBAL int http2_fields(struct scratch *s, struct http2 *h)
{
	if (!s || !h)
		return 0;
	s->walk.names = h->names;
	s->walk.flags = 0;
	new_span_id((__u8 *)&s->walk.mark);
	http2_walk(&s->walk, &s->text, &s->staging, h->block_bytes);
	h->names = s->walk.names;
	return !(s->walk.flags & HTTP2_WALK_BAD) || http2_is_cut(h);
}

/* The lines of the walk become s->head and s->text. */
WIRE_GLOBAL int http2_lines(struct scratch *s)
{
	__u64 bytes;

	if (!s)
		return 0;
	bytes = s->walk.to;
	WIRE_OPAQUE(bytes);
	if (bytes > HTTP2_BLOCK_KEPT || bpf_probe_read_kernel(s->text.bytes, bytes, s->staging.bytes))
		return 0;
	if (!http1_scan_head(s, bytes))
		return 0;
	if (!(s->walk.flags & HTTP2_WALK_PATH)) /* rules about paths do not hold for what is not known */
		s->head.target.end = s->head.target.start;
	return 1;
}

/* … and contexts in formats beside the W3C's are read. The depth of calls is short: hence inline. */
static __always_inline bool http2_head(struct scratch *s)
{
	if (!http2_lines(s))
		return false;
	if (s->head.flags & HTTP1_HAS_CARRIERS)
		http1_read_contexts(&s->head, s);
	return true;
}

#endif
