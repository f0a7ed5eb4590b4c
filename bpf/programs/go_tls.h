/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * Plaintext of Go's crypto/tls: what goes into (*Conn).Write, and what (*Conn).Read copies to its caller. The bytes
 * take the same way as those of a socket; nothing is added to them. Followed from the handshake on: a connection that
 * was open before has no certain beginning.
 */
#ifndef WEFT_PROGRAMS_GO_TLS_H
#define WEFT_PROGRAMS_GO_TLS_H

#include "maps/tls.h"
#include "programs/capture.h"
#include "programs/goroutine.h"

/* What an earlier connection of the same socket address left, or this one at its end. REQUIRES: nobody is at work in
 * it. */
static __always_inline void tls_connection_end(__u64 socket)
{
	struct connection *c = tls_connection_get(socket);

	if (!c)
		return;
	connection_gone(c);
	go_send_remove(c->id);
	tls_connection_remove(socket);
}

static __always_inline int tls_begins(struct process_entry *p, struct go_process *go, __u64 conn, __u32 tgid, __u8 role)
{
	__u64 socket = socket_of_interface(go, conn); /* a tls.Conn begins with the net.Conn below it */
	const struct sock *sk = (const struct sock *)socket;
	struct connection *c;

	if (!socket)
		return 0;
	tls_connection_end(socket);
	c = tls_connection_create(socket);
	if (!c) {
		count_fault(PROGRAM_STATE, FAULT_MAP_FULL);
		return 0;
	}
	if (BPF_CORE_READ(sk, __sk_common.skc_family) == AF_INET6) {
		BPF_CORE_READ_INTO((struct in6_addr *)c->local_address, sk, __sk_common.skc_v6_rcv_saddr);
		BPF_CORE_READ_INTO((struct in6_addr *)c->peer_address, sk, __sk_common.skc_v6_daddr);
	} else {
		c->local_address[10] = c->local_address[11] = c->peer_address[10] = c->peer_address[11] = 0xff;
		BPF_CORE_READ_INTO((__be32 *)(c->local_address + 12), sk, __sk_common.skc_rcv_saddr);
		BPF_CORE_READ_INTO((__be32 *)(c->peer_address + 12), sk, __sk_common.skc_daddr);
	}
	c->local_port = BPF_CORE_READ(sk, __sk_common.skc_num);
	c->peer_port = __builtin_bswap16(BPF_CORE_READ(sk, __sk_common.skc_dport));
	c->owner_tgid = tgid;
	c->generation = p->generation;
	c->role = role;
	c->role_certain = 1;
	c->encrypted = 1;
	c->membership = MEMBER_NO;
	c->send.known = c->receive.known = 1;
	c->id = CONNECTION_WITHOUT_COOKIE | new_exchange_id();
	__sync_fetch_and_add(&p->connections, 1);
	return 0;
}

/* `bytes` of plaintext at `base` in the current process. */
static __always_inline int tls_bytes(struct process_entry *p, __u64 socket, __u64 base, __u64 bytes, bool outgoing)
{
	struct connection *c = socket ? tls_connection_get(socket) : NULL;
	struct scratch *s;
	struct half *half;

	if (!c || !bytes || bytes > 0x7fffffff || c->generation != p->generation)
		return 0;
	half = outgoing ? &c->send : &c->receive;
	s = capture_begin(c, half, bytes, outgoing);
	if (!s)
		return 0;
	s->hidden = 0;
	s->nonblocking = 1;
	c->last_ns = s->now_ns;
	if (!half->parked) {
		source_none(&s->source, 0);
		source_buffer(&s->source, base, bytes);
		protocol_observe(c, s, p);
	}
	capture_done(c, half, s);
	return 0;
}

SEC("uprobe")
int on_go_tls(struct pt_regs *regs)
{
	__u32 tgid = bpf_get_current_pid_tgid() >> 32;
	struct process_entry *p = process_get(tgid);
	__u64 cookie = bpf_get_attach_cookie(regs);
	struct go_process *go;
	__u32 site = cookie;

	if (!p || !p->go)
		return 0;
	go = go_process_get(tgid);
	if (!go || go->program != p->go || go->program != cookie >> 32 || !go_is_certain(go))
		return 0;
	if (site == GO_TLS_SERVER_HANDSHAKE)
		return tls_begins(p, go, regs->ax, tgid, ROLE_SERVER);
	if (site == GO_TLS_CLIENT_HANDSHAKE)
		return tls_begins(p, go, regs->ax, tgid, ROLE_CLIENT);
	if (site == GO_TLS_WRITE)
		return tls_bytes(p, socket_of_interface(go, regs->ax), regs->bx, regs->cx, true);
	/* The call of memmove in Read: BX is the plaintext, CX its length; Read keeps its Conn on the stack. */
	if (site == GO_TLS_READ)
		return tls_bytes(p, socket_of_interface(go, user_word(regs->sp + go->tls_read_conn)), regs->bx,
				 regs->cx, false);
	return 0;
}

#endif
