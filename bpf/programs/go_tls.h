/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/* Plaintext of Go's crypto/tls: what goes into (*Conn).Write, and what (*Conn).Read copies to its caller. */
#ifndef WEFT_PROGRAMS_GO_TLS_H
#define WEFT_PROGRAMS_GO_TLS_H

#include "programs/goroutine.h"
#include "programs/tls.h"

static __always_inline void go_tls_begins(struct process_entry *p, __u64 socket, __u32 tgid, __u32 role)
{
	tls_connection_end(socket);
	if (!tls_connection_begins(socket, p, tgid, role) && !tls_connection_get(socket))
		count_fault(PROGRAM_STATE, FAULT_MAP_FULL);
}

/*
 * A probe of a Go process was met, with AX and SP of its registers. 1: it has moved what `call` says from now on, which
 * is told its length and place: BX and CX. Without a `call`, for which there was no room, the connection goes: bytes of
 * it are not seen.
 */
WIRE_GLOBAL int go_tls_moves(struct tls_call *call, struct process_entry *p, __u64 cookie, __u64 ax, __u64 sp)
{
	__u32 tgid = bpf_get_current_pid_tgid() >> 32, site = cookie;
	struct go_process *go = go_process_get(tgid);
	__u64 socket;

	if (!p)
		return 0;
	if (!go || go->program != p->go || go->program != cookie >> 32 || !go_is_certain(go))
		return 0;
	/* At the call of memmove in Read, which keeps its Conn on the stack. */
	if (site == GO_TLS_READ)
		ax = user_word(sp + go->tls_read_conn);
	socket = socket_of_interface(go, ax); /* a tls.Conn begins with the net.Conn below it */
	if (!socket)
		return 0;
	if (!call) {
		count_fault(PROGRAM_STATE, FAULT_MAP_FULL);
		tls_connection_end(socket);
		return 0;
	}
	call->socket = socket;
	call->nonblocking = 1;
	if (site == GO_TLS_READ || site == GO_TLS_WRITE)
		return 1;
	go_tls_begins(p, socket, tgid, site == GO_TLS_SERVER_HANDSHAKE ? ROLE_SERVER : ROLE_CLIENT);
	return 0;
}

#endif
