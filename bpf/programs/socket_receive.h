/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/* Bytes have arrived in a process. Flavour: tp_btf sock_recv_length (Linux 6.3). */
#ifndef WEFT_PROGRAMS_SOCKET_RECEIVE_H
#define WEFT_PROGRAMS_SOCKET_RECEIVE_H

#include "programs/capture.h"

SEC("tp_btf/sock_recv_length")
int BPF_PROG(on_receive, struct sock *sk, int result, int flags)
{
	return capture(sk, result, flags, false);
}

#endif
