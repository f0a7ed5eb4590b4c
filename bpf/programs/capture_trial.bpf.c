/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * One small program for each flavour of the receive and send hooks: what loads and attaches here can be used. Those of
 * the kprobe flavour also count, for a compiler may have left no call of a function to probe.
 */
#include "wire/port.h"
#include <bpf/bpf_tracing.h>

struct msghdr;

SEC("tp_btf/sock_send_length")
int BPF_PROG(trial_tp_btf, struct sock *sk, int result, int flags)
{
	return 0;
}

SEC("fexit/inet_sendmsg")
int BPF_PROG(trial_fentry, struct socket *socket, struct msghdr *message, __u64 size, int result)
{
	return 0;
}

__u32 trial_tgid;
__u32 trial_sends, trial_receives;

SEC("kretprobe/inet_sendmsg")
int trial_kprobe_send(struct pt_regs *regs)
{
	if (bpf_get_current_pid_tgid() >> 32 == trial_tgid)
		__sync_fetch_and_add(&trial_sends, 1);
	return 0;
}

SEC("kprobe/tcp_cleanup_rbuf")
int trial_kprobe_receive(struct pt_regs *regs)
{
	if (bpf_get_current_pid_tgid() >> 32 == trial_tgid)
		__sync_fetch_and_add(&trial_receives, 1);
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
