/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * Follows the HTTP/2 bytes of one finished system call (receive and send hooks). The caller has checked the position
 * and fills in s->source, total, offset.
 */
#ifndef WEFT_PROTOCOLS_HTTP2_OBSERVE_H
#define WEFT_PROTOCOLS_HTTP2_OBSERVE_H

#include "lib/attribute_goroutine.h"
#include "lib/source.h"
#include "protocols/http1/server.h"
#include "protocols/http2/client.h"
#include "protocols/http2/frames.h"

/* A request of a socket that is no member: seen, not changed. */
static __always_inline void http2_client_seen(struct connection *c, struct http2 *h, struct scratch *s,
					      struct process_entry *p)
{
	__u32 result = c->membership == MEMBER_RELEASED ? INJECTION_BULK
		       : c->membership == MEMBER_JOINED ? INJECTION_JOINING
							: INJECTION_NOT_MEMBER;

	http2_decide(c, h, s, p);
	if (s->decision.result != INJECTION_DONE && s->decision.result != INJECTION_OVERWRITTEN)
		result = s->decision.result;
	http2_police(c, h, s, p);
	http2_client_request(c, h, s, result, INJECTION_NOT_MEMBER);
}

/* Joined in mid-life: who is the client? The walk has seen it. */
static __always_inline bool http2_side(struct connection *c, const struct scratch *s)
{
	__u32 seen = s->walk.flags & (HTTP2_WALK_METHOD | HTTP2_WALK_STATUS);

	if (seen != HTTP2_WALK_METHOD && seen != HTTP2_WALK_STATUS)
		return false;
	c->role = (seen == HTTP2_WALK_METHOD) == !!s->outgoing ? ROLE_CLIENT : ROLE_SERVER;
	return true;
}

/* The header block in s->text is complete. Negative: it is not legal. */
static __always_inline int http2_block(struct connection *c, struct scratch *s, struct process_entry *p)
{
	__u32 clear = HTTP2_BLOCK_KEPT;
	struct http2 *h;

	if (!c || !s || !p)
		return 0;
	s = scratch_again(s);
	if (!s)
		return 0;
	h = s->outgoing ? &c->send.http2 : &c->receive.http2;
	if (c->role == ROLE_UNKNOWN) {
		if (!http2_fields(s, h) || !http2_side(c, s))
			return -1;
	} else if (http2_requests(c, s) && !http2_fields(s, h)) {
		return -1;
	}
	if (http2_requests(c, s))
		clear = s->walk.clear;
	http2_emit_block(c, s, h, clear);
	if (!http2_requests(c, s)) {
		if (!h->push)
			http2_answer(c, h, s);
		return 0;
	}
	if (!(h->stream & 1) || h->stream <= h->last_stream)
		return 0; /* trailers */
	h->last_stream = h->stream;
	if (c->joining) { /* left alone */
		c->stream_oldest = h->stream;
		return 0;
	}
	if (!http2_head(s))
		return 0;
	if (c->role != ROLE_SERVER) {
		http2_client_seen(c, h, s, p);
		return 0;
	}
	s->stream = h->stream;
	s->task_unknown =
	    s->walk.flags & (HTTP2_WALK_UNREAD | HTTP2_WALK_OTHER_UNREAD | HTTP2_WALK_MAYBE) ? TASK_HIDDEN : 0;
	/* One goroutine reads for all others; after an upgrade whoever reads may still work on the request that asked.
	 */
	if (p->go || c->upgrade)
		s->task_unknown |= TASK_OTHER;
	http1_server_request(c, &s->head, s, p);
	if (p->go && !p->go_rests)
		attribute_reader(c, s);
	s->task_unknown = 0;
	s->stream = 0;
	return 0;
}

static __always_inline __u32 http2_get(struct scratch *s, __u32 to, __u32 most)
{
	__u32 rest = s->total - s->offset;

	return source_read(&s->source, s->offset, &s->staging, to, rest < most ? rest : most);
}

/* Bytes of DATA: as many as are one thing. */
WIRE_GLOBAL int http2_observe_data(struct connection *c, struct scratch *s)
{
	struct stream_flow *flow;
	struct http2 *h;
	__u32 n, left, wanted;

	if (!c || !s)
		return HTTP2_BAD;
	h = s->outgoing ? &c->send.http2 : &c->receive.http2;
	n = s->total - s->offset;
	left = http2_data_left(h);
	if (n > left)
		n = left;
	flow = http2_flow(c, s, h);
	if (flow && !s->source.count)
		flow->other = 1; /* sent by splice or the like */
	if (flow && http2_prefix_wanted(flow)) {
		wanted = http2_prefix_wanted(flow);
		n = http2_get(s, 0, n < wanted ? n : wanted);
		if (!n)
			return HTTP2_BAD;
		http2_prefix_took(flow, s->staging.bytes, n);
	} else if (flow) {
		n = http2_message_took(flow, n);
	}
	s->offset += n;
	return http2_data_took(h, n);
}

/* Bytes that are looked at together. */
WIRE_GLOBAL int http2_observe_small(struct connection *c, struct scratch *s)
{
	__u32 have, wanted, got;
	struct http2 *h;

	if (!c || !s)
		return HTTP2_BAD;
	h = s->outgoing ? &c->send.http2 : &c->receive.http2;
	have = h->have;
	WIRE_OPAQUE(have);
	have &= 31;
	wanted = http2_small_wanted(h);
	if (have)
		__builtin_memcpy(s->staging.bytes, h->small, sizeof(h->small));
	got = wanted > have ? http2_get(s, have, wanted - have) : 0;
	if (!got)
		return HTTP2_BAD;
	s->offset += got;
	if (have + got == wanted)
		return http2_small(h, s->staging.bytes);
	__builtin_memcpy(h->small, s->staging.bytes, sizeof(h->small));
	h->have = have + got;
	if (h->state == HTTP2_BETWEEN)
		h->state = HTTP2_FRAME;
	return HTTP2_MORE;
}

WIRE_GLOBAL int http2_observe_fragment(struct connection *c, struct scratch *s)
{
	__u32 n, left, at, room;
	struct http2 *h;

	if (!c || !s)
		return HTTP2_BAD;
	h = s->outgoing ? &c->send.http2 : &c->receive.http2;
	if (h->length > HTTP2_FRAME_MOST && http2_too_long(c, s, h->length))
		return HTTP2_BAD;
	if (!http2_text_resume(c, s, h)) {
		count_fault(s->program, FAULT_HEAD_LOST);
		return HTTP2_BAD;
	}
	s->text_loaded = 1;
	n = s->total - s->offset;
	left = http2_fragment_left(h);
	if (n > left)
		n = left;
	at = h->block_bytes;
	room = at < HTTP2_BLOCK_KEPT ? HTTP2_BLOCK_KEPT - at : 0;
	if (room) {
		if (room > HTTP2_WINDOW)
			room = HTTP2_WINDOW;
		n = source_read(&s->source, s->offset, &s->text, at, n < room ? n : room);
		if (!n)
			return HTTP2_BAD;
	}
	s->offset += n;
	return http2_fragment_took(h, n);
}

/* One step through the bytes of the call. 1 = stop. */
WIRE_GLOBAL int http2_observe_step(struct connection *c, struct scratch *s, struct process_entry *p)
{
	struct half *half;
	struct http2 *h;
	__u32 rest, event, state;

	if (!c || !s || !p)
		return 1;
	half = s->outgoing ? &c->send : &c->receive;
	h = &half->http2;
	rest = s->total - s->offset;
	if (!rest || rest > 0x7fffffff || half->parked)
		return 1;
	state = h->state;
	if (state == HTTP2_DATA) {
		event = http2_observe_data(c, s);
	} else if (state == HTTP2_SKIP) {
		if (rest > h->left)
			rest = h->left;
		s->offset += rest;
		event = http2_skipped(h, rest);
	} else if (state == HTTP2_FRAGMENT) {
		event = http2_observe_fragment(c, s);
	} else {
		event = http2_observe_small(c, s);
	}
	if (event == HTTP2_BLOCK && http2_block(c, s, p) < 0)
		event = HTTP2_BAD;
	if (event == HTTP2_BAD) {
		park(c, half, s, s->source.count ? PARK_BAD_FRAMING : PARK_UNSEEN_BYTES);
		return 1;
	}
	if (event != HTTP2_BLOCK && event != HTTP2_MORE)
		http2_control(c, s, h, event);
	return 0;
}

static long http2_observe_loop(__u32 i, void *arg)
{
	struct observe_run *run = arg;
	unsigned long stop = http2_observe_step(run->connection, run->scratch, run->process);

	WIRE_OPAQUE(stop);
	return stop ? 1 : 0;
}

/* All bytes of the call were looked at: the text of a block that goes on is kept. */
WIRE_GLOBAL int http2_observed(struct connection *c, struct scratch *s)
{
	struct half *half;
	__u32 bytes;

	if (!c || !s)
		return 0;
	s = scratch_again(s);
	if (!s)
		return 0;
	half = s->outgoing ? &c->send : &c->receive;
	if (half->parked || !half->known)
		return 0;
	if (s->offset < s->total) {
		park(c, half, s, PARK_LIMIT);
		return 0;
	}
	if (!http2_text_waits(&half->http2))
		return 0;
	bytes = half->http2.block_bytes < HTTP2_BLOCK_KEPT ? half->http2.block_bytes : HTTP2_BLOCK_KEPT;
	if (partial_save(partial_key(c->id, s->outgoing), &s->text, bytes)) {
		count_fault(s->program, FAULT_HEAD_LOST);
		park(c, half, s, PARK_HELPER_FAILED);
	}
	return 0;
}

static __always_inline void http2_observe(struct connection *c, struct scratch *s, struct process_entry *p)
{
	struct observe_run run = {.connection = c, .scratch = s, .process = p};
	struct half *half = s->outgoing ? &c->send : &c->receive;

	if (!half->begun)
		http2_half_begins(c, half, &half->http2);
	/* The request that asked goes on as stream 1, which is nobody's: what is called for it is no root. */
	if (c->upgrade && !c->blind)
		server_goes_blind(c);
	bpf_loop(1 << 20, http2_observe_loop, &run, 0);
	http2_observed(c, s);
}

/* The first call of a connection: is it HTTP/2? */
WIRE_GLOBAL int http2_recognise_call(struct connection *c, struct scratch *s)
{
	__u32 got;

	if (!c || !s || (s->offset && c->upgrade != UPGRADE_DONE))
		return 0;
	got = http2_get(s, 0, HTTP2_PREFACE_BYTES);
	return got ? http2_recognise(c, s, s->staging.bytes, got) : 0;
}

/*
 * The first bytes that a joining connection has received. A client's preface among them means that this is no
 * connection in mid-life: its server has spoken first, or another thread of it does so while this call is on its way
 * back. Returns 1 for such a one, with a claim on what it sends.
 */
WIRE_GLOBAL int http2_client_speaks(struct connection *c, struct scratch *s)
{
	if (!c || !s || c->role_certain || pending_count(c) || s->total < HTTP2_PREFACE_BYTES)
		return 0;
	if (http2_get(s, 0, HTTP2_PREFACE_BYTES) < 8 || wire_load64(s->staging.bytes) != HTTP2_PREFACE_WORD)
		return 0;
	return half_claim_soon(&c->send);
}

/*
 * REQUIRES: http2_client_speaks, and s->other_seq from after it. What was received begins with this call and goes up to
 * sequence number `end`; what was sent are settings, in whole frames.
 */
WIRE_GLOBAL int http2_client_begins(struct connection *c, struct scratch *s, __u32 end)
{
	struct half *send;

	if (!c || !s)
		return 0;
	send = &c->send;
	if (c->membership == MEMBER_WANTED)
		c->membership = MEMBER_NO;
	c->role = ROLE_SERVER;
	http2_half_begins(c, &c->receive, &c->receive.http2);
	http2_half_begins(c, send, &send->http2);
	send->http2.frame_units = HTTP2_FRAME_ANY;
	http2_is_it(c);
	c->receive.next_seq = end - s->total;
	if (!send->known || (__s32)(send->next_seq - s->other_seq) < 0) /* else more has been sent since */
		send->next_seq = s->other_seq;
	c->receive.known = send->known = 1;
	half_release(send);
	barrier();
	*(volatile __u8 *)&c->joining = 0;   /* last: until then a sender waits for the claim */
	if (!*(volatile __u8 *)&send->known) /* one has just failed */
		c->joining = 1;
	else
		blind_ends(c);
	return 0;
}

#endif
