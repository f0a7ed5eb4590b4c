/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/* A process has sent bytes. Flavour: tp_btf sock_send_length (Linux 6.3). */
#ifndef WEFT_PROGRAMS_SOCKET_SEND_H
#define WEFT_PROGRAMS_SOCKET_SEND_H

#include "programs/capture.h"

SEC("tp_btf/sock_send_length")
int BPF_PROG(on_send, struct sock *sk, int result, int flags)
{
	return capture(sk, result, flags, true);
}

#endif
