/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * What the agent asks for about all connections at once: ending what has been idle for too long, taking the sockets of
 * a process out of the hash.
 */
#ifndef WEFT_PROGRAMS_ITERATORS_H
#define WEFT_PROGRAMS_ITERATORS_H

#include "programs/capture.h"
#include "maps/members.h"
#include "maps/tls.h"

struct sweep_order sweep = {};

/*
 * A connection on which nothing has moved since then is idle. Streams may be silent for long (a watch, a subscription)
 * on a connection that lives.
 */
static __always_inline __u64 sweep_before(const struct connection *c)
{
	return is_multiplexed(c) ? sweep.streams_before_ns : sweep.idle_before_ns;
}

/*
 * What waits on c ends, for good when `stop`. Otherwise the connection is joined again at its next exchange, but for a
 * multiplexed one, where a late answer says by its number that it belongs to nobody any more.
 */
static __always_inline void sweep_finish(struct connection *c, __u32 end, bool stop)
{
	__u64 before = stop ? sweep.idle_before_ns : sweep_before(c);
	struct process_entry *p = process_get(c->owner_tgid);
	struct scratch *s;

	if (!pending_count(c) || !half_claim(&c->receive))
		return;
	if (!half_claim(&c->send)) {
		half_release(&c->receive);
		return;
	}
	if (!sweep.release_tgid && c->last_ns >= before)
		goto out; /* something has come meanwhile */
	if (is_multiplexed(c) && !stop) {
		pending_end_now(c, PROGRAM_ITERATOR, end);
		goto out;
	}
	/* What is parked for its bytes stays so, and what waits for a late word on an upgrade may be anything by then.
	 */
	stop = stop || !p || c->receive.parked || c->send.parked || c->upgrade == UPGRADE_ASKED;
	s = stop ? NULL : scratch_claim(PROGRAM_ITERATOR, settings.scratch_slots);
	if (s) {
		s->now_ns = bpf_ktime_get_ns();
		s->outgoing = c->role == ROLE_SERVER;
		connection_restart(c, p, s, end);
		scratch_release(s);
	} else {
		c->answers_lost = 1; /* a late response belongs to nobody now */
		answering_half(c)->parked = PARK_POSITION_LOST;
		server_goes_blind(c);
		pending_end_now(c, PROGRAM_ITERATOR, end);
	}
out:
	half_release(&c->send);
	half_release(&c->receive);
}

/* Nothing has moved for long, and nothing is on its way. */
static __always_inline bool sweep_is_idle(const struct connection *c, struct sock *sk)
{
	const struct tcp_sock *tp;

	if (c->last_ns >= sweep_before(c))
		return false;
	tp = bpf_skc_to_tcp_sock(sk);
	return !tp || tp->write_seq == tp->snd_una;
}

/* Is it to leave the hash, because an event about it was lost or for what its process did? */
static __always_inline bool sweep_releases(const struct connection *c)
{
	struct process_entry *p;

	if (c->membership == MEMBER_RELEASED)
		return true;
	if (c->membership != MEMBER_YES && c->membership != MEMBER_JOINED)
		return false;
	if (c->send.parked)
		return true;
	p = process_get(c->owner_tgid);
	return p && (p->flags & PROCESS_NEVER_ENROL);
}

static __always_inline void sweep_release(struct connection *c)
{
	__u64 id = c->id;

	if (c->membership != MEMBER_RELEASED)
		c->membership = MEMBER_RELEASED;
	bpf_map_delete_elem(&members, &id);
}

/* Out of the hash of answerers when it is leaving, or at once: then it is in this state. */
static __always_inline void sweep_answerer(struct connection *c, bool leaving, __u32 state)
{
	__u64 id = c->answer_key;

	if (!id || (leaving && !answers_gone(c)))
		return;
	if (!leaving)
		__sync_lock_test_and_set(&c->answers, state);
	bpf_map_delete_elem(&answerers, &id);
}

/* Whatever may have been served there when it was met is over as any other request would be. */
static __always_inline void sweep_blind(struct connection *c)
{
	bool followed = c->generation == c->blind >> 32; /* else what is parked there is of an earlier tracing */

	if (!c->blind || c->last_ns >= sweep.idle_before_ns)
		return;
	if (!followed || !(c->role_certain || c->receive.parked || c->send.parked)) /* those are blind for longer */
		blind_ends(c);
}

/* Accepted, and nothing has been read from it: nobody knows whose it is, and its next request may bring it back. */
static __always_inline void sweep_unread(struct connection *c)
{
	if (sweep.release_tgid && !sweep.keep_answers)
		sweep_answerer(c, false, ANSWERS_NONE);
}

/* The accepted sockets of a process leave the hash; where only that ends, those that it accepts later are none either.
 */
static __always_inline void sweep_answers(struct connection *c)
{
	if (sweep.keep_answers)
		return;
	sweep_answerer(c, false, ANSWERS_PLAIN);
	if (sweep.keep_observing)
		listener_tell(c->listener, 0, true);
}

/* What its client connections of HTTP/2 have shown of their process. */
static __always_inline void sweep_writers(const struct connection *c)
{
	struct process_entry *p;

	if (!is_multiplexed(c) || c->role != ROLE_CLIENT)
		return;
	p = process_get(c->owner_tgid);
	if (p)
		writer_is_told(c, p);
}

/* Of a socket that process `tgid` has open. */
static __always_inline void sweep_connection(struct connection *c, struct sock *sk, __u32 tgid)
{
	if (c->owner_tgid == tgid) /* others may have it open, too */
		sweep.seen++;
	if (sweep.release_tgid && (sweep.release_tgid == c->owner_tgid || sweep.release_tgid == ~0u)) {
		if (!sweep.keep_observing)
			c->send.parked = PARK_FOREIGN_OWNER;
		c->rejoins = 0;
		sweep_answers(c);
		if (c->membership != MEMBER_NO && c->membership != MEMBER_WANTED)
			sweep_release(c);
		if (!sweep.keep_observing)
			sweep_finish(c, END_LOST, true);
		return;
	}
	if (sweep_releases(c))
		sweep_release(c);
	sweep_answerer(c, true, 0);
	sweep_writers(c);
	if (sweep_is_idle(c, sk)) {
		if (pending_count(c) && !is_multiplexed(c) && c->membership != MEMBER_NO &&
		    c->membership != MEMBER_WANTED)
			sweep_release(c);
		sweep_finish(c, END_TIMEOUT, false);
	}
}

/* Of an open file; NULL: it is none. */
static __always_inline struct sock *sock_of_file(struct file *file)
{
	struct socket *socket = file ? bpf_sock_from_file(file) : NULL;

	return socket ? socket->sk : NULL;
}

/*
 * Over the open files of one process. Iterators over the elements of a map would find sockets that no process has open,
 * too, but some kernels refuse them all: they hand out memory that can be written to.
 */
SEC("iter/task_file")
int on_sweep(struct bpf_iter__task_file *context)
{
	struct task_struct *task = context->task;
	struct sock *sk = sock_of_file(context->file);
	struct connection *c;

	if (!task || !sk)
		return 0;
	c = connection_get(sk);
	if (!c)
		return 0;
	c->swept = sweep.number;
	sweep_blind(c);
	if (c->id)
		sweep_connection(c, sk, task->tgid);
	else
		sweep_unread(c);
	return 0;
}

static __always_inline bool accepted_is_followed(const struct connection *c, const struct process_entry *p, __u32 tgid)
{
	return *(volatile __u64 *)&c->id && *(volatile __u32 *)&c->generation == p->generation &&
	       !*(volatile __u8 *)&c->joining && c->owner_tgid == tgid;
}

/*
 * Over those of a process that is traced from now on: what it has accepted before may be served just now. An accepted
 * socket has its listener's backlog (a copy, see sk_clone), others have none.
 */
SEC("iter/task_file")
int on_accepted_before(struct bpf_iter__task_file *context)
{
	struct task_struct *task = context->task;
	struct sock *sk = sock_of_file(context->file);
	struct process_entry *p, *other;
	struct connection *c;
	__u64 whose;

	if (!task || !sk || !is_tcp(sk, false) || !sk->sk_max_ack_backlog)
		return 0;
	if (sk->__sk_common.skc_state != TCP_ESTABLISHED && sk->__sk_common.skc_state != TCP_CLOSE_WAIT)
		return 0;
	p = process_get(task->tgid);
	if (!p)
		return 0;
	c = connection_create(sk);
	if (!c) {
		count_fault(PROGRAM_ITERATOR, FAULT_STORAGE);
		__sync_fetch_and_add(&p->blind, 1); /* when it ends will not be known */
		return 0;
	}
	if (accepted_is_followed(c, p, task->tgid))
		return 0;
	/* Several may have it open: it counts for the first of them. */
	whose = c->blind;
	other = whose ? process_get(whose) : NULL;
	if (other && other->generation == whose >> 32)
		return 0;
	c->last_ns = bpf_ktime_get_ns();
	c->accepted = 1;
	blind_ends(c);
	blind_begins(c, p, task->tgid);
	if (accepted_is_followed(c, p, task->tgid))
		blind_ends(c); /* it has begun meanwhile */
	return 0;
}

/*
 * Under SETTING_HASH, behind on_sweep: connections whose socket is gone without a word (on_destroy does not run where
 * it interrupts itself) are among no files.
 */
static long sweep_left_step(struct bpf_map *map, __u64 *address, struct connection *c, void *nothing)
{
	const struct tcp_sock *tp;

	if (!c || !address || c->swept == sweep.number || c->last_ns >= sweep.idle_before_ns)
		return 0;
	tp = (const struct tcp_sock *)*address; /* or what is there now, of which bytes may be on their way, too */
	if (KERNEL_FIELD(true, tp, write_seq) != KERNEL_FIELD(true, tp, snd_una))
		return 0;
	if (c->id)
		sweep_finish(c, END_TIMEOUT, true);
	blind_ends(c); /* nobody who is traced could be served there */
	return 0;
}

SEC("syscall")
int sweep_left(void *context)
{
	__u64 nothing = 0;

	bpf_for_each_map_elem(&connections_by_address, sweep_left_step, &nothing, 0);
	return 0;
}

/* The same for what is kept beside a socket. What has timed out there is not followed any
 * more, but for a multiplexed one. */
static long sweep_tls_step(struct bpf_map *map, __u64 *socket, struct connection *c, void *nothing)
{
	if (!c)
		return 0;
	if (c->seen) {
		tls_connection_end(*socket);
		return 0;
	}
	if (sweep.release_tgid) {
		if (!sweep.keep_observing && (sweep.release_tgid == c->owner_tgid || sweep.release_tgid == ~0u)) {
			sweep_finish(c, END_LOST, true);
			tls_connection_end(*socket); /* its socket may have gone without a word, or is joined anew */
		}
		return 0;
	}
	sweep_blind(c);
	if (c->last_ns < sweep_before(c))
		sweep_finish(c, END_TIMEOUT, !is_multiplexed(c));
	return 0;
}

SEC("syscall")
int sweep_tls(void *context)
{
	void *connections = late_table(&tls_connections);
	__u64 nothing = 0;

	if (connections)
		bpf_for_each_map_elem(connections, sweep_tls_step, &nothing, 0);
	return 0;
}

#endif
