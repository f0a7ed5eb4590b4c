/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * Plaintext of encrypted connections, which probes see in the library that encrypts it. The bytes take the same way as
 * those of a socket; nothing is added to them. Followed from the handshake on: a connection that was open before has no
 * certain beginning.
 */
#ifndef WEFT_PROGRAMS_TLS_H
#define WEFT_PROGRAMS_TLS_H

#include "maps/tls.h"
#include "programs/capture.h"

/* Its connection ends; a response that lasts until then is complete. REQUIRES: nobody is at work in it. */
static __always_inline void tls_connection_end(__u64 socket)
{
	struct connection *c = tls_connection_get(socket);

	if (!c || __sync_val_compare_and_swap(&c->seen, 0, 1)) /* its socket's end and its library's may meet */
		return;
	answer_ends_with_stream(c);
	connection_gone(c);
	go_send_remove(c->id);
	tls_connection_remove(socket);
}

/* A handshake begins on `socket`, the address of a struct sock. NULL: there is no room. */
static __always_inline struct connection *tls_connection_begin(struct process_entry *p, __u64 socket, __u32 tgid,
							       __u8 role)
{
	const struct sock *sk = (const struct sock *)socket;
	struct connection *c;

	tls_connection_end(socket); /* what an earlier one of the same address left */
	c = tls_connection_create(socket);
	if (!c) {
		count_fault(PROGRAM_STATE, FAULT_MAP_FULL);
		return NULL;
	}
	address_of(sk, c->local_address, c->peer_address, true);
	c->local_port = BPF_CORE_READ(sk, __sk_common.skc_num);
	c->peer_port = __builtin_bswap16(BPF_CORE_READ(sk, __sk_common.skc_dport));
	connection_destination(c);
	c->owner_tgid = tgid;
	c->generation = p->generation;
	c->role = role;
	c->role_certain = 1;
	c->encrypted = ENCRYPTED;
	c->membership = MEMBER_NO;
	c->send.known = c->receive.known = 1;
	c->id = CONNECTION_WITHOUT_COOKIE | new_exchange_id();
	__sync_fetch_and_add(&p->connections, 1);
	return c;
}

/* `bytes` of plaintext at `base` in the current process. */
static __always_inline int tls_bytes(struct connection *c, struct process_entry *p, __u64 base, __u64 bytes,
				     bool outgoing)
{
	struct scratch *s;
	struct half *half;

	if (!c || !bytes || bytes > 0x7fffffff || c->generation != p->generation)
		return 0;
	half = outgoing ? &c->send : &c->receive;
	s = capture_begin(c, half, bytes, outgoing);
	if (!s)
		return 0;
	s->hidden = 0;
	s->nonblocking = c->encrypted != ENCRYPTED_BLOCKING;
	c->last_ns = s->now_ns;
	if (!half->parked) {
		source_none(&s->source, 0);
		source_buffer(&s->source, base, bytes);
		protocol_observe(c, s, p);
	}
	capture_done(c, half, s);
	return 0;
}

#endif
