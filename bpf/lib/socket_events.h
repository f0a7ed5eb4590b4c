/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/* What the kernel side asks the agent to do with a socket: into a hash, or out of it. */
#ifndef WEFT_LIB_SOCKET_EVENTS_H
#define WEFT_LIB_SOCKET_EVENTS_H

#include "maps/ring.h"
#include "maps/scratch.h"

/* REQUIRES: no other event is being made in s. */
static __always_inline void emit_socket(struct connection *c, struct scratch *s, __u32 request, __u32 reason, __s32 fd)
{
	struct socket_event *e = &s->event.socket;

	__builtin_memset(e, 0, sizeof(*e));
	e->header.type = EVENT_SOCKET;
	e->header.time_ns = s->now_ns;
	e->connection_id = c->id;
	e->tgid = c->owner_tgid;
	e->request = request;
	e->reason = reason;
	e->fd = fd;
	/* To be enrolled again is worth a wake-up: until then requests go without context. */
	ring_put_with(&e->header, sizeof(*e), request == SOCKET_ENROL ? BPF_RB_FORCE_WAKEUP : BPF_RB_NO_WAKEUP);
}

/* The socket that is in a hash under this key is to leave it: where there is no scratch. */
static __always_inline void emit_release(const struct connection *c, __u64 key)
{
	struct socket_event e = {};

	e.header.type = EVENT_SOCKET;
	e.header.time_ns = bpf_ktime_get_ns();
	e.connection_id = key;
	e.tgid = c->owner_tgid;
	e.request = SOCKET_RELEASE;
	ring_put(&e.header, sizeof(e));
}

#endif
