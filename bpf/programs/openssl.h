/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * Plaintext of OpenSSL and of libraries with the same functions (x86-64, System V). One program at the beginning of the
 * functions of wire/openssl.h and one where those that move bytes have returned, told apart by the cookie. What a call
 * moved is known when it returns: one that would have to wait is repeated by its caller. None is a return probe, which
 * ends a program that leaves a call by an exception or changes its stack within one.
 */
#ifndef WEFT_PROGRAMS_OPENSSL_H
#define WEFT_PROGRAMS_OPENSSL_H

#include "programs/openssl_socket.h"
#include "programs/tls.h"

/* openssl_session.connection: there was no room for it. */
#define CONNECTION_NONE CONNECTION_WITHOUT_COOKIE

/* The state of its connection; NULL: it has none, or another one has come to its place. */
static __always_inline struct connection *openssl_connection(const struct openssl_session *session)
{
	struct connection *c = session->socket ? tls_connection_get(session->socket) : NULL;

	return c && c->id == session->connection ? c : NULL;
}

WIRE_GLOBAL int openssl_session_ends(struct openssl_session *session)
{
	if (session && openssl_connection(session))
		tls_connection_end(session->socket);
	return 0;
}

/* Bytes of it went by unseen. */
static __always_inline void openssl_loses(__u64 object, __u32 tgid)
{
	struct openssl_session *session = openssl_session_get(object, tgid);

	if (!session || session->lost)
		return;
	session->lost = 1;
	openssl_session_ends(session);
}

static __always_inline void openssl_object_begins(struct process_entry *p, struct openssl_object object, __u8 role,
						  bool used)
{
	struct openssl_session fresh = {.generation = p->generation, .role = role, .used = used};
	struct openssl_session *before = openssl_session_get(object.address, object.tgid);

	if (before)
		openssl_session_ends(before);
	finding(p, FINDING_OPENSSL);
	if (late_update(&openssl_sessions, &object, &fresh, BPF_ANY))
		count_fault(PROGRAM_STATE, FAULT_MAP_FULL);
}

/* The object is free, or about to be used for another connection: from now on, or from the call that it is in. */
static __always_inline void openssl_object_ends(struct process_entry *p, struct openssl_object object, bool stays,
						bool used)
{
	struct openssl_session *session = openssl_session_get(object.address, object.tgid);
	__u8 role;

	if (!session)
		return;
	role = session->role;
	if (stays) {
		openssl_object_begins(p, object, role, used);
		return;
	}
	openssl_session_ends(session);
	late_delete(&openssl_sessions, &object);
}

/* A call of its own while another one of the same kind was not seen to return: what that one moved is unknown. */
static __always_inline void openssl_session_moves(struct openssl_session *session, __u64 object, __u32 tgid, __u32 site)
{
	__u8 *within = site >= OPENSSL_WRITE ? &session->writing : &session->reading;

	if (*within)
		openssl_loses(object, tgid);
	*within = 1;
}

/* A callback within a call that reads may write (Node's, when the handshake is over), and the other way round. */
static __always_inline bool openssl_may_be_within(const struct tls_call *call, __u64 object, __u32 site)
{
	return call->object == object && call->frame.site != OPENSSL_HANDSHAKE && !call->outer.sp &&
	       (call->frame.site >= OPENSSL_WRITE) != (site >= OPENSSL_WRITE);
}

static __always_inline void openssl_call_begins(struct pt_regs *regs, struct process_entry *p, __u64 thread, __u32 site)
{
	struct tls_call *call = tls_call_create(thread);
	__u64 object = regs->di, buffer = regs->si, fourth = regs->cx, fifth = regs->r8, sp = regs->sp;
	struct openssl_session *session;
	bool within = false;

	WIRE_OPAQUE(buffer); /* the verifier allows no computed offset into the registers */
	WIRE_OPAQUE(fourth);
	WIRE_OPAQUE(fifth);
	if (!call) {
		count_fault(PROGRAM_STATE, FAULT_MAP_FULL);
		openssl_loses(object, thread >> 32);
		return;
	}
	if (call->object && call->generation == p->generation) {
		bool inside = openssl_is_within(call, sp);

		if (inside && site == OPENSSL_HANDSHAKE && call->object == object)
			return; /* BoringSSL calls it within the others */
		within = inside && openssl_may_be_within(call, object, site);
		if (within) {
			call->outer = call->frame;
			openssl_call_over(call, p, false);
		} else if (call->frame.site != OPENSSL_HANDSHAKE || (inside && call->object != object)) {
			/* Encrypted twice, or its return was not seen; that of a handshake never is. */
			openssl_loses(call->object, thread >> 32);
		} else {
			openssl_call_left(call, p);
		}
	}
	session = openssl_session_get(object, thread >> 32);
	if (!session || session->generation != p->generation) { /* its handshake was not seen to begin */
		openssl_object_begins(p, (struct openssl_object){.address = object, .tgid = thread >> 32}, ROLE_UNKNOWN,
				      false);
		session = openssl_session_get(object, thread >> 32);
	}
	if (session && site != OPENSSL_HANDSHAKE)
		openssl_session_moves(session, object, thread >> 32, site);
	call->generation = p->generation;
	if (!within)
		call->outer.sp = 0;
	call->frame.site = site;
	call->frame.buffer = buffer;
	call->frame.bytes_at = site == OPENSSL_WRITE_EX2			     ? fifth
			       : site == OPENSSL_READ_EX || site == OPENSSL_WRITE_EX ? fourth
										     : 0;
	call->first = session && !session->used;
	call->frame.sp = sp;
	call->frame.returns_to = user_word(sp);
	call->object = object;
	if (session)
		session->used = 1;
}

/* OpenSSL clears an object by itself in the first call of a connection. */
static __always_inline bool openssl_is_in(__u64 thread, __u64 object, __u64 sp)
{
	const struct tls_call *call = tls_call_get(thread);

	return call && call->object == object && openssl_is_within(call, sp);
}

SEC("uprobe")
int on_openssl(struct pt_regs *regs)
{
	__u64 thread = bpf_get_current_pid_tgid();
	struct process_entry *p = process_get(thread >> 32);
	struct openssl_object object = {.address = regs->di, .tgid = thread >> 32};
	__u32 site = bpf_get_attach_cookie(regs);

	if (!p || p->go)
		return 0;
	if (site == OPENSSL_CONNECT_STATE)
		openssl_object_begins(p, object, ROLE_CLIENT, false);
	else if (site == OPENSSL_ACCEPT_STATE)
		openssl_object_begins(p, object, ROLE_SERVER, false);
	else if (site == OPENSSL_CLEAR || site == OPENSSL_FREE)
		openssl_object_ends(p, object, site == OPENSSL_CLEAR, openssl_is_in(thread, object.address, regs->sp));
	else if (site == OPENSSL_UNSEEN)
		openssl_loses(object.address, object.tgid);
	else
		openssl_call_begins(regs, p, thread, site);
	return 0;
}

/* The socket is known: its connection begins, before the first plaintext that is looked at. */
static __always_inline void openssl_connection_begins(struct openssl_session *session, struct process_entry *p,
						      __u32 tgid)
{
	struct connection *c;
	bool begun;

	tls_connection_end(session->socket); /* what an earlier one of the same address left */
	begun = tls_connection_begins(session->socket, p, tgid, session->role);
	c = tls_connection_get(session->socket);
	if (!begun && !c)
		count_fault(PROGRAM_STATE, FAULT_MAP_FULL);
	session->connection =
	    begun && c ? c->id : CONNECTION_NONE; /* the latter also where somebody works in that one */
}

/* How many bytes the call has moved; 0: none. */
static __always_inline __u64 openssl_bytes(const struct tls_call *call, __s32 result)
{
	if (result <= 0)
		return 0;
	return call->frame.bytes_at ? user_word(call->frame.bytes_at) : (__u32)result;
}

/* One of its functions returns. Returns 1 if it has moved bytes: call says how many, and of what. */
WIRE_GLOBAL int openssl_call_ends(struct tls_call *call, struct process_entry *p, __u64 cookie, __s32 result, __u64 sp)
{
	struct openssl_session *session;
	__u64 bytes, object;

	if (!call || !p)
		return 0;
	object = call->object;
	if (!object || call->frame.site == OPENSSL_HANDSHAKE || sp - call->frame.sp != openssl_above(cookie))
		return 0;
	session = openssl_call_over(call, p, result > 0);
	if (!session)
		return 0;
	if (call->frame.site >= OPENSSL_WRITE) {
		session->writing = 0;
		session->waits = result <= 0;
	} else {
		session->reading = 0;
	}
	if (session->socket && !session->connection)
		openssl_connection_begins(session, p, bpf_get_current_pid_tgid() >> 32);
	bytes = openssl_bytes(call, result);
	call->base = call->frame.buffer;
	if (call->outer.sp) { /* which goes on */
		call->frame = call->outer;
		call->outer.sp = 0;
		call->object = object;
	}
	if (bytes && !session->socket && session->role != ROLE_UNKNOWN)
		session->lost = 1;
	if (!bytes || !openssl_connection(session))
		return 0;
	call->bytes = bytes;
	call->socket = session->socket;
	call->nonblocking = session->nonblocking;
	return 1;
}

#endif
