/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * Which socket carries an object of OpenSSL: the one that its calls read and write. Where the program moves the
 * encrypted bytes itself (a memory BIO, in event loops), the one that the thread has received them on just before the
 * call: event loops give them to their object at once. Both before the first byte of plaintext, for the handshake comes
 * first, be it within the call that writes this byte (Node's clients).
 */
#ifndef WEFT_PROGRAMS_OPENSSL_SOCKET_H
#define WEFT_PROGRAMS_OPENSSL_SOCKET_H

#include "lib/goroutine.h"
#include "maps/openssl.h"
#include "maps/processes.h"
#include "maps/tls.h"
#include "maps/tls_calls.h"

/* More of its thread's stack no call uses. */
#define OPENSSL_STACK (64 * 1024)

/* NULL: it is none of this tracing of the process, or cannot be followed. */
static __always_inline struct openssl_session *openssl_session_of(__u64 object, __u32 tgid, struct process_entry *p)
{
	struct openssl_session *session = openssl_session_get(object, tgid);

	return session && !session->lost && session->generation == p->generation ? session : NULL;
}

/*
 * Is the call still going on, by the stack pointer of its thread? Where it returns to is overwritten by the next call
 * that is made there. Somewhat below it: not on the stack of another coroutine.
 */
static __always_inline bool openssl_is_within(const struct tls_call *call, __u64 sp)
{
	return call->frame.sp - sp - 1 < OPENSSL_STACK && user_word(call->frame.sp) == call->frame.returns_to;
}

/*
 * May what the thread received before the call be what the call was given? Of those that write only by the one that
 * ends the handshake for which it had to wait: it has `moved` bytes since the peer's part of that came.
 */
static __always_inline bool openssl_received(const struct openssl_session *session, const struct tls_call *call,
					     bool moved)
{
	if (call->frame.site >= OPENSSL_WRITE)
		return moved && session->waits && session->role != ROLE_UNKNOWN && !call->joining;
	if (session->role == ROLE_CLIENT && call->first) /* who begins has received nothing yet */
		return false;
	return session->role == ROLE_UNKNOWN || !call->joining; /* an object that is newer than its socket is not */
}

/* The call is over. NULL: its object cannot be followed. */
static __always_inline struct openssl_session *openssl_call_over(struct tls_call *call, struct process_entry *p,
								 bool moved)
{
	struct openssl_session *session = openssl_session_of(call->object, bpf_get_current_pid_tgid() >> 32, p);
	__u64 received_on = call->received_on;

	call->object = call->received_on = 0;
	if (!session || session->socket || !received_on || !openssl_received(session, call, moved))
		return session;
	if (!tls_connection_get(received_on)) {
		session->nonblocking = call->nonblocking;
		session->socket = received_on;
	}
	return session;
}

/* The thread's call was left without a return that is seen, as each handshake is. */
WIRE_GLOBAL int openssl_call_left(struct tls_call *call, struct process_entry *p)
{
	if (!call || !p)
		return 0;
	if (call->frame.site != OPENSSL_HANDSHAKE)
		call->received_on = 0;
	openssl_call_over(call, p, false);
	return 0;
}

static __always_inline __u64 user_stack_pointer(void)
{
	const struct pt_regs *regs = (const struct pt_regs *)bpf_task_pt_regs(bpf_get_current_task_btf());

	return BPF_CORE_READ(regs, sp);
}

/* Bytes of a process with such objects go through the socket `where`, c as it was before. */
WIRE_GLOBAL int openssl_moves(struct connection *c, struct process_entry *p, __u64 *where, __u32 outgoing,
			      __u32 nonblocking)
{
	__u64 thread = bpf_get_current_pid_tgid();
	struct openssl_session *session;
	struct tls_call *call;
	__u64 socket;

	if (!c || !p || !where)
		return 0;
	socket = *where;
	call = tls_call_create(thread);
	if (!call)
		return 0;
	if (call->object && !openssl_is_within(call, user_stack_pointer()))
		openssl_call_left(call, p);
	if (!call->object) {
		/* What is followed as it is, is not encrypted. */
		call->joining = !c->send.parked && !c->receive.parked;
		call->received_on = !outgoing && (!call->joining || c->joining) ? socket : 0;
		call->nonblocking = nonblocking;
		return 0;
	}
	session = openssl_session_of(call->object, thread >> 32, p);
	if (!session)
		return 0;
	/* Where a handshake was left without a sign of it, this may be anybody's. */
	if (!session->socket && !(call->frame.site == OPENSSL_HANDSHAKE && tls_connection_get(socket))) {
		/* A callback's, where the object has been given its bytes; else it would have read before. */
		if (outgoing && call->received_on && call->received_on != socket &&
		    openssl_received(session, call, true))
			session->lost = 1;
		else
			session->socket = socket;
	}
	if (session->socket == socket)
		session->nonblocking = nonblocking;
	return 0;
}

#endif
