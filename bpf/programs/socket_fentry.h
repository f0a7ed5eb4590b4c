/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * Bytes have arrived in a process, or been sent by one. Flavour: fexit, for kernels without the tracepoints, at the
 * functions around which those stand. What a kernel does not have is not loaded: inet_sendpage is gone since Linux 6.5.
 */
#ifndef WEFT_PROGRAMS_SOCKET_FENTRY_H
#define WEFT_PROGRAMS_SOCKET_FENTRY_H

#include "programs/capture.h"

struct msghdr;
struct page;

static __always_inline int capture_socket(const struct socket *socket, int result, int flags, bool outgoing)
{
	struct sock *sk = socket->sk;

	return sk ? capture(sk, result, flags, outgoing) : 0;
}

SEC("fexit/inet_recvmsg")
int BPF_PROG(on_inet_receive, struct socket *socket, struct msghdr *message, __u64 size, int flags, int result)
{
	return capture_socket(socket, result, flags, false);
}

SEC("fexit/inet6_recvmsg")
int BPF_PROG(on_inet6_receive, struct socket *socket, struct msghdr *message, __u64 size, int flags, int result)
{
	return capture_socket(socket, result, flags, false);
}

/* The tracepoint knows no flags of a send either. */
SEC("fexit/inet_sendmsg")
int BPF_PROG(on_inet_send, struct socket *socket, struct msghdr *message, __u64 size, int result)
{
	return capture_socket(socket, result, 0, true);
}

SEC("fexit/inet6_sendmsg")
int BPF_PROG(on_inet6_send, struct socket *socket, struct msghdr *message, __u64 size, int result)
{
	return capture_socket(socket, result, 0, true);
}

/* sendfile and splice of both families. */
SEC("fexit/inet_sendpage")
int BPF_PROG(on_sendpage, struct socket *socket, struct page *page, int offset, __u64 size, int flags, int result)
{
	return capture_socket(socket, result, 0, true);
}

#endif
