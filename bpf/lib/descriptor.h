/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/* What is behind a descriptor of the current process. */
#ifndef WEFT_LIB_DESCRIPTOR_H
#define WEFT_LIB_DESCRIPTOR_H

#include "wire/port.h"
#include <bpf/bpf_core_read.h>

#define FILE_KIND 0170000
#define FILE_SOCKET 0140000

/* The socket; 0: it is none. */
static __always_inline __u64 socket_of_descriptor(__u64 fd)
{
	struct fdtable *table = bpf_get_current_task_btf()->files->fdt;
	struct file **files = table->fd, *file = NULL;
	struct socket *socket;

	if (fd >= table->max_fds)
		return 0;
	bpf_probe_read_kernel(&file, sizeof(file), &files[fd]);
	if (!file || (BPF_CORE_READ(file, f_inode, i_mode) & FILE_KIND) != FILE_SOCKET)
		return 0;
	socket = BPF_CORE_READ(file, private_data);
	return (__u64)BPF_CORE_READ(socket, sk);
}

/* The id that its connection has for us; 0: none. */
static __always_inline __u64 connection_of_socket(__u64 socket)
{
	const struct sock *sk = (const struct sock *)socket;

	return sk ? BPF_CORE_READ(sk, __sk_common.skc_cookie.counter) : 0;
}

#endif
