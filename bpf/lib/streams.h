/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * Beginning of an exchange on a multiplexed connection; its end is in lib/stream_end.h. How many are under way is
 * pending_count(), as on other connections: pending_begin counts the ends.
 */
#ifndef WEFT_LIB_STREAMS_H
#define WEFT_LIB_STREAMS_H

#include "maps/connections.h"
#include "maps/counters.h"
#include "maps/ring.h"
#include "maps/scratch.h"

static __always_inline bool is_multiplexed(const struct connection *c)
{
	return c->protocol == PROTOCOL_HTTP2;
}

/* Everything that is under way on c ends. */
WIRE_GLOBAL int streams_finish_all(struct connection *c, struct scratch *s, __u32 end);

/* The request on stream s->stream waits for its response. False: it is not followed. */
WIRE_GLOBAL int stream_begin(struct connection *c, struct scratch *s, __u64 exchange_id, __u32 anonymous)
{
	struct stream *fresh;

	if (!c || !s)
		return 0;
	if (!exchange_id) /* nobody is to hear of its end */
		return 1;
	s = scratch_again(s);
	if (!s)
		return 0;
	fresh = &s->stream_work;
	__builtin_memset(fresh, 0, sizeof(*fresh));
	fresh->exchange_id = exchange_id;
	fresh->tgid = s->pid_tgid >> 32;
	fresh->tid = (__u32)s->pid_tgid;
	fresh->generation = s->generation;
	fresh->anonymous = anonymous;
	fresh->hidden = (s->task_unknown & TASK_HIDDEN) != 0;
	if (!pending_count(c))
		c->stream_oldest = s->stream;
	c->stream_newest = s->stream;
	/* Counted first: as soon as it is there another CPU may end it. */
	__sync_fetch_and_add(&c->pending_end, 1);
	if (stream_add(c->id, s->stream, fresh)) {
		__sync_fetch_and_add(&c->pending_end, -1);
		count_fault(s->program, FAULT_MAP_FULL);
		return 0;
	}
	/* Seen only after it was sent: the answer may have been there before. */
	if (c->role == ROLE_CLIENT && *(volatile __u32 *)&c->receive.http2.last_stream == s->stream &&
	    !stream_remove(c->id, s->stream)) {
		__sync_fetch_and_add(&c->pending_end, -1);
		return 0;
	}
	return 1;
}

/* The connection is over: nothing of it is to be kept any longer. */
static __always_inline void streams_closed(const struct connection *c)
{
	struct block_event e = {};

	e.header.type = EVENT_BLOCK;
	e.header.time_ns = bpf_ktime_get_ns();
	e.connection_id = c->id;
	e.tgid = c->owner_tgid;
	e.role = c->role;
	e.facts = BLOCK_CLOSED;
	ring_put(&e.header, sizeof(e));
}

#endif
