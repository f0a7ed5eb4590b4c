/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/* End of an exchange on a multiplexed connection: by its response, a reset, or the connection's end. */
#ifndef WEFT_LIB_STREAM_END_H
#define WEFT_LIB_STREAM_END_H

#include "lib/exchange.h"

#define STREAM_OLDEST_STEPS 8u
#define HTTP2_REFUSED_STREAM 7u	  /* RFC 9113, section 7 */
#define STREAM_SEARCH_MOST 65536u /* steps of two numbers */

/* The number below which nothing is under way moves up, as far as is cheap. */
static __always_inline void stream_oldest_moves(struct connection *c, __u32 ended)
{
	__u32 oldest = *(volatile __u32 *)&c->stream_oldest, next = oldest;

	if (ended != oldest)
		return;
	for (__u32 i = 0; i < STREAM_OLDEST_STEPS; i++) {
		next += 2;
		if (stream_get(c->id, next))
			break;
	}
	__sync_val_compare_and_swap(&c->stream_oldest, oldest, next);
}

/* The exchange on `stream` is over, as `end` says; `code` is that of a reset. Returns whether there was one. */
WIRE_GLOBAL int stream_finish(struct connection *c, struct scratch *s, __u32 stream, __u32 end, __u32 code)
{
	struct response_event *e;
	struct stream *found, *was;
	__u64 id;

	if (!c || !s)
		return 0;
	s = scratch_again(s);
	if (!s)
		return 0;
	found = stream_get(c->id, stream);
	if (!found)
		return 0;
	was = &s->stream_work;
	__builtin_memcpy(was, found, sizeof(*was));
	if (stream_remove(c->id, stream))
		return 0; /* somebody else has ended it */
	id = was->exchange_id;
	if (c->role == ROLE_SERVER) {
		if (was->anonymous)
			process_live_ends(was->tgid, was->generation);
		else
			exchange_end(s, id, 0, 0, NULL);
	}
	e = &s->event.response;
	__builtin_memset(e, 0, sizeof(*e));
	e->header.type = EVENT_RESPONSE;
	e->header.time_ns = s->now_ns;
	e->exchange_id = id;
	e->connection_id = c->id;
	e->first_byte_ns = was->first_byte_ns;
	e->request_body_bytes = was->request.bytes;
	e->response_body_bytes = was->response.bytes;
	e->tgid = c->owner_tgid;
	e->end = end;
	e->role = c->role;
	e->stream = stream;
	e->reset_code = code;
	e->request_messages = was->request.other ? 0 : was->request.messages;
	e->response_messages = was->response.other ? 0 : was->response.messages;
	ring_put(&e->header, sizeof(*e));
	__sync_fetch_and_add(&c->pending_begin, 1);
	stream_oldest_moves(c, stream);
	return 1;
}

/* From both ends: what is under way is either old and long or new. */
static long streams_finish_step(__u32 i, void *arg)
{
	struct finish_run *run = arg;
	struct connection *c = run->connection;
	__u32 newest = c->stream_newest, low = run->oldest + 2 * (i & 0xffff), high = newest - 2 * (i & 0xffff);

	if (!pending_count(c) || low > newest)
		return 1;
	stream_finish(c, run->scratch, low, run->end, 0);
	stream_finish(c, run->scratch, high, run->end, 0);
	return 0;
}

struct refused_run {
	struct connection *connection;
	struct scratch *scratch;
	__u32 last, newest;
	__u32 reached;
};

static long streams_refused_step(__u32 i, void *arg)
{
	struct refused_run *run = arg;
	struct connection *c = run->connection;
	__u32 stream = run->newest - 2 * (i & 0xffff);

	run->reached = stream;
	if (!pending_count(c) || (__s32)(stream - run->last) <= 0 || (__s32)(stream - c->stream_oldest) < 0)
		return 1;
	stream_finish(c, run->scratch, stream, END_RESET, HTTP2_REFUSED_STREAM);
	return 0;
}

/* The answering side has taken no stream above `last`, and will not: its peer may ask again elsewhere (RFC 9113,
 * section 6.8). */
WIRE_GLOBAL int streams_refused(struct connection *c, struct scratch *s, __u32 last)
{
	struct refused_run run = {.connection = c, .scratch = s, .last = last};

	if (!c || !s)
		return 0;
	run.newest = c->stream_newest;
	bpf_loop(STREAM_SEARCH_MOST, streams_refused_step, &run, 0);
	/* So that the same said again and again is not searched for each time. */
	if ((__s32)run.reached > 0)
		__sync_val_compare_and_swap(&c->stream_newest, run.newest, run.reached);
	return 0;
}

WIRE_GLOBAL int streams_finish_all(struct connection *c, struct scratch *s, __u32 end)
{
	struct finish_run run = {.connection = c, .scratch = s, .end = end};

	if (!c || !s)
		return 0;
	run.oldest = c->stream_oldest; /* moves as they end */
	if (pending_count(c))
		bpf_loop(STREAM_SEARCH_MOST, streams_finish_step, &run, 0);
	if (pending_count(c)) {
		count_fault(s->program, FAULT_PIPELINE);
		c->pending_begin = c->pending_end;
	}
	return 0;
}

#endif
