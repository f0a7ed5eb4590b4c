/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * Changing what a member socket is about to send (sk_msg), with the rules without which bytes are lost or doubled. This
 * is the one place that changes bytes; a protocol says what and where.
 *
 *  - Budget before push: if the send buffer fills after a push, the kernel counts the pushed bytes as the
 *    application's. message_need() is what surely goes through.
 *  - A push must hit the first scatter element or an element's start (before f72eed9b84fb the middle of a later element
 *    shifts the tail, CVE-2026-63926): the head is pulled into the first element before.
 *  - With more than 14 scatter elements a push at the end corrupts: 12 at most.
 *  - Pages that are not private (sg.copy) are never touched; MSG_ZEROCOPY sends are never changed or cut.
 *  - A verdict sticks for apply_bytes after EAGAIN, hence message_portion().
 */
#ifndef WEFT_LIB_MESSAGE_H
#define WEFT_LIB_MESSAGE_H

#include "lib/source.h"
#include "maps/connections.h"
#include "maps/counters.h"
#include "maps/scratch.h"

#define SCATTER_RING 18u /* entries of the kernel's ring, MAX_MSG_FRAGS + 1 */
#define SCATTER_MAX 12u
#define MESSAGE_FIRST_MAX 32000u /* a head has to end within this to be brought into the first element */
#define MESSAGE_LINEAR_MAX 16384u
#define MESSAGE_GATHER 60000u /* enough when the elements are pages */
#define MESSAGE_GATHER_MOST 200000u
#define MESSAGE_FOREVER 0x7fffffffu
#define SOCKET_NO_SPACE 2 /* linux/net.h, SOCK_NOSPACE: a wake-up is to come when the buffer has room again */

/*
 * How the message lies in memory. To be asked again after what may change it. A window shows one element, and only
 * where its page is private: one of the whole message says all there is to know.
 */
static __always_inline void message_look(struct sk_msg_md *m, struct message *message)
{
	struct sk_msg *msg = (struct sk_msg *)m;
	__u32 start = 0, end = 0;
	unsigned long copy = 0;

	if ((__u64)m->data_end - (__u64)m->data == m->size) {
		message->scatter = 1;
		message->shared = 0;
		return;
	}
	bpf_core_read(&start, sizeof(start), &msg->sg.start);
	bpf_core_read(&end, sizeof(end), &msg->sg.end);
	bpf_core_read(&copy, sizeof(copy), &msg->sg.copy);
	message->scatter = end >= start ? end - start : end + SCATTER_RING - start;
	message->shared = copy != 0;
}

/* Brings [start, end) into one private element and moves the window there. 0 = done. */
static __always_inline int message_pull(struct sk_msg_md *m, struct message *message, __u32 start, __u32 end)
{
	message->windowed = 1;
	if (bpf_msg_pull_data(m, start, end, 0))
		return -1;
	if (message->scatter > 1 || message->shared)
		message_look(m, message);
	return 0;
}

/*
 * Joins elements until one more may be inserted. A large send has 17 of 32 KB; six of those can become one only where
 * the kernel finds the pages in a row. False: there are still too many.
 */
WIRE_GLOBAL int message_gather(struct sk_msg_md *m, struct message *message)
{
	if (!message)
		return 0;
	if (message->scatter > SCATTER_MAX)
		message_pull(m, message, 0, message->size < MESSAGE_GATHER ? message->size : MESSAGE_GATHER);
	if (message->scatter > SCATTER_MAX)
		message_pull(m, message, 0, message->size < MESSAGE_GATHER_MOST ? message->size : MESSAGE_GATHER_MOST);
	return message->scatter <= SCATTER_MAX;
}

/* What a protocol's walk through a message is given. */
struct message_run {
	struct sk_msg_md *message;
	struct connection *connection;
	struct scratch *scratch;
	struct process_entry *process;
};

#define MESSAGE_WINDOW 4096u

/*
 * Up to `most` (at most MESSAGE_WINDOW) bytes at message->offset into the text at index `to`. Returns how many, 0 =
 * failed.
 */
WIRE_GLOBAL __u32 message_load(struct sk_msg_md *m, struct message *message, struct head_text *text, __u32 to,
			       __u32 most)
{
	__u32 offset, skip = 0;
	__u64 n;

	if (!message || !text)
		return 0;
	offset = message->offset;
	n = message->size - offset;
	if (n > most)
		n = most;
	if (message->scatter == 1 && !message->shared && !message->windowed && offset < 0xffff) {
		skip = offset; /* it lies before us as it is */
	} else if (message_pull(m, message, offset, offset + n)) {
		count_fault(PROGRAM_MESSAGE, FAULT_PULL);
		return 0;
	}
	if ((__u64)m->data_end - (__u64)m->data < skip + n) {
		count_fault(PROGRAM_MESSAGE, FAULT_PULL);
		return 0;
	}
	if (n == 0)
		return 0;
	WIRE_OPAQUE(n);
	WIRE_OPAQUE(to);
	if (n > MESSAGE_WINDOW || to > HEAD_TEXT_CAP - MESSAGE_WINDOW)
		return 0;
	WIRE_OPAQUE(skip);
	skip &= 0xffff;
	if (bpf_probe_read_kernel(text->bytes + to, n, (void *)(long)m->data + skip))
		return 0;
	return n;
}

/* Free send buffer with which n bytes in that many elements surely go out: each may become an skb of its own. */
static __always_inline __u32 message_need(__u32 n, __u32 scatter)
{
	return n * 3 + 4096 + scatter * 2304;
}

static __always_inline __u32 message_space(const struct tcp_sock *tp)
{
	const struct sock *sk = &tp->inet_conn.icsk_inet.sk;
	int queued = sk->sk_wmem_queued, buffer = sk->sk_sndbuf;
	__u32 space = buffer > queued ? buffer - queued : 0;
	__u32 low = tp->notsent_lowat;
	unsigned long pressure = 0;

	/* Under memory pressure of TCP a send may stop although the buffer has room. */
	bpf_probe_read_kernel(&pressure, sizeof(pressure), sk->__sk_common.skc_prot->memory_pressure);
	if (pressure)
		return 0;

	if (!low)
		low = sk->__sk_common.skc_net.net->ipv4.sysctl_tcp_notsent_lowat;
	if (low) {
		__u32 unsent = tp->write_seq - tp->snd_nxt;
		__u32 room = unsent < low ? low - unsent : 0;

		if (room < space)
			space = room;
	}
	return space;
}

/*
 * Will this send wait for the peer? Then the socket may be no member when its thread goes on to receive: the wake-up of
 * the full buffer would end a member's blocking receive with EAGAIN (tcp_msg_wait_data looks once). It is taken out of
 * the hash at the acknowledgement that this send waits for (on_sockops), and comes back after the exchange.
 */
static __always_inline bool message_will_wait(const struct tcp_sock *tp, __u64 n, __u32 space, __u32 scatter)
{
	const struct socket *socket = tp->inet_conn.icsk_inet.sk.sk_socket;

	if (!socket || (socket->file->f_flags & O_NONBLOCK))
		return false;
	return n + n / 4 + 4096 + scatter * 2304 > space || (socket->flags >> SOCKET_NO_SPACE & 1);
}

static __always_inline bool socket_may_zerocopy(const struct tcp_sock *tp)
{
	const struct sock *sk = &tp->inet_conn.icsk_inet.sk;

	return sk->__sk_common.skc_flags >> bpf_core_enum_value(enum sock_flags, SOCK_ZEROCOPY) & 1;
}

/* With what the current task has entered the kernel. */
static __always_inline const struct pt_regs *message_registers(void)
{
	return (const struct pt_regs *)bpf_task_pt_regs(bpf_get_current_task_btf());
}

/* For whom a thread does work of io_uring is not known: it may have been submitted in an earlier request. */
static __always_inline bool message_by_io_uring(const struct pt_regs *regs)
{
	return regs->cs == USER_CODE_SEGMENT &&
	       (!call_is_meant(regs) || regs->orig_ax == SYSCALL_IO_URING_ENTER); /* 32-bit: other numbers */
}

/*
 * Calls that go on from where the kernel has copied to, not from where it has sent to: when a member's send falls
 * short, they leave a hole in the stream. Several messages in one sendmmsg that does not block, and whatever io_uring
 * does.
 */
static __always_inline bool message_unsafe_call(const struct tcp_sock *tp, const struct pt_regs *regs)
{
	const struct socket *socket = tp->inet_conn.icsk_inet.sk.sk_socket;

	if (!call_is_meant(regs) || regs->orig_ax == SYSCALL_IO_URING_ENTER)
		return true;
	if (regs->orig_ax != SYSCALL_SENDMMSG || regs->dx < 2)
		return false;
	return (regs->r10 & MSG_DONTWAIT) || (socket && (socket->file->f_flags & O_NONBLOCK));
}

/* Does this very call ask for zero copy? */
static __always_inline bool message_zerocopy(const struct tcp_sock *tp)
{
	const struct pt_regs *regs;
	unsigned long flags;

	if (!socket_may_zerocopy(tp))
		return false;
	regs = message_registers();
	if (!call_is_meant(regs))
		return true;
	switch (regs->orig_ax) {
	case SYSCALL_WRITE:
	case SYSCALL_WRITEV:
	case SYSCALL_SENDFILE:
	case SYSCALL_SPLICE:
		return false;
	case SYSCALL_SENDTO:
		flags = regs->r10;
		break;
	case SYSCALL_SENDMSG:
		flags = regs->dx;
		break;
	default:
		return true; /* sendmmsg, io_uring: unknown */
	}
	return (flags & MSG_ZEROCOPY) != 0;
}

/* Of n parsed bytes that may not all fit, how many to let go at once. */
static __always_inline __u32 message_portion(__u32 n, __u32 space, __u32 scatter)
{
	__u32 fixed = 4096 + scatter * 2304, portion = n / 8;

	if (space > fixed + 3) {
		portion = (space - fixed) / 3;
		if (portion > n)
			portion = n;
	}
	return portion ? portion : 1;
}

struct message_write {
	struct sk_msg_md *message;
	struct scratch *scratch;
	__u32 to, bytes;
};

/* Four times eight bytes of s->staging to the pulled area; the last ones may overlap those before. */
static long message_write_step(__u32 i, void *arg)
{
	struct message_write *w = arg;
	__u8 *data = (void *)(long)w->message->data, *end = (void *)(long)w->message->data_end;
	__u32 last = w->bytes - 8, at = 0, to = w->to;

	WIRE_OPAQUE(to);
	data += to & 4095;

#pragma unroll
	for (__u32 k = 0; k < 4; k++) {
		at = i * 32 + k * 8;
		if (at > last)
			at = last;
		WIRE_OPAQUE(at);
		at &= HEAD_TEXT_CAP - 1;
		if ((void *)(data + at + 8) > (void *)end)
			return 1;
		*(__u64 *)(data + at) = wire_load64(w->scratch->staging.bytes + at);
	}
	return at == last;
}

/* The first `bytes` (8 at least) of s->staging to the window of the message, `to` (up to 4,095) bytes into it. */
static __always_inline void message_write(struct sk_msg_md *m, struct scratch *s, __u32 to, __u32 bytes)
{
	struct message_write w = {.message = m, .scratch = s, .to = to, .bytes = bytes};

	bpf_loop((bytes >> 5) + 1, message_write_step, &w, 0);
}

/*
 * Inserts the first `bytes` of s->staging before offset `at`, which lies in the first element or at its end. 0 = done;
 * otherwise the message is as it was.
 */
WIRE_GLOBAL int message_insert(struct sk_msg_md *m, struct scratch *s, __u32 at, __u32 bytes)
{
	if (!s || bytes < 8 || bytes > HEAD_TEXT_CAP)
		return -1;
	if (bpf_msg_push_data(m, at, bytes, 0)) {
		count_fault(PROGRAM_MESSAGE, FAULT_PUSH);
		return -1;
	}
	/* The new bytes are an element of their own: this only moves the window there. */
	s->message.windowed = 1;
	if (bpf_msg_pull_data(m, at, at + bytes, 0) || (__u64)m->data_end - (__u64)m->data < bytes) {
		count_fault(PROGRAM_MESSAGE, FAULT_PULL);
		if (bpf_msg_pop_data(m, at, bytes, 0))
			count_fault(PROGRAM_MESSAGE, FAULT_UNDO);
		message_look(m, &s->message);
		return -1;
	}
	message_write(m, s, 0, bytes);
	s->message.scatter += 2; /* at most: itself, and one that it splits */
	return 0;
}

/*
 * Writes s->staging over [at, end), which is brought into one element (so that there may be fewer than message->scatter
 * says). 0 = done. REQUIRES: 8 <= end - at <= 255.
 */
WIRE_GLOBAL int message_overwrite(struct sk_msg_md *m, struct scratch *s, __u32 at, __u32 end)
{
	__u32 room = end - at;

	if (!s || room < 8 || room > 255)
		return -1;
	s->message.windowed = 1;
	if (bpf_msg_pull_data(m, at, end, 0) || (__u64)m->data_end - (__u64)m->data < room) {
		count_fault(PROGRAM_MESSAGE, FAULT_PULL);
		return -1;
	}
	message_write(m, s, 0, room);
	return 0;
}

/*
 * Replaces the `room` bytes at `at` by the first `bytes` of s->staging, which are not fewer; all of them lie in the
 * first element. 0 = done; otherwise the message is as it was.
 */
WIRE_GLOBAL int message_replace(struct sk_msg_md *m, struct scratch *s, __u32 at, __u32 room, __u32 bytes)
{
	__u32 grows = bytes - room;

	if (!s || room < 8 || bytes < room || bytes > HEAD_TEXT_CAP)
		return -1;
	if (grows && bpf_msg_push_data(m, at + room, grows, 0)) {
		count_fault(PROGRAM_MESSAGE, FAULT_PUSH);
		return -1;
	}
	s->message.windowed = 1;
	if (bpf_msg_pull_data(m, at, at + bytes, 0) || (__u64)m->data_end - (__u64)m->data < bytes) {
		count_fault(PROGRAM_MESSAGE, FAULT_PULL);
		if (grows && bpf_msg_pop_data(m, at + room, grows, 0))
			count_fault(PROGRAM_MESSAGE, FAULT_UNDO);
		return -1;
	}
	message_write(m, s, 0, bytes);
	return 0;
}

#endif
