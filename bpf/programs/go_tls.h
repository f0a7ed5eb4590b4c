/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/* Plaintext of Go's crypto/tls: what goes into (*Conn).Write, and what (*Conn).Read copies to its caller. */
#ifndef WEFT_PROGRAMS_GO_TLS_H
#define WEFT_PROGRAMS_GO_TLS_H

#include "programs/goroutine.h"
#include "programs/tls.h"

static __always_inline int go_tls_begins(struct process_entry *p, struct go_process *go, __u64 conn, __u32 tgid,
					 __u8 role)
{
	__u64 socket = socket_of_interface(go, conn); /* a tls.Conn begins with the net.Conn below it */

	if (socket)
		tls_connection_begin(p, socket, tgid, role);
	return 0;
}

static __always_inline int go_tls_bytes(struct process_entry *p, __u64 socket, __u64 base, __u64 bytes, bool outgoing)
{
	return socket ? tls_bytes(tls_connection_get(socket), p, base, bytes, outgoing) : 0;
}

SEC("uprobe")
int on_go_tls(struct pt_regs *regs)
{
	__u32 tgid = bpf_get_current_pid_tgid() >> 32;
	struct process_entry *p = process_get(tgid);
	__u64 cookie = bpf_get_attach_cookie(regs);
	struct go_process *go;
	__u32 site = cookie;

	if (!p || !p->go || (site != GO_TLS_READ && go_begins_again(regs)))
		return 0;
	go = go_process_get(tgid);
	if (!go || go->program != p->go || go->program != cookie >> 32 || !go_is_certain(go))
		return 0;
	if (site == GO_TLS_SERVER_HANDSHAKE)
		return go_tls_begins(p, go, regs->ax, tgid, ROLE_SERVER);
	if (site == GO_TLS_CLIENT_HANDSHAKE)
		return go_tls_begins(p, go, regs->ax, tgid, ROLE_CLIENT);
	if (site == GO_TLS_WRITE)
		return go_tls_bytes(p, socket_of_interface(go, regs->ax), regs->bx, regs->cx, true);
	/* The call of memmove in Read: BX is the plaintext, CX its length; Read keeps its Conn on the stack. */
	if (site == GO_TLS_READ)
		return go_tls_bytes(p, socket_of_interface(go, user_word(regs->sp + go->tls_read_conn)), regs->bx,
				    regs->cx, false);
	return 0;
}

#endif
