/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/* What the start-up self-test puts on a loopback pair of sockets: does membership break a program, does a push arrive?
 */
#include "wire/port.h"

struct {
	__uint(type, BPF_MAP_TYPE_SOCKHASH);
	__uint(max_entries, 4);
	__type(key, __u64);
	__type(value, __u32);
} self_test_members SEC(".maps");

/* "hello" becomes "heWEFTllo". */
SEC("sk_msg")
int self_test_push(struct sk_msg_md *m)
{
	__u8 *data, *end;

	if (bpf_msg_push_data(m, 2, 4, 0) || bpf_msg_pull_data(m, 2, 6, 0))
		return SK_PASS;
	data = (void *)(long)m->data;
	end = (void *)(long)m->data_end;
	if (data + 4 > end)
		return SK_PASS;
	data[0] = 'W';
	data[1] = 'E';
	data[2] = 'F';
	data[3] = 'T';
	return SK_PASS;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
