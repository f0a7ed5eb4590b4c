/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/* Life of a connection's state: first sight, position in the stream, parking, the end. */
#ifndef WEFT_LIB_CONNECTION_H
#define WEFT_LIB_CONNECTION_H

#include "lib/exchange.h"
#include "lib/kafka_close.h"
#include "maps/destinations.h"

#define JOIN_FAILURES_MAX 32u

/*
 * A connection on which requests of this process may be under way that are not followed: until it is, a call without a
 * known task is not taken for an orphan.
 */
static __always_inline void blind_begins(struct connection *c, struct process_entry *p, __u32 tgid)
{
	if (c->role == ROLE_CLIENT || c->blind)
		return;
	__sync_fetch_and_add(&p->blind, 1); /* counted before another may end it */
	if (__sync_val_compare_and_swap(&c->blind, 0, (__u64)p->generation << 32 | tgid))
		__sync_fetch_and_add(&p->blind, -1);
}

static __always_inline void blind_ends(struct connection *c)
{
	__u64 whose = *(volatile __u64 *)&c->blind;

	if (whose && __sync_val_compare_and_swap(&c->blind, whose, 0) == whose)
		process_blind_ends(whose, whose >> 32);
}

/* Requests that come on c are not followed any more. */
static __always_inline void server_goes_blind(struct connection *c)
{
	struct process_entry *p = c->role == ROLE_SERVER ? process_get(c->owner_tgid) : NULL;

	if (p)
		blind_begins(c, p, c->owner_tgid);
}

static __always_inline void join_failed(struct connection *c, struct scratch *s)
{
	count_fault(s->program, FAULT_JOIN);
	if (is_multiplexed(c) || c->protocol == PROTOCOL_KAFKA)
		c->protocol = PROTOCOL_UNKNOWN;
	c->receive.known = c->send.known = 0;
	c->receive.begun = c->send.begun = 0;
	c->receive.http1.state = c->send.http1.state = HTTP1_START;
	if (c->upgrade == UPGRADE_ASKED) /* what becomes of it will not be known */
		c->receive.parked = c->send.parked = PARK_UPGRADE;
	c->upgrade = UPGRADE_NONE;
	c->pending_begin = c->pending_end;
	if (c->membership != MEMBER_JOINED && !c->role_certain)
		c->role = ROLE_UNKNOWN;
	if (s->outgoing && c->accepted && c->blind)
		return; /* of a response that comes in many pieces, perhaps: its end is not known */
	if (++c->join_failures > JOIN_FAILURES_MAX) {
		c->receive.parked = c->send.parked = PARK_POSITION_LOST;
		blind_ends(c);
	}
}

/*
 * This direction is no longer followed, for good. What waits for a response that can no longer be recognised ends here;
 * requests that are framed with certainty go on being followed without their responses.
 */
static __always_inline void park(struct connection *c, struct half *half, struct scratch *s, __u32 reason)
{
	bool answers;

	if (half->parked)
		return;
	if (c->joining && reason != PARK_UPGRADE) {
		join_failed(c, s);
		return;
	}
	half->parked = reason;
	count_parked(s->program, reason);
	kafka_closed(c);
	answers = half == &c->send ? c->role == ROLE_SERVER : c->role == ROLE_CLIENT;
	if (answers) {
		c->answers_lost = 1;
		pending_finish_all(c, s, END_LOST);
	}
	if (reason != PARK_UPGRADE && reason != PARK_NOT_HTTP)
		server_goes_blind(c);
}

static __always_inline struct half *answering_half(struct connection *c)
{
	return c->role == ROLE_SERVER ? &c->send : &c->receive;
}

static __always_inline bool half_claim(struct half *half)
{
	return !__sync_val_compare_and_swap(&half->claimed, 0, 1);
}

#define AWAIT_STEPS 8192u /* some 20 µs */

struct half_await {
	struct half *half;
	bool claimed;
};

static long half_await_step(__u32 i, void *arg)
{
	struct half_await *await = arg;

	await->claimed = !await->half->claimed && half_claim(await->half);
	return await->claimed ? 1 : 0;
}

/* The same where a run on another processor may be about to give it back. A function of its own for its stack. */
WIRE_GLOBAL int half_claim_soon(struct half *half)
{
	struct half_await await = {.half = half};

	if (!half)
		return 0;
	bpf_loop(AWAIT_STEPS, half_await_step, &await, 0);
	return await.claimed;
}

static __always_inline void half_release(struct half *half)
{
	__sync_lock_test_and_set(&half->claimed, 0);
}

/* No thread works on what is pending on c any more, and nothing of it is kept: where it cannot be reported. */
static __always_inline void pending_forget_tasks(struct connection *c)
{
	for (__u32 i = 0; i < PENDING_MAX; i++) {
		struct pending *pending = pending_at(c, i);
		struct exchange *e = pending->exchange_id ? exchange_get(pending->exchange_id) : NULL;
		struct task_key key = {};
		struct task *task;

		if (pending->unsampled)
			unsampled_drop(pending->exchange_id);
		if (!e)
			continue;
		key.owner = (__u64)e->tgid << 32 | e->tid;
		key.goroutine = e->goroutine;
		task = task_get(key);
		if (task && task->current == pending->exchange_id)
			task->current = 0;
	}
}

/* REQUIRES: the claim on the answering half, or that nobody else can be at work. */
WIRE_GLOBAL int pending_end_now(struct connection *c, __u32 program, __u32 end)
{
	struct scratch *s;

	if (!c)
		return 0;
	c->end_wanted = 0;
	if (!pending_count(c))
		return 0;
	s = scratch_claim(program, settings.scratch_slots);
	if (!s) {
		pending_forget_tasks(c);
		return 0;
	}
	s->now_ns = bpf_ktime_get_ns();
	s->outgoing = c->role == ROLE_SERVER;
	pending_finish_all(c, s, end);
	scratch_release(s);
	return 0;
}

/* The answering half is lost while somebody is at work in it: what is pending ends here, or with that work. */
static __always_inline void pending_end_soon(struct connection *c, __u32 program)
{
	struct half *half = answering_half(c);

	c->answers_lost = 1;
	c->end_wanted = 1;
	server_goes_blind(c);
	if (!half_claim(half))
		return;
	if (c->end_wanted)
		pending_end_now(c, program, END_LOST);
	half_release(half);
}

/* End of work in a half. */
static __always_inline void half_done(struct connection *c, struct half *half, __u32 program)
{
	if (c->end_wanted && half == answering_half(c))
		pending_end_now(c, program, END_LOST);
	half_release(half);
	if (c->end_wanted && half == answering_half(c))
		pending_end_soon(c, program);
}

/* The socket is no more, and nobody is at work in it. */
WIRE_GLOBAL int connection_gone(struct connection *c)
{
	if (!c)
		return 0;
	if (half_claim(answering_half(c))) /* else a sweep is ending it just now */
		pending_end_now(c, PROGRAM_STATE, END_CLOSED);
	if (is_multiplexed(c))
		streams_closed(c);
	kafka_closed(c);
	blind_ends(c);
	reader_leaves(c);
	partial_drop(partial_key(c->id, false));
	partial_drop(partial_key(c->id, true));
	return 0;
}

static __always_inline void address_of(const struct sock *sk, __u8 *local, __u8 *peer, const bool probed)
{
	if (KERNEL_FIELD(probed, sk, __sk_common.skc_family) == AF_INET6) {
		BPF_CORE_READ_INTO((struct in6_addr *)local, sk, __sk_common.skc_v6_rcv_saddr);
		BPF_CORE_READ_INTO((struct in6_addr *)peer, sk, __sk_common.skc_v6_daddr);
		return;
	}
	__builtin_memset(local, 0, 10);
	__builtin_memset(peer, 0, 10);
	local[10] = local[11] = peer[10] = peer[11] = 0xff;
	*(__be32 *)(local + 12) = KERNEL_FIELD(probed, sk, __sk_common.skc_rcv_saddr);
	*(__be32 *)(peer + 12) = KERNEL_FIELD(probed, sk, __sk_common.skc_daddr);
}

/* Once a connection, and when the table has changed; a function of its own: its stack is not that of every call. */
WIRE_GLOBAL int connection_destination(struct connection *c)
{
	__u32 generation = destinations_now(); /* before the table: a newer one is noticed then */

	if (!c)
		return 0;
	c->destination = destination_allows(c->peer_address);
	c->destination_generation = generation;
	return 0;
}

/* Fresh storage becomes the state of this socket, all but its id. */
static __always_inline void connection_init(struct connection *c, const struct sock *sk, __u32 tgid,
					    struct process_entry *p, const bool probed)
{
	c->owner_tgid = tgid;
	c->generation = p->generation;
	address_of(sk, c->local_address, c->peer_address, probed);
	c->local_port = KERNEL_FIELD(probed, sk, __sk_common.skc_num);
	c->peer_port = __builtin_bswap16(KERNEL_FIELD(probed, sk, __sk_common.skc_dport));
	connection_destination(c);
	c->membership = propagation_enrols() && !(p->flags & PROCESS_NEVER_ENROL) ? MEMBER_WANTED : MEMBER_NO;
	__sync_fetch_and_add(&p->connections, 1);
}

/*
 * Nothing about its position is certain any more; what waits on it ends as `end` says. Rare, and so a function of its
 * own: its stack is not that of every call.
 */
WIRE_GLOBAL int connection_restart(struct connection *c, struct process_entry *p, struct scratch *s, __u32 end)
{
	bool other_protocol;

	if (!c || !p || !s)
		return 0;
	other_protocol = c->upgrade && !is_multiplexed(c);
	if (c->membership != MEMBER_NO && c->membership != MEMBER_WANTED)
		emit_socket(c, s, SOCKET_RELEASE, INJECTION_NOT_MEMBER, -1);
	pending_finish_all(c, s, end);
	kafka_closed(c);
	if (is_multiplexed(c) || c->protocol == PROTOCOL_KAFKA)
		c->protocol = PROTOCOL_UNKNOWN; /* where its frames begin is to be found anew */
	if (c->generation != p->generation) {
		if (answers_change(c, ANSWERS_PLAIN, ANSWERS_NONE)) /* taken out with the tracing before */
			c->answers_left = 0;
		c->role = ROLE_UNKNOWN;
		c->role_certain = 0;
		c->join_failures = 0;
		c->membership = MEMBER_WANTED;
		c->receive.parked = c->send.parked = 0;
	} else {
		c->role_certain = 1; /* it has had an exchange */
		if (other_protocol)
			c->receive.parked = c->send.parked = PARK_UPGRADE;
	}
	if (c->blind != ((__u64)p->generation << 32 | c->owner_tgid))
		blind_ends(c); /* else it was accepted before this tracing began, and is not followed yet */
	c->joining = 1;
	barrier(); /* on_accepted_before asks for both */
	c->generation = p->generation;
	c->answers_lost = c->answer_begun = c->answer_kept = 0;
	c->pending_begin = c->pending_end;
	c->bulk_score = 0;
	c->overwritten = c->judged = 0;
	c->upgrade = UPGRADE_NONE;
	c->rejoins = 0;
	c->asked = 0;
	c->receive.known = c->send.known = 0;
	c->receive.begun = c->send.begun = 0;
	c->receive.http1.state = c->send.http1.state = HTTP1_START;
	if (!propagation_enrols() || (p->flags & PROCESS_NEVER_ENROL) || c->membership == MEMBER_NO)
		c->membership = MEMBER_NO;
	else
		c->membership = MEMBER_WANTED;
	/* Whatever comes on it is not followed until it is joined again. */
	if (c->role_certain)
		server_goes_blind(c);
	return 0;
}

/*
 * A call moved the bytes that end at sequence number `end` through this half. False: nothing to parse. Otherwise
 * s->offset says how many of them were parsed before (by sk_msg).
 */
static __always_inline bool position(struct connection *c, struct half *half, struct scratch *s, __u32 end,
				     bool other_idle)
{
	struct half *other = half == &c->send ? &c->receive : &c->send;
	__u32 start = end - s->total;
	__s32 ahead = (__s32)(half->next_seq - start);

	if (!half->known) {
		struct process_entry *p;

		/* Mid-life: a request may begin only while the other direction rests; a response, once one waits. */
		bool begins = other->known ? pending_count(c) > 0 && other->http1.state == HTTP1_START : other_idle;

		if (c->role_certain && half == answering_half(c) && !pending_count(c))
			begins = false; /* a late answer to what has been given up */
		if (c->joining && !s->outgoing) {
			p = process_get(c->owner_tgid);
			if (p)
				blind_begins(c, p, c->owner_tgid);
		}
		if (!c->joining || !begins)
			return false;
		half->known = 1;
		half->http1.state = HTTP1_START;
		ahead = 0;
	}
	half->next_seq = end;
	if (ahead == 0)
		return true;
	if (ahead > 0) { /* parsed before: by sk_msg, when the socket was a member */
		if (!s->outgoing) {
			park(c, half, s, PARK_CONCURRENT);
			return false;
		}
		if ((__u32)ahead >= s->total) {
			half->next_seq = start + ahead;
			return false;
		}
		s->offset = ahead;
		return true;
	}
	if (half->http1.state == HTTP1_BODY_UNTIL_CLOSE ||
	    (http1_in_data(&half->http1) && (__u64) - (__s64)ahead <= half->http1.left)) {
		enum http1_event event;

		/* Bytes of a body that no hook saw. The message may not end in them: its end has to be noticed. */
		if (half->http1.state == HTTP1_BODY_UNTIL_CLOSE || (__u64) - (__s64)ahead < half->http1.left) {
			half->body_bytes += http1_skip_data(&half->http1, -(__s64)ahead, &event);
			count_fault(s->program, FAULT_BODY_GAP);
			return true;
		}
	}
	park(c, half, s, PARK_POSITION_LOST);
	return false;
}

#endif
