/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/* sk_msg: what a member socket is about to send. Position, room and verdict here; what the bytes mean in the protocol.
 */
#ifndef WEFT_PROGRAMS_MESSAGE_H
#define WEFT_PROGRAMS_MESSAGE_H

#include "lib/message.h"
#include "protocols/table.h"

/* From here on this socket's sends pass unseen. Never SK_DROP: it sticks. */
static __always_inline int message_let_go(struct sk_msg_md *m)
{
	bpf_msg_apply_bytes(m, MESSAGE_FOREVER);
	return SK_PASS;
}

static __always_inline int message_park(struct sk_msg_md *m, struct connection *c, __u32 reason)
{
	c->send.parked = reason;
	count_parked(PROGRAM_MESSAGE, reason);
	kafka_closed(c);
	c->membership = MEMBER_RELEASED;
	emit_release(c, c->id);
	return message_let_go(m);
}

/* Membership ends, the requests are followed on by the send hook. */
static __always_inline void message_release(struct connection *c, struct scratch *s, __u32 reason)
{
	if (c->membership != MEMBER_YES)
		return;
	c->rejoins = 0;
	c->membership = MEMBER_RELEASED;
	emit_socket(c, s, SOCKET_RELEASE, reason, -1);
}

/* The same until the exchange is over: see message_will_wait. */
static __always_inline void message_release_for_now(struct connection *c, struct scratch *s)
{
	if (c->membership != MEMBER_YES)
		return;
	message_release(c, s, INJECTION_BULK);
	c->rejoins = 1;
}

/*
 * In the hash, no member yet: a message that begins where we are makes it one. Others pass, and are followed by the
 * send hook.
 */
static __always_inline bool message_adopt(struct connection *c, const struct tcp_sock *tp,
					  const struct process_entry *p)
{
	if (!c->send.known || c->send.claimed || c->send.http1.state != HTTP1_START ||
	    c->send.next_seq != tp->write_seq || socket_may_zerocopy(tp) || (p->flags & PROCESS_NEVER_ENROL))
		return false;
	c->overwritten = c->judged = 0;
	c->membership = MEMBER_YES;
	return true;
}

/* Body bytes that each request may send without being taken for a bulk sender. */
#define BULK_ALLOWANCE 262144u

/* Uploads are not to pay for membership: a sender of bodies without end is taken out of the hash. */
static __always_inline void message_bulk(struct connection *c, struct scratch *s, __u64 body_bytes)
{
	c->bulk_score += body_bytes;
	if (c->bulk_score >= settings.bulk_bytes)
		message_release(c, s, INJECTION_BULK);
}

static __always_inline int message_parse(struct sk_msg_md *m, struct connection *c, struct process_entry *p,
					 struct tcp_sock *tp, struct scratch *s)
{
	__u32 position = tp->write_seq, size = m->size, scatter, take, protocol;
	__s32 ahead = (__s32)(c->send.next_seq - position);
	struct message *message = &s->message;
	/* Each piece of a zero-copy send is a notification of its own: those are never cut. */
	bool whole;

	message->size = size;
	message->space = message_space(tp);
	message->windowed = 0;
	message_look(m, message);
	message->zerocopy = whole = message_zerocopy(tp);
	if (whole) { /* each element of a member's message is a notification of its own: at least make them one */
		message_pull(m, message, 0, size);
		message_release(c, s, INJECTION_ZEROCOPY);
	} else if (message->unsafe) {
		count_parked(PROGRAM_MESSAGE, PARK_UNSAFE_CALL);
		message_release(c, s, INJECTION_NOT_MEMBER);
	}
	message->cut = message->changed = message->rolled_back = message->failed = 0;
	message->heads = message->body = 0;
	message->head_at = -1;
	scatter = message->scatter;
	if (ahead < 0) {
		__u32 gap = -ahead;
		if (!http1_in_data(&c->send.http1) || gap >= c->send.http1.left)
			return message_park(m, c, PARK_POSITION_LOST);
		c->send.http1.left -= gap;
		count_fault(PROGRAM_MESSAGE, FAULT_BODY_GAP);
		ahead = 0;
	}
	if ((__u32)ahead >= size)
		goto fit; /* sent again after EAGAIN: parsed before */
	if (ahead > 0 && !whole && message_need(ahead, scatter) > message->space) {
		bpf_msg_apply_bytes(m, message_portion(ahead, message->space, scatter));
		return SK_PASS;
	}
	take = size - ahead;
	if (http1_in_data(&c->send.http1) && c->send.http1.left > take) {
		c->send.http1.left -= take;
		c->send.body_bytes += take;
		c->send.next_seq = position + size;
		http1_request_body(c, &c->send);
		message_bulk(c, s, take);
		goto fit;
	}
	message->offset = ahead;
	if (c->destination_generation != destinations_now())
		connection_destination(c);
	protocol = *(volatile __u8 *)&c->protocol;
	__builtin_memcpy(&s->half, &c->send, sizeof(s->half));
	protocol_message(m, c, s, p, protocol);
	if (message->failed)
		return message_park(m, c, message->failed);
	/* Not the whole half: others claim it and park it. */
	__builtin_memcpy(&c->send.http1, &s->half.http1, sizeof(s->half.http1));
	c->send.body_bytes = s->half.body_bytes;
	take = message->heads * BULK_ALLOWANCE;
	c->bulk_score = c->bulk_score > take ? c->bulk_score - take : 0;
	message_bulk(c, s, message->body);
	/* A body that is known not to fit: let go before it begins, so that an acknowledgement comes before the wait.
	 */
	if (message->heads && c->send.http1.state == HTTP1_BODY &&
	    message_will_wait(tp, (message->cut ? message->cut : message->size) + c->send.http1.left, message->space,
			      message->scatter)) {
		message_bulk(c, s, c->send.http1.left); /* it will go by unseen: to be counted now */
		message_release_for_now(c, s);
	}
	if (message->cut) {
		take = message->cut;
		c->send.next_seq = position + take;
		scatter = message->scatter;
		if (whole) /* never cut: the rest is for the send hook, as the socket is no member any more */
			return SK_PASS;
		/* What has been changed was found to fit; what is untouched may not. */
		if ((message->rolled_back || !message->changed) && message_need(take, scatter) > message->space)
			take = message_portion(take, message->space, scatter);
		bpf_msg_apply_bytes(m, take);
		return SK_PASS;
	}
	size = message->size;
	scatter = message->scatter;
	c->send.next_seq = position + size;
fit:
	/*
	 * A send that ends with EAGAIN leaves the verdict stuck for apply_bytes, undiminished, or for the whole next
	 * send when that is 0. With a portion of what is parsed, all bytes that a stuck verdict can pass have been
	 * seen.
	 */
	if (whole || message_need(size, scatter) <= message->space)
		return SK_PASS;
	bpf_msg_apply_bytes(m, message_portion(size, message->space, scatter));
	if (message_will_wait(tp, size, message->space, scatter))
		message_release_for_now(c, s);
	return SK_PASS;
}

/*
 * In the hash and no member yet, in the middle of a body for one: does this send have one of the hazards of a member?
 * (PROCESS_NEVER_ENROL is left to the sweep that follows it.)
 */
static __always_inline bool message_must_go(struct sk_msg_md *m, const struct connection *c, const struct tcp_sock *tp)
{
	__u64 left = http1_in_data(&c->send.http1) ? c->send.http1.left : 0;

	return socket_may_zerocopy(tp) || message_unsafe_call(tp, message_registers()) ||
	       message_will_wait(tp, m->size + left, message_space(tp), SCATTER_MAX);
}

/* A function of its own: on_message has the deepest stack of all, and Linux 6.1 counts it in steps of 32 bytes. */
static __noinline int message_leave(struct sk_msg_md *m, struct connection *c, const struct tcp_sock *tp,
				    struct scratch *s)
{
	c->membership = MEMBER_RELEASED;
	c->rejoins = !socket_may_zerocopy(tp) && !message_unsafe_call(tp, message_registers());
	emit_socket(c, s, SOCKET_RELEASE, INJECTION_JOINING, -1);
	return message_let_go(m);
}

SEC("sk_msg")
int on_message(struct sk_msg_md *m)
{
	__u64 thread = bpf_get_current_pid_tgid();
	const struct pt_regs *regs;
	struct bpf_sock *sk = m->sk;
	struct process_entry *p;
	struct connection *c;
	struct tcp_sock *tp;
	struct scratch *s;
	bool adopted;
	int verdict;

	if (!sk)
		return SK_PASS;
	/* Both stick from the last run. */
	bpf_msg_apply_bytes(m, 0);
	bpf_msg_cork_bytes(m, 0);
	c = connection_get(sk);
	if (!c || c->send.parked || (c->membership != MEMBER_YES && c->membership != MEMBER_JOINED))
		return message_let_go(m);
	p = process_get(thread >> 32);
	if (!p || p->generation != c->generation)
		return message_park(m, c, PARK_FOREIGN_OWNER);
	tp = bpf_skc_to_tcp_sock(sk);
	if (!tp)
		return SK_PASS;
	adopted = c->membership == MEMBER_YES || message_adopt(c, tp, p);
	if (!adopted && !message_must_go(m, c, tp))
		return SK_PASS;
	s = scratch_claim(PROGRAM_MESSAGE, settings.scratch_slots);
	if (!s) {
		count_injection(c->protocol, INJECTION_NO_SCRATCH);
		return message_park(m, c, PARK_NO_SCRATCH);
	}
	s->now_ns = bpf_ktime_get_ns();
	s->pid_tgid = thread;
	s->task.owner = s->pid_tgid;
	s->task.goroutine = 0;
	s->outgoing = 1;
	regs = message_registers();
	s->by_io_uring = message_by_io_uring(regs);
	s->message.unsafe = message_unsafe_call(tp, regs);
	s->text_loaded = 0;
	c->last_ns = s->now_ns;
	if (adopted)
		verdict = message_parse(m, c, p, tp, s);
	else
		verdict = message_leave(m, c, tp, s);
	scratch_release(s);
	return verdict;
}

#endif
