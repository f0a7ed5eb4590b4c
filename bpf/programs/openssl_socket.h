/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * Which socket carries an object of OpenSSL: the one that its calls read and write. Where the program moves the
 * encrypted bytes itself (a memory BIO, in event loops), the one that the thread has received them on just before the
 * call: event loops give them to their object at once. Both before the first byte of plaintext, for the handshake comes
 * first.
 */
#ifndef WEFT_PROGRAMS_OPENSSL_SOCKET_H
#define WEFT_PROGRAMS_OPENSSL_SOCKET_H

#include "maps/openssl.h"
#include "maps/processes.h"
#include "maps/tls_calls.h"

/* NULL: it is none of this tracing of the process, or cannot be followed. */
static __always_inline struct openssl_session *openssl_session_of(__u64 object, __u32 tgid, struct process_entry *p)
{
	struct openssl_session *session = openssl_session_get(object, tgid);

	return session && !session->lost && session->generation == p->generation ? session : NULL;
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
	if (!session->socket)
		session->socket = socket;
	if (session->socket == socket)
		session->nonblocking = nonblocking;
	return 0;
}

#endif
