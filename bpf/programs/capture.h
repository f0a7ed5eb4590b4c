/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * The one handler that every flavour of the receive and send hooks calls, after the call, in process context: whose
 * bytes are they, are they where they should be, then on to the protocol.
 */
#ifndef WEFT_PROGRAMS_CAPTURE_H
#define WEFT_PROGRAMS_CAPTURE_H

#include "protocols/table.h"

static __always_inline bool is_tcp(const struct sock *sk)
{
	__u16 family = sk->__sk_common.skc_family;

	return (family == AF_INET || family == AF_INET6) && sk->sk_protocol == IPPROTO_TCP;
}

/* Nothing has been sent and nothing but this call received (or the other way round): the stream begins here. */
static __always_inline bool stream_begins(const struct tcp_sock *tp, bool outgoing, __u32 bytes, bool closed)
{
	__u64 received = tp->bytes_received - (__u32)(tp->rcv_nxt - tp->copied_seq);
	__u64 sent = tp->bytes_acked + (__u32)(tp->write_seq - tp->snd_una);

	if (outgoing)
		return received == 0 && sent <= bytes + 1ULL && sent >= bytes;
	/* The end of the stream counts as one. */
	return (received == bytes || (closed && received == bytes + 1ULL)) && sent <= 1;
}

static __always_inline bool is_nonblocking(const struct sock *sk, int flags)
{
	return (flags & MSG_DONTWAIT) || (sk->sk_socket && (sk->sk_socket->file->f_flags & O_NONBLOCK));
}

/* First sight of a socket by a traced process, or of one known from an earlier tracing. */
static __always_inline bool connection_seen(struct connection *c, struct sock *sk, const struct tcp_sock *tp,
					    struct scratch *s, struct process_entry *p)
{
	if (!c->id) {
		connection_init(c, sk, bpf_get_socket_cookie(sk), s->pid_tgid >> 32, p);
		bool closed = sk->sk_shutdown & RCV_SHUTDOWN;

		c->joining = !stream_begins(tp, s->outgoing, s->total, closed);
		if (!c->joining) {
			c->send.known = c->receive.known = 1;
			c->send.next_seq = tp->write_seq - (s->outgoing ? s->total : 0);
			c->receive.next_seq = tp->copied_seq - (s->outgoing ? 0 : s->total);
			if (closed && !s->outgoing &&
			    tp->bytes_received - (__u32)(tp->rcv_nxt - tp->copied_seq) == s->total + 1ULL)
				c->receive.next_seq--;
			if (c->membership == MEMBER_WANTED)
				c->membership = MEMBER_NO; /* accepted, or never enrolled at connect */
		}
	}
	if (c->owner_tgid != s->pid_tgid >> 32)
		c->owner_tgid = s->pid_tgid >> 32; /* passed on, or inherited by a child */
	if (c->generation != p->generation)
		connection_restart(c, p, s, END_LOST);
	return true;
}

/* Two at once in one direction, or no memory to look at the bytes: it cannot be followed any more. */
static __always_inline int capture_lost(struct connection *c, struct half *half, __u32 program, __u32 reason)
{
	half->parked = reason;
	count_parked(program, reason);
	server_goes_blind(c);
	if (half == answering_half(c))
		pending_end_soon(c, program);
	return 0;
}

/* `bytes` > 0 have gone through the socket. With `hidden` they are not where the system call says. */
static __always_inline int capture_bytes(struct sock *sk, struct connection *c, struct process_entry *p, __u32 bytes,
					 int flags, bool outgoing, bool hidden)
{
	struct tcp_sock *tp = bpf_skc_to_tcp_sock(sk);
	struct half *half = outgoing ? &c->send : &c->receive;
	__u32 end, program = outgoing ? PROGRAM_SEND : PROGRAM_RECEIVE;
	struct scratch *s;
	bool idle;

	if (!tp)
		return 0;
	if (outgoing && c->membership == MEMBER_YES && c->generation == p->generation) {
		__u32 sent = *(volatile __u32 *)&tp->write_seq; /* before next_seq, which another thread may move on */

		c->last_ns = bpf_ktime_get_ns();
		if ((__s32)(*(volatile __u32 *)&c->send.next_seq - sent) >= 0)
			return 0;	       /* seen by sk_msg */
		c->membership = MEMBER_JOINED; /* it is not in the hash any more, or this call was under way before */
	}
	if (!half_claim(half))
		return capture_lost(c, half, program, PARK_CONCURRENT);
	s = scratch_claim(program, settings.scratch_slots);
	if (!s) {
		half_release(half);
		return capture_lost(c, half, program, PARK_NO_SCRATCH);
	}
	s->now_ns = bpf_ktime_get_ns();
	s->pid_tgid = bpf_get_current_pid_tgid();
	s->total = bytes;
	s->offset = 0;
	s->outgoing = outgoing;
	s->text_loaded = 0;
	s->hidden = hidden;
	s->nonblocking = is_nonblocking(sk, flags);
	connection_seen(c, sk, tp, s, p);
	c->last_ns = s->now_ns;
	if (half->parked)
		goto out;
	end = outgoing ? tp->write_seq : tp->copied_seq;
	/* The end of the stream counts as one, and may be taken along with the last bytes. */
	if (!outgoing && (sk->sk_shutdown & RCV_SHUTDOWN) && half->known && end == half->next_seq + s->total + 1)
		end--;
	idle = outgoing ? tp->rcv_nxt == tp->copied_seq : tp->write_seq == tp->snd_una;
	if (position(c, half, s, end, idle)) {
		s->source.count = 0;
		if (!s->hidden)
			source_of_syscall(&s->source, s->total, outgoing);
		protocol_observe(c, s, p);
	}
out:
	scratch_release(s);
	half_done(c, half, program);
	return 0;
}

/* The peer has closed: a response that lasts until then is complete. */
static __always_inline int capture_end_of_stream(struct connection *c)
{
	struct scratch *s;

	if (c->role != ROLE_CLIENT || c->receive.http1.state != HTTP1_BODY_UNTIL_CLOSE || !half_claim(&c->receive))
		return 0;
	s = scratch_claim(PROGRAM_RECEIVE, settings.scratch_slots);
	if (s) {
		s->now_ns = bpf_ktime_get_ns();
		s->outgoing = 0;
		c->receive.http1.state = HTTP1_START;
		http1_answered(c, s, END_COMPLETE, false);
		scratch_release(s);
	}
	half_done(c, &c->receive, PROGRAM_RECEIVE);
	return 0;
}

static __always_inline int capture(struct sock *sk, int result, int flags, bool outgoing)
{
	struct process_entry *p = process_get(bpf_get_current_pid_tgid() >> 32);
	struct connection *c;

	if (!p || result < 0 || (flags & (MSG_PEEK | MSG_ERRQUEUE)) || !is_tcp(sk))
		return 0;
	if (result == 0) {
		c = outgoing ? NULL : connection_get(sk);
		return c ? capture_end_of_stream(c) : 0;
	}
	c = connection_create(sk);
	if (!c) {
		count_fault(outgoing ? PROGRAM_SEND : PROGRAM_RECEIVE, FAULT_STORAGE);
		return 0;
	}
	return capture_bytes(sk, c, p, result, flags, outgoing, !outgoing && (flags & MSG_TRUNC));
}

#endif
