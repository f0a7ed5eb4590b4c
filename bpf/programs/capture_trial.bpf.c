/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/* One empty program for each flavour of the receive and send hooks: what loads and attaches here can be used. */
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

char LICENSE[] SEC("license") = "Dual BSD/GPL";
