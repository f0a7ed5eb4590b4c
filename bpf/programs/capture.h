/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * The one handler that every flavour of the receive and send hooks calls, after the call, in process context: whose
 * bytes are they, are they where they should be, then on to the protocol.
 */
#ifndef WEFT_PROGRAMS_CAPTURE_H
#define WEFT_PROGRAMS_CAPTURE_H

#include "programs/openssl_socket.h"
#include "protocols/table.h"

static __always_inline bool is_tcp(const struct sock *sk, const bool probed)
{
	__u16 family = KERNEL_FIELD(probed, sk, __sk_common.skc_family);

	return (family == AF_INET || family == AF_INET6) && KERNEL_FIELD(probed, sk, sk_protocol) == IPPROTO_TCP;
}

/* Bytes of the stream that have been read from the socket. Others may arrive just now: counted first, then numbered. */
static __always_inline __u64 bytes_taken(const struct tcp_sock *tp, const bool probed)
{
	__u32 next = KERNEL_FIELD(probed, tp, rcv_nxt), now;
	__u64 received = KERNEL_FIELD(probed, tp, bytes_received);

	barrier();
	now = KERNEL_FIELD(probed, tp, rcv_nxt);
	if (now != next) {
		received = KERNEL_FIELD(probed, tp, bytes_received);
		next = now;
	}
	return received - (__u32)(next - KERNEL_FIELD(probed, tp, copied_seq));
}

/* Nothing has been sent and nothing but this call received (or the other way round): the stream begins here. */
static __always_inline bool stream_begins(const struct tcp_sock *tp, bool outgoing, __u32 bytes, bool closed,
					  const bool probed)
{
	__u64 received = bytes_taken(tp, probed);
	__u64 sent = KERNEL_FIELD(probed, tp, bytes_acked) +
		     (__u32)(KERNEL_FIELD(probed, tp, write_seq) - KERNEL_FIELD(probed, tp, snd_una));

	if (outgoing)
		return received == 0 && sent <= bytes + 1ULL && sent >= bytes;
	/* The end of the stream counts as one. */
	return (received == bytes || (closed && received == bytes + 1ULL)) && sent <= 1;
}

static __always_inline bool is_nonblocking(const struct sock *sk, int flags, const bool probed)
{
	const struct socket *socket;

	if (flags & MSG_DONTWAIT)
		return true;
	socket = KERNEL_FIELD(probed, sk, sk_socket);
	if (!socket)
		return false;
	if (probed)
		return BPF_CORE_READ(socket, file, f_flags) & O_NONBLOCK;
	return socket->file->f_flags & O_NONBLOCK;
}

/* Of an accepted socket: can it be a member, as far as reads from it tell? See lib/answers.h. */
static __always_inline bool member_may_read(const struct sock *sk, const bool probed)
{
	unsigned long flags = KERNEL_FIELD(probed, sk, __sk_common.skc_flags);

	return is_nonblocking(sk, 0, probed) && !(flags >> bpf_core_enum_value(enum sock_flags, SOCK_ZEROCOPY) & 1);
}

/* Where kprobes see it the cookie has been made, unless the socket is older than the agent and came from elsewhere. */
static __always_inline __u64 connection_id_of(struct sock *sk, const bool probed)
{
	__u64 cookie;

	if (!probed)
		return bpf_get_socket_cookie(sk);
	cookie = KERNEL_FIELD(true, sk, __sk_common.skc_cookie.counter);
	return cookie ? cookie : CONNECTION_WITHOUT_COOKIE | new_exchange_id();
}

/*
 * Of another socket that was at this address, because on_destroy did not run where it had interrupted itself? Then it
 * is over. A function of its own for the verifier.
 */
WIRE_GLOBAL int connection_stale_ends(__u64 address, struct connection *c)
{
	const struct sock *sk = (const struct sock *)address;

	if (!c || !c->id || (c->id & CONNECTION_WITHOUT_COOKIE) ||
	    c->id == (__u64)KERNEL_FIELD(true, sk, __sk_common.skc_cookie.counter))
		return 0;
	connection_gone(c);
	connection_drop(sk);
	return 1;
}

/* First sight of a socket by a traced process: its state begins. The id is written last, and everybody else waits for
 * it. */
static __always_inline void connection_first_seen(struct connection *c, struct sock *sk, const struct tcp_sock *tp,
						  struct scratch *s, struct process_entry *p, const bool probed)
{
	__u64 id = connection_id_of(sk, probed);
	bool closed = KERNEL_FIELD(probed, sk, sk_shutdown) & RCV_SHUTDOWN;

	connection_init(c, sk, s->pid_tgid >> 32, p, probed);
	if (id & CONNECTION_WITHOUT_COOKIE)
		c->membership = MEMBER_NO; /* the agent could not find it again */
	/* Before it is known that nothing has gone the other way: something may, any moment. */
	c->send.next_seq = KERNEL_FIELD(probed, tp, write_seq) - (s->outgoing ? s->total : 0);
	c->receive.next_seq = KERNEL_FIELD(probed, tp, copied_seq) - (s->outgoing ? 0 : s->total);
	barrier();
	c->joining = !stream_begins(tp, s->outgoing, s->total, closed, probed);
	if (!c->joining) {
		c->send.known = c->receive.known = 1;
		if (closed && !s->outgoing && bytes_taken(tp, probed) == s->total + 1ULL)
			c->receive.next_seq--;
	}
	__sync_lock_test_and_set(&c->id, id);
	if (!c->joining) /* behind the id, see on_accepted_before */
		blind_ends(c);
}

/* The same behind a mere address; a function of its own for its stack. */
WIRE_GLOBAL int connection_first_probed(__u64 address, struct connection *c, struct scratch *s, struct process_entry *p)
{
	struct sock *sk = (struct sock *)address;

	if (c && s && p)
		connection_first_seen(c, sk, (struct tcp_sock *)sk, s, p, true);
	return 0;
}

static long connection_await_step(__u32 i, void *arg)
{
	struct connection *c = *(struct connection **)arg;

	return *(volatile __u64 *)&c->id ? 1 : 0;
}

/* Another processor is filling it in: a microsecond's work, for which a reader and a writer of one connection may meet.
 */
WIRE_GLOBAL int connection_await(struct connection *c)
{
	if (!c)
		return 0;
	bpf_loop(AWAIT_STEPS, connection_await_step, &c, 0);
	return *(volatile __u64 *)&c->id ? 1 : 0;
}

/* A connection that may be new, or known from an earlier tracing. False: it is new, and nothing is known of it yet. */
static __always_inline bool connection_seen(struct connection *c, struct sock *sk, const struct tcp_sock *tp,
					    struct scratch *s, struct process_entry *p, const bool probed)
{
	if (!c->id && __sync_val_compare_and_swap(&c->seen, 0, 1)) {
		if (!connection_await(c))
			return false;
	} else if (!c->id && probed) {
		connection_first_probed((__u64)sk, c, s, p);
	} else if (!c->id) {
		connection_first_seen(c, sk, tp, s, p, false);
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
	kafka_closed(c);
	server_goes_blind(c);
	if (half == answering_half(c))
		pending_end_soon(c, program);
	return 0;
}

/* `bytes` of one call are to be looked at, from 0 on. NULL: they are lost, and `half` is given back. */
static __always_inline struct scratch *capture_begin(struct connection *c, struct half *half, __u32 bytes,
						     bool outgoing)
{
	__u32 program = outgoing ? PROGRAM_SEND : PROGRAM_RECEIVE;
	/* While a connection begins, who reads may hold both halves for a moment. Asked first: it may end with that. */
	bool begins = !*(volatile __u64 *)&c->id || *(volatile __u8 *)&c->joining;
	struct scratch *s;

	if (!half_claim(half) && !(begins && half_claim_soon(half))) {
		capture_lost(c, half, program, PARK_CONCURRENT);
		return NULL;
	}
	s = scratch_claim(program, settings.scratch_slots);
	if (!s) {
		half_release(half);
		capture_lost(c, half, program, PARK_NO_SCRATCH);
		return NULL;
	}
	s->now_ns = bpf_ktime_get_ns();
	s->pid_tgid = bpf_get_current_pid_tgid();
	s->task.owner = s->pid_tgid;
	s->task.goroutine = 0;
	s->total = bytes;
	s->offset = 0;
	s->outgoing = outgoing;
	s->text_loaded = 0;
	return s;
}

static __always_inline void capture_done(struct connection *c, struct half *half, struct scratch *s)
{
	__u32 program = s->program;

	scratch_release(s);
	half_done(c, half, program);
}

/*
 * Is what was received TLS, of a process that is not known to encrypt? Then the agent looks again for a library that
 * does.
 */
WIRE_GLOBAL int capture_tls(struct connection *c, struct scratch *s, struct process_entry *p)
{
	__u32 first = 0; /* of a record: its type, handshake or data, and the version */

	if (!c || !s || !p)
		return 0;
	if (p->findings & (FINDING_OPENSSL | FINDING_TLS))
		return 0;
	if (s->source.count && s->source.segments[0].bytes >= 3 &&
	    !bpf_probe_read_user(&first, 3, (void *)s->source.segments[0].base) && (first & 0xfffe) == 0x0316)
		finding(p, FINDING_TLS);
	return 0;
}

/*
 * Where the bytes of this call are, in the stream and in memory, behind `skip` others of the same call that were seen
 * before. False: there is nothing to look at.
 */
static __always_inline bool capture_place(struct sock *sk, const struct tcp_sock *tp, struct connection *c,
					  struct scratch *s, struct process_entry *p, __u32 skip, int flags,
					  bool outgoing, const bool probed)
{
	struct half *half = outgoing ? &c->send : &c->receive;
	__u32 end;
	bool idle;

	s->nonblocking = is_nonblocking(sk, flags, probed);
	if (!connection_seen(c, sk, tp, s, p, probed))
		return false; /* bytes that are not seen: the next call's position tells */
	c->last_ns = s->now_ns;
	half->moved = 1;
	if (answer_headers && !outgoing && c->role != ROLE_CLIENT && !member_may_read(sk, probed))
		answers_forbid(c);
	if (half->parked)
		return false;
	end = outgoing ? KERNEL_FIELD(probed, tp, write_seq) : KERNEL_FIELD(probed, tp, copied_seq);
	/* The end of the stream counts as one, and may be taken along with the last bytes. */
	if (!outgoing && (KERNEL_FIELD(probed, sk, sk_shutdown) & RCV_SHUTDOWN) && half->known &&
	    end == half->next_seq + s->total + 1)
		end--;
	idle = outgoing ? KERNEL_FIELD(probed, tp, rcv_nxt) == KERNEL_FIELD(probed, tp, copied_seq)
			: KERNEL_FIELD(probed, tp, write_seq) == KERNEL_FIELD(probed, tp, snd_una);
	s->other_seq = outgoing ? KERNEL_FIELD(probed, tp, copied_seq) : KERNEL_FIELD(probed, tp, write_seq);
	source_none(&s->source, 0);
	if (!s->hidden)
		source_of_syscall(&s->source, s->total, skip, outgoing);
	if (c->joining && !outgoing && bytes_taken(tp, probed) == s->total && http2_client_speaks(c, s)) {
		s->other_seq = KERNEL_FIELD(probed, tp, write_seq); /* more may have been sent meanwhile */
		http2_client_begins(c, s, end);
	}
	if (!outgoing && c->protocol == PROTOCOL_UNKNOWN)
		capture_tls(c, s, p);
	if (outgoing && c->destination_generation != destinations_now())
		connection_destination(c);
	return position(c, half, s, end, idle);
}

/*
 * The same behind a mere address, with `skip` in the upper half of `call` and the flags in the lower. A function of its
 * own for its stack, which those that parse the bytes do not share.
 */
WIRE_GLOBAL int capture_place_probed(__u64 address, struct connection *c, struct scratch *s, struct process_entry *p,
				     __u64 call)
{
	struct sock *sk = (struct sock *)address;

	if (!c || !s || !p)
		return 0;
	return capture_place(sk, (struct tcp_sock *)sk, c, s, p, call >> 32, (__u32)call, s->outgoing, true);
}

/*
 * `bytes` > 0 have gone through the socket, behind `skip` others of the same call that were seen before. With `hidden`
 * they are not where the system call says.
 */
static __always_inline int capture_bytes(struct sock *sk, struct connection *c, struct process_entry *p, __u32 bytes,
					 __u32 skip, int flags, bool outgoing, bool hidden, const bool probed)
{
	struct tcp_sock *tp = probed ? (struct tcp_sock *)sk : bpf_skc_to_tcp_sock(sk);
	struct half *half = outgoing ? &c->send : &c->receive;
	struct scratch *s;

	if (!tp)
		return 0;
	if (outgoing && c->membership == MEMBER_YES && c->generation == p->generation) {
		/* Before next_seq, which another thread may move on. */
		__u32 sent = KERNEL_FIELD(probed, tp, write_seq);

		if ((__s32)(*(volatile __u32 *)&c->send.next_seq - sent) >= 0)
			return 0;	       /* seen by sk_msg, the time of it, too */
		c->membership = MEMBER_JOINED; /* it is not in the hash any more, or this call was under way before */
	}
	s = capture_begin(c, half, bytes, outgoing);
	if (!s)
		return 0;
	s->hidden = hidden;
	if (probed ? capture_place_probed((__u64)sk, c, s, p, (__u64)skip << 32 | (__u32)flags)
		   : capture_place(sk, tp, c, s, p, skip, flags, outgoing, false))
		protocol_observe(c, s, p);
	capture_done(c, half, s);
	return 0;
}

/* Nothing more comes: a response that lasts until then is complete. */
WIRE_GLOBAL int answer_ends_with_stream(struct connection *c)
{
	struct half *half;
	struct scratch *s;

	if (!c || c->protocol != PROTOCOL_HTTP1)
		return 0;
	half = answering_half(c);
	if (half->http1.state != HTTP1_BODY_UNTIL_CLOSE || !half_claim(half))
		return 0;
	s = scratch_claim(PROGRAM_RECEIVE, settings.scratch_slots);
	if (s) {
		s->now_ns = bpf_ktime_get_ns();
		s->outgoing = c->role == ROLE_SERVER;
		half->http1.state = HTTP1_START;
		http1_answered(c, s, END_COMPLETE, false);
		scratch_release(s);
	}
	half_done(c, half, PROGRAM_RECEIVE);
	return 0;
}

/* The same for flavours whose pointers are `probed`; `skip` as in capture_bytes. */
static __always_inline int capture_call(struct sock *sk, int result, __u32 skip, int flags, bool outgoing,
					const bool probed)
{
	__u64 address = (__u64)sk; /* a function of its own takes no pointer to a socket */
	struct process_entry *p;
	struct connection *c;

	if (result < 0 || (flags & (MSG_PEEK | MSG_ERRQUEUE))) /* half of all calls of an event loop */
		return 0;
	p = process_get(bpf_get_current_pid_tgid() >> 32);
	if (!p || !is_tcp(sk, probed))
		return 0;
	if (result == 0) {
		c = outgoing ? NULL : connection_get(sk);
		return c && c->role == ROLE_CLIENT ? answer_ends_with_stream(c) : 0;
	}
	c = connection_create(sk);
	if (!c) /* also when another processor was first */
		c = connection_create(sk);
	if (c && probed && connection_stale_ends(address, c))
		c = connection_create(sk);
	if (!c) {
		count_fault(outgoing ? PROGRAM_SEND : PROGRAM_RECEIVE, FAULT_STORAGE);
		return 0;
	}
	if (p->findings & FINDING_OPENSSL)
		openssl_moves(c, p, &address, outgoing, is_nonblocking(sk, flags, probed));
	return capture_bytes(sk, c, p, result, skip, flags, outgoing, !outgoing && (flags & MSG_TRUNC), probed);
}

static __always_inline int capture(struct sock *sk, int result, int flags, bool outgoing)
{
	return capture_call(sk, result, 0, flags, outgoing, false);
}

#endif
