/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * What the agent asks for about all connections at once: ending what has been idle for too long, taking the sockets of
 * a process out of the hash, enrolling those that became certain after joining in mid-life.
 */
#ifndef WEFT_PROGRAMS_ITERATORS_H
#define WEFT_PROGRAMS_ITERATORS_H

#include "programs/capture.h"
#include "maps/members.h"

struct sweep_order sweep = {};

static __always_inline void sweep_finish(struct connection *c, __u32 end)
{
	struct half *answers = answering_half(c);

	if (!pending_count(c) || !half_claim(answers))
		return;
	c->answers_lost = 1; /* a late response belongs to nobody now */
	answers->parked = PARK_POSITION_LOST;
	pending_end_now(c, PROGRAM_ITERATOR, end);
	half_release(answers);
}

/* Is it to leave the hash, because an event about it was lost or for what its process did? */
static __always_inline bool sweep_releases(const struct connection *c)
{
	struct process_entry *p;

	if (c->membership == MEMBER_RELEASED)
		return true;
	if (c->membership != MEMBER_YES)
		return false;
	p = process_get(c->owner_tgid);
	return p && (p->flags & PROCESS_NEVER_ENROL);
}

SEC("iter/bpf_sk_storage_map")
int on_sweep(struct bpf_iter__bpf_sk_storage_map *context)
{
	struct sock *sk = context->sk;
	struct connection *c;

	if (!sk || !context->value)
		return 0;
	c = connection_get(sk);
	if (!c || !c->id)
		return 0;
	sweep.seen++;
	if (sweep.release_tgid && (sweep.release_tgid == c->owner_tgid || sweep.release_tgid == ~0u)) {
		if (!sweep.keep_observing)
			c->send.parked = PARK_FOREIGN_OWNER;
		if (c->membership == MEMBER_YES || c->membership == MEMBER_RELEASED) {
			__u64 id = c->id;
			c->membership = MEMBER_RELEASED;
			bpf_map_delete_elem(&members, &id);
		}
		if (!sweep.keep_observing)
			sweep_finish(c, END_LOST);
		return 0;
	}
	if (sweep_releases(c)) {
		__u64 id = c->id;
		c->membership = MEMBER_RELEASED;
		bpf_map_delete_elem(&members, &id);
	}
	if (c->last_ns < sweep.idle_before_ns)
		sweep_finish(c, END_TIMEOUT);
	return 0;
}

/* The socket is locked while this runs, so that no send is under way. */
SEC("iter/tcp")
int on_enrol(struct bpf_iter__tcp *context)
{
	struct sock_common *common = context->sk_common;
	struct connection *c;
	struct tcp_sock *tp;

	if (!common)
		return 0;
	tp = bpf_skc_to_tcp_sock(common);
	if (!tp)
		return 0;
	c = connection_get(tp);
	if (!c || c->membership != MEMBER_JOINED || c->role != ROLE_CLIENT)
		return 0;
	if (common->skc_state != TCP_ESTABLISHED || c->send.parked || !c->send.known || c->send.claimed ||
	    c->send.next_seq != tp->write_seq || c->send.http1.state != HTTP1_START)
		return 0; /* not now; the agent comes back */
	if (tp->is_mptcp || tp->inet_conn.icsk_ulp_ops) {
		c->membership = MEMBER_NO;
		count_fault(PROGRAM_ITERATOR, tp->is_mptcp ? FAULT_MPTCP : FAULT_ULP);
		return 0;
	}
	__u64 id = c->id;
	c->membership = MEMBER_YES;
	if (bpf_map_update_elem(&members, &id, tp, BPF_NOEXIST)) {
		c->membership = MEMBER_NO;
		count_fault(PROGRAM_ITERATOR, FAULT_ENROL);
	}
	return 0;
}

#endif
