/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * Client connections of traced processes. The owner is taken at connect, in process context; when the handshake is done
 * `current` is somebody else, so the socket is enrolled by what was noted then. Accepted ones: by what their listening
 * socket was marked with.
 */
#ifndef WEFT_PROGRAMS_SOCKOPS_H
#define WEFT_PROGRAMS_SOCKOPS_H

#include "programs/capture.h"
#include "lib/message.h"
#include "maps/members.h"

static __always_inline void client_connects(struct bpf_sock_ops *ops, struct bpf_sock *sk)
{
	/* Linux 6.1 has no bpf_get_current_pid_tgid here. */
	__u32 tgid = bpf_get_current_task_btf()->tgid;
	struct process_entry *p = process_get(tgid);
	struct connection *c;

	if (!p)
		return;
	c = connection_create(sk);
	if (!c) {
		count_fault(PROGRAM_SOCKOPS, FAULT_STORAGE);
		return;
	}
	if (c->id) { /* connected before: another stream now; what waited on the old one ended with it */
		blind_ends(c);
		kafka_closed(c);
		c->send.known = c->receive.known = 0;
		c->send.parked = c->receive.parked = 0;
		c->send.moved = c->receive.moved = 0;
		c->send.begun = c->receive.begun = 0;
		c->send.http1.state = c->receive.http1.state = HTTP1_START;
		c->protocol = PROTOCOL_UNKNOWN;
		if (pending_count(c))
			pending_forget_tasks(c);
		c->pending_begin = c->pending_end;
		c->joining = c->join_failures = c->answers_lost = c->answer_begun = c->answer_kept = 0;
		c->rejoins = c->end_wanted = 0;
		c->asked = 0;
		c->overwritten = c->judged = 0;
		c->upgrade = UPGRADE_NONE;
		c->bulk_score = 0;
	}
	c->id = bpf_get_socket_cookie(ops);
	c->owner_tgid = tgid;
	c->generation = p->generation;
	c->role = ROLE_CLIENT;
	c->role_certain = 1;
	c->membership = propagation_enrols() && !(p->flags & PROCESS_NEVER_ENROL) ? MEMBER_WANTED : MEMBER_NO;
	__sync_fetch_and_add(&p->connections, 1);
}

static __always_inline void client_connected(struct bpf_sock_ops *ops, struct bpf_sock *sk)
{
	struct connection *c = connection_get(sk);
	struct tcp_sock *tp;
	const struct sock *plain;

	if (!c || c->role != ROLE_CLIENT || c->send.known)
		return;
	tp = bpf_skc_to_tcp_sock(sk);
	if (!tp)
		return;
	plain = &tp->inet_conn.icsk_inet.sk;
	address_of(plain, c->local_address, c->peer_address, false);
	c->local_port = plain->__sk_common.skc_num;
	c->peer_port = __builtin_bswap16(plain->__sk_common.skc_dport);
	connection_destination(c);
	c->send.next_seq = tp->write_seq;
	c->receive.next_seq = tp->copied_seq;
	c->send.known = c->receive.known = 1;
	if (c->membership != MEMBER_WANTED)
		return;
	c->membership = MEMBER_NO;
	if (!propagation_enrols()) /* since it was wanted */
		return;
	if (tp->write_seq != tp->snd_una || tp->bytes_acked > 1) {
		count_fault(PROGRAM_SOCKOPS, FAULT_FAST_OPEN);
		return;
	}
	if (tp->is_mptcp) {
		count_fault(PROGRAM_SOCKOPS, FAULT_MPTCP);
		return;
	}
	if (tp->inet_conn.icsk_ulp_ops) {
		count_fault(PROGRAM_SOCKOPS, FAULT_ULP);
		return;
	}
	if (socket_may_zerocopy(tp))
		return;
	c->membership = MEMBER_YES;
	if (bpf_sock_hash_update(ops, &members, &c->id, BPF_NOEXIST)) {
		c->membership = MEMBER_NO;
		count_fault(PROGRAM_SOCKOPS, FAULT_ENROL);
		return;
	}
	bpf_sock_ops_cb_flags_set(ops, ops->bpf_sock_ops_cb_flags | BPF_SOCK_OPS_RTT_CB_FLAG);
}

/* A connection has been accepted, by whoever will take it. */
static __always_inline void server_connected(struct bpf_sock_ops *ops, struct bpf_sock *sk)
{
	struct listener *l = answer_headers ? bpf_sk_storage_get(&listeners, sk, NULL, 0) : NULL;
	struct connection *c;
	struct tcp_sock *tp;
	__u64 listener, id;

	if (!l)
		return;
	listener = l->id;
	if (setting(SETTING_HASH)) { /* of another socket that was at this address */
		connection_gone(connection_at((__u64)sk));
		connection_drop_at((__u64)sk);
	}
	c = connection_create(sk);
	if (!c) {
		count_fault(PROGRAM_SOCKOPS, FAULT_STORAGE);
		return;
	}
	c->listener = listener;
	if (!listener_allows(listener))
		return;
	tp = bpf_skc_to_tcp_sock(sk);
	if (!tp || tp->is_mptcp || tp->inet_conn.icsk_ulp_ops || socket_may_zerocopy(tp))
		return;
	id = bpf_get_socket_cookie(ops);
	c->answer_key = id;
	if (bpf_sock_hash_update(ops, &answerers, &id, BPF_NOEXIST)) {
		count_fault(PROGRAM_SOCKOPS, FAULT_ENROL);
		return;
	}
	c->answers = ANSWERS_MEMBER;
	bpf_sock_ops_cb_flags_set(ops, ops->bpf_sock_ops_cb_flags | BPF_SOCK_OPS_RTT_CB_FLAG);
}

/* An acknowledgement has come in: what was released meanwhile leaves the hash now, before anybody is woken. */
static __always_inline void acknowledged(struct bpf_sock *sk)
{
	struct connection *c = connection_get(sk);
	__u64 id;

	if (!c)
		return;
	if (c->membership == MEMBER_RELEASED) {
		id = c->id;
		bpf_map_delete_elem(&members, &id);
	}
	if (answers_gone(c)) {
		id = c->answer_key;
		bpf_map_delete_elem(&answerers, &id);
	}
}

SEC("sockops")
int on_sockops(struct bpf_sock_ops *ops)
{
	struct bpf_sock *sk;

	if (ops->op != BPF_SOCK_OPS_RTT_CB && ops->op != BPF_SOCK_OPS_TCP_CONNECT_CB &&
	    ops->op != BPF_SOCK_OPS_ACTIVE_ESTABLISHED_CB && ops->op != BPF_SOCK_OPS_PASSIVE_ESTABLISHED_CB)
		return 1;
	sk = ops->sk;
	if (!sk)
		return 1;
	if (ops->op == BPF_SOCK_OPS_RTT_CB)
		acknowledged(sk);
	else if (ops->op == BPF_SOCK_OPS_TCP_CONNECT_CB)
		client_connects(ops, sk);
	else if (ops->op == BPF_SOCK_OPS_ACTIVE_ESTABLISHED_CB)
		client_connected(ops, sk);
	else
		server_connected(ops, sk);
	return 1;
}

#endif
