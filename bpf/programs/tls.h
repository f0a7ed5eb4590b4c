/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * Plaintext of encrypted connections, which probes see in the library that encrypts it. The bytes take the same way as
 * those of a socket; nothing is added to them. Followed from the handshake on; a connection that was open before is
 * joined in mid-life.
 */
#ifndef WEFT_PROGRAMS_TLS_H
#define WEFT_PROGRAMS_TLS_H

#include "maps/tls.h"
#include "maps/tls_calls.h"
#include "programs/capture.h"

/*
 * A connection that is to end does so when nobody is at work in it: its entry may be another one's at once. Who is at
 * work calls this when that is done.
 */
WIRE_GLOBAL int tls_connection_over(const __u64 *socket)
{
	struct connection *c = socket ? tls_connection_get(*socket) : NULL;
	struct half *answers;

	if (!c || !c->seen || !half_claim_soon(&c->receive))
		return 0;
	answers = answering_half(c);
	if (!half_claim_soon(&c->send)) {
		half_release(&c->receive);
		return 0;
	}
	half_release(answers);
	answer_ends_with_stream(c);
	if (!half_claim_soon(answers)) { /* for a moment, by somebody who will find that it ends */
		half_release(answers == &c->send ? &c->receive : &c->send);
		return 0;
	}
	pending_end_now(c, PROGRAM_STATE, END_CLOSED);
	connection_gone(c);
	go_send_remove(c->id);
	tls_connection_remove(*socket);
	return 0;
}

/* Its connection ends; a response that lasts until then is complete. */
static __always_inline void tls_connection_end(__u64 socket)
{
	struct connection *c = tls_connection_get(socket);

	if (!c)
		return;
	__sync_lock_test_and_set(&c->seen, 1);
	tls_connection_over(&socket);
}

/*
 * A connection begins to be followed: from its handshake on, or (`role` unknown) in mid-life, where it is joined as one
 * of a socket is. The generation comes last: until then nobody else looks at it. 0: no room, or somebody else has just
 * begun it.
 */
WIRE_GLOBAL int tls_connection_begins(__u64 socket, struct process_entry *p, __u32 tgid, __u32 role)
{
	const struct sock *sk = (const struct sock *)socket;
	struct connection *c;

	if (!p)
		return 0;
	c = tls_connection_create(socket);
	if (!c)
		return 0;
	address_of(sk, c->local_address, c->peer_address, true);
	c->local_port = BPF_CORE_READ(sk, __sk_common.skc_num);
	c->peer_port = __builtin_bswap16(BPF_CORE_READ(sk, __sk_common.skc_dport));
	connection_destination(c);
	c->owner_tgid = tgid;
	c->role = role;
	c->role_certain = c->send.known = c->receive.known = role != ROLE_UNKNOWN;
	c->joining = role == ROLE_UNKNOWN;
	c->encrypted = ENCRYPTED;
	c->membership = MEMBER_NO;
	c->id = CONNECTION_WITHOUT_COOKIE | new_exchange_id();
	barrier();
	c->generation = p->generation;
	__sync_fetch_and_add(&p->connections, 1);
	return 1;
}

/* May these bytes be looked at? In mid-life as the socket below tells. Where they are in the stream says nothing. */
WIRE_GLOBAL int tls_place(__u64 socket, struct connection *c, struct scratch *s)
{
	const struct tcp_sock *tp = (const struct tcp_sock *)socket;
	struct half *half;
	bool idle;

	if (!c || !s)
		return 0;
	half = s->outgoing ? &c->send : &c->receive;
	idle = s->outgoing ? BPF_CORE_READ(tp, rcv_nxt) == BPF_CORE_READ(tp, copied_seq)
			   : BPF_CORE_READ(tp, write_seq) == BPF_CORE_READ(tp, snd_una);
	return position(c, half, s, half->next_seq + s->total, idle);
}

/* Is the connection on `socket` followed in this tracing of its process, or may it be from now on? */
WIRE_GLOBAL int tls_follows(__u64 socket, struct process_entry *p)
{
	struct connection *c = tls_connection_get(socket);

	if (!p)
		return 0;
	if (c && c->generation && c->generation != p->generation) { /* of an earlier tracing */
		tls_connection_end(socket);
		c = NULL;
	}
	if (!c && tls_connection_begins(socket, p, bpf_get_current_pid_tgid() >> 32, ROLE_UNKNOWN))
		c = tls_connection_get(socket);
	return c && c->generation == p->generation;
}

/* The thread has moved what `call` says. */
static __always_inline int tls_moved(struct process_entry *p, const struct tls_call *call, bool outgoing)
{
	struct connection *c;
	struct scratch *s;
	struct half *half;

	if (!call->bytes || call->bytes > 0x7fffffff || !tls_follows(call->socket, p))
		return 0;
	c = tls_connection_get(call->socket);
	if (!c || c->seen)
		return 0;
	half = outgoing ? &c->send : &c->receive;
	s = capture_begin(c, half, call->bytes, outgoing);
	if (!s)
		return 0;
	/* Before the claim it may have ended, and its entry be another one's. */
	if (tls_connection_get(call->socket) == c && !c->seen) {
		s->hidden = 0;
		s->nonblocking = call->nonblocking;
		c->encrypted = call->nonblocking ? ENCRYPTED : ENCRYPTED_BLOCKING;
		source_none(&s->source, 0);
		source_buffer(&s->source, call->base, call->bytes);
		c->last_ns = s->now_ns;
		if (!half->parked && tls_place(call->socket, c, s))
			protocol_observe(c, s, p);
	}
	capture_done(c, half, s);
	if (c->seen)
		tls_connection_over(&call->socket);
	return 0;
}

#endif
