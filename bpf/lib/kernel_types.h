/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * The kernel's structures as far as weft reads them, by hand instead of a generated vmlinux.h: a build needs no BTF of
 * the build machine. Only names and types count; offsets are relocated at load (CO-RE), so the order of the members is
 * ours. What user space and the kernel share by contract comes from the UAPI headers.
 */
#ifndef WEFT_LIB_KERNEL_TYPES_H
#define WEFT_LIB_KERNEL_TYPES_H

#include <linux/bpf.h>
#include <linux/types.h>
#include <stdbool.h>

#ifndef NULL
#define NULL ((void *)0)
#endif

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct netns_ipv4 {
	unsigned int sysctl_tcp_notsent_lowat;
};

struct net {
	struct netns_ipv4 ipv4;
};

typedef struct {
	struct net *net;
} possible_net_t;

typedef struct {
	long long counter;
} atomic64_t;

struct in6_addr {
	union {
		__u8 u6_addr8[16];
		__be32 u6_addr32[4];
	} in6_u;
};

struct proto {
	unsigned long *memory_pressure;
};

struct sock_common {
	atomic64_t skc_cookie;
	__be32 skc_daddr;
	__be32 skc_rcv_saddr;
	__be16 skc_dport;
	__u16 skc_num;
	unsigned short skc_family;
	volatile unsigned char skc_state;
	struct proto *skc_prot;
	possible_net_t skc_net;
	struct in6_addr skc_v6_daddr;
	struct in6_addr skc_v6_rcv_saddr;
	unsigned long skc_flags;
};

struct inode {
	unsigned short i_mode;
};

struct file {
	struct inode *f_inode;
	unsigned int f_flags;
	void *private_data;
};

struct socket {
	unsigned long flags;
	struct file *file;
	struct sock *sk;
};

struct sock {
	struct sock_common __sk_common;
	struct socket *sk_socket;
	int sk_wmem_queued;
	int sk_sndbuf;
	__u32 sk_max_ack_backlog;
	__u8 sk_shutdown;
	__u16 sk_protocol;
};

struct inet_sock {
	struct sock sk;
};

struct tcp_ulp_ops;

struct inet_connection_sock {
	struct inet_sock icsk_inet;
	const struct tcp_ulp_ops *icsk_ulp_ops;
};

struct tcp_sock {
	struct inet_connection_sock inet_conn;
	__u32 notsent_lowat;
	__u32 copied_seq;
	__u32 rcv_nxt;
	__u32 write_seq;
	__u32 snd_una;
	__u32 snd_nxt;
	__u64 bytes_received;
	__u64 bytes_acked;
	bool is_mptcp;
};

struct pt_regs {
	unsigned long r15;
	unsigned long r14;
	unsigned long r13;
	unsigned long r12;
	unsigned long bp;
	unsigned long sp;
	unsigned long bx;
	unsigned long r10;
	unsigned long r9;
	unsigned long r8;
	unsigned long ax;
	unsigned long cx;
	unsigned long dx;
	unsigned long si;
	unsigned long di;
	unsigned long orig_ax;
	unsigned long cs;
	unsigned long flags;
};

typedef struct {
	int counter;
} atomic_t;

struct signal_struct {
	atomic_t live; /* threads not yet dead */
};

struct thread_struct {
	unsigned long fsbase; /* x86-64 */
};

struct fdtable {
	unsigned int max_fds;
	struct file **fd;
};

struct files_struct {
	struct fdtable *fdt;
};

struct task_struct {
	int pid;
	int tgid;
	struct task_struct *real_parent;
	struct signal_struct *signal;
	struct files_struct *files;
	struct thread_struct thread;
};

struct sk_msg_sg {
	__u32 start;
	__u32 end;
	unsigned long copy[1];
};

struct sk_msg {
	struct sk_msg_sg sg;
};

struct seq_file;

struct bpf_iter_meta {
	struct seq_file *seq;
};

struct bpf_map;

struct bpf_iter__task_file {
	struct bpf_iter_meta *meta;
	struct task_struct *task;
	__u32 fd;
	struct file *file;
};

enum sock_flags {
	SOCK_ZEROCOPY = 18,
};

#pragma clang attribute pop

/*
 * A field behind a pointer to a kernel structure. `probed`, a constant: the pointer came in a register, of a kprobe for
 * one, so that the verifier knows no type of it and only a helper may follow it.
 */
#define KERNEL_FIELD(probed, pointer, field)                                                                           \
	({                                                                                                             \
		__typeof_unqual__((pointer)->field) value_;                                                            \
		if (probed)                                                                                            \
			bpf_core_read((void *)&value_, sizeof(value_), &(pointer)->field);                             \
		else                                                                                                   \
			value_ = *(const volatile __typeof__(value_) *)&(pointer)->field;                              \
		value_;                                                                                                \
	})

enum {
	IPPROTO_TCP = 6,
	AF_INET = 2,
	AF_INET6 = 10,
	O_NONBLOCK = 04000,
	MSG_PEEK = 0x2,
	MSG_TRUNC = 0x20,
	MSG_DONTWAIT = 0x40,
	MSG_ERRQUEUE = 0x2000,
	MSG_ZEROCOPY = 0x4000000,
	RCV_SHUTDOWN = 1,
	SHUTDOWN_MASK = 3,
};

/* linux/tcp_states.h */
enum {
	TCP_ESTABLISHED = 1,
	TCP_CLOSE_WAIT = 8,
	TCP_FIN_WAIT1 = 4,
	TCP_CLOSE = 7,
	TCP_LAST_ACK = 9,
	TCP_LISTEN = 10,
};

#endif
