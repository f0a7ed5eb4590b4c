/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * Bytes have arrived in a process, or been sent by one. Flavour: kprobes, for kernels with neither the tracepoints nor
 * fexit. Sends: entry and return of the functions around which the tracepoints stand, as a member's sends do not all
 * pass tcp_sendmsg. Receives: the entry of those notes the call, and tcp_cleanup_rbuf, which ends every piece of it
 * under the socket's lock, says how much there is. A return probe there would do for few threads only: the kernel has
 * a fixed number of instances, and each call that waits for its bytes holds one. x86-64 calling convention.
 */
#ifndef WEFT_PROGRAMS_SOCKET_KPROBE_H
#define WEFT_PROGRAMS_SOCKET_KPROBE_H

#include "maps/calls.h"
#include "programs/capture.h"

static __always_inline struct call *call_begins(__u32 program)
{
	struct call *call;

	if (!process_get(bpf_get_current_pid_tgid() >> 32))
		return NULL;
	call = call_create();
	if (!call)
		count_fault(program, FAULT_STORAGE);
	return call;
}

/* inet_sendmsg, inet6_sendmsg, inet_sendpage */
SEC("kprobe")
int on_send_entry(struct pt_regs *regs)
{
	const struct socket *socket = (struct socket *)regs->di;
	struct call *call = call_begins(PROGRAM_SEND);

	if (!call)
		return 0;
	if (call->sending)
		count_fault(PROGRAM_SEND, FAULT_RETURN);
	call->sending = (__u64)BPF_CORE_READ(socket, sk);
	return 0;
}

SEC("kretprobe")
int on_send_return(struct pt_regs *regs)
{
	int result = regs->ax;
	struct sock *sk;
	struct call *call;

	if (!process_get(bpf_get_current_pid_tgid() >> 32))
		return 0;
	call = call_get();
	if (!call || !call->sending)
		return 0;
	sk = (struct sock *)call->sending;
	call->sending = 0;
	return capture_call(sk, result, 0, 0, true, true);
}

/* inet_recvmsg, inet6_recvmsg */
SEC("kprobe")
int on_receive_entry(struct pt_regs *regs)
{
	const struct socket *socket = (struct socket *)regs->di;
	int flags = regs->cx;
	struct call *call = call_begins(PROGRAM_RECEIVE);
	struct tcp_sock *tp;

	if (!call)
		return 0;
	tp = (struct tcp_sock *)BPF_CORE_READ(socket, sk);
	call->receiving = (__u64)tp;
	call->receive_flags = flags;
	call->receive_seq = KERNEL_FIELD(true, tp, copied_seq);
	call->receive_seen = 0;
	return 0;
}

/*
 * `copied` bytes of the call so far: also before it waits for more. Left alone is what did not come by the noted call:
 * spliced, or read by an upper layer in whoever's context, and then `copied` does not lead from its beginning to here.
 */
SEC("kprobe")
int on_cleanup(struct pt_regs *regs)
{
	struct sock *sk = (struct sock *)regs->di;
	const struct tcp_sock *tp = (struct tcp_sock *)sk;
	__u32 copied = regs->si;
	__u32 taken, seen;
	struct call *call;
	bool closed;

	if ((__s32)copied < 0 || !process_get(bpf_get_current_pid_tgid() >> 32))
		return 0;
	call = call_get();
	if (!call || call->receiving != (__u64)sk || KERNEL_FIELD(true, tp, inet_conn.icsk_ulp_ops))
		return 0;
	closed = KERNEL_FIELD(true, sk, sk_shutdown) & RCV_SHUTDOWN;
	taken = KERNEL_FIELD(true, tp, copied_seq) - call->receive_seq;
	if (taken != copied && !(closed && taken == copied + 1))
		return 0;
	seen = call->receive_seen;
	if (copied <= seen && !(closed && copied == 0))
		return 0;
	call->receive_seen = copied;
	return capture_call(sk, copied - seen, seen, call->receive_flags, false, true);
}

#endif
