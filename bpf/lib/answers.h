/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * Which accepted sockets are members (propagation.response_header). A member's receive must not wait, because it ends
 * with EAGAIN at every wake-up without data: only sockets with O_NONBLOCK are taken, by the agent when a request has
 * been read from one, and at the handshake once that has been so for the listening socket they come from.
 */
#ifndef WEFT_LIB_ANSWERS_H
#define WEFT_LIB_ANSWERS_H

#include "lib/exchange.h"
#include "lib/source.h"
#include "maps/answerers.h"

/*
 * Its responses are not changed any more. It leaves the hash at the next acknowledgement, or by the agent, and comes
 * back with a later request unless answers_ended.
 */
WIRE_GLOBAL int answers_leave(struct connection *c)
{
	if (!c || __sync_lock_test_and_set(&c->answers, ANSWERS_LEAVING) == ANSWERS_LEAVING)
		return 0;
	emit_release(c, c->answer_key);
	return 0;
}

/* Neither this connection nor others from the same listening socket may be members. */
WIRE_GLOBAL int answers_forbid(struct connection *c)
{
	if (!c)
		return 0;
	if (!answers_ended(c)) {
		c->answers_left = ANSWERS_LEFT_MOST + 1;
		listener_tell(c->listener, 0, true);
	}
	if (c->answers == ANSWERS_MEMBER)
		answers_leave(c);
	return 0;
}

/* REQUIRES: it is LEAVING. True: the hash is to be left now. */
static __always_inline bool answers_gone(struct connection *c)
{
	return answers_change(c, ANSWERS_LEAVING, answers_ended(c) ? ANSWERS_PLAIN : ANSWERS_NONE);
}

/* A request has come on c, from a call that did not wait. */
WIRE_GLOBAL int answers_request(struct connection *c, struct scratch *s, struct process_entry *p)
{
	__s32 fd;

	if (!c || !s || !p || s->program != PROGRAM_RECEIVE || !s->nonblocking || answers_ended(c))
		return 0;
	if (!answers_allowed(p))
		return answers_forbid(c);
	s = scratch_again(s);
	if (!s)
		return 0;
	if (c->answers_told && c->answers == ANSWERS_MEMBER)
		return 0;
	c->answers_told = 1;
	if (!listener_tell(c->listener, s->pid_tgid >> 32, false))
		return answers_forbid(c);
	if (c->answers == ANSWERS_MEMBER || (c->id & CONNECTION_WITHOUT_COOKIE))
		return 0;
	fd = receiving_descriptor();
	if (fd < 0)
		return 0;
	c->answer_key = c->id;
	if (!answers_change(c, ANSWERS_NONE, ANSWERS_MEMBER) && !answers_change(c, ANSWERS_LEAVING, ANSWERS_MEMBER))
		return 0;
	emit_socket(c, s, SOCKET_ENROL_ANSWERS, 0, fd);
	return 0;
}

#endif
