/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/* Connections end here, and listening begins. Runs in any context: `current` may be somebody else. */
#ifndef WEFT_PROGRAMS_SOCKET_STATE_H
#define WEFT_PROGRAMS_SOCKET_STATE_H

#include "maps/answerers.h"
#include "programs/capture.h"
#include "programs/process.h"
#include "programs/tls.h"

/* A server cannot answer any more once it has closed its side; a client waits until the connection is gone for good. */
static __always_inline bool connection_ends(const struct connection *c, const struct sock *sk, int state)
{
	if (state == TCP_CLOSE)
		return true;
	if (state != TCP_FIN_WAIT1 && state != TCP_LAST_ACK)
		return false;
	return c->role == ROLE_SERVER || sk->sk_shutdown == SHUTDOWN_MASK;
}

/* A server that closes its side has completed a response without a length. */
static __always_inline bool answer_ends_by_close(const struct connection *c, int state)
{
	return c->role == ROLE_SERVER && state != TCP_CLOSE && c->send.http1.state == HTTP1_BODY_UNTIL_CLOSE;
}

static __always_inline void connection_end(struct connection *c, int state)
{
	struct half *answers = answering_half(c);
	struct scratch *s;

	if (!pending_count(c) || !half_claim(answers))
		return; /* when somebody is at work in it, the end of the socket will see to it */
	s = scratch_claim(PROGRAM_STATE, settings.scratch_slots);
	if (s) {
		s->now_ns = bpf_ktime_get_ns();
		s->outgoing = c->role == ROLE_SERVER;
		if (answer_ends_by_close(c, state)) {
			c->send.http1.state = HTTP1_START;
			http1_answered(c, s, END_COMPLETE, false);
		}
		pending_finish_all(c, s, END_CLOSED);
		scratch_release(s);
	}
	half_done(c, answers, PROGRAM_STATE);
}

SEC("tp_btf/inet_sock_set_state")
int BPF_PROG(on_state, struct sock *sk, int old, int new)
{
	struct connection *c;

	if (new == TCP_LISTEN) {
		listener_mark(sk, bpf_get_current_pid_tgid() >> 32);
		emit_process(bpf_get_current_pid_tgid() >> 32, 0, PROCESS_LISTEN, sk->__sk_common.skc_num);
		return 0;
	}
	if (setting(SETTING_HASH) && new == TCP_ESTABLISHED)
		bpf_get_socket_cookie(sk); /* makes it, for kprobes cannot */
	if (new != TCP_CLOSE &&new != TCP_FIN_WAIT1 &&new != TCP_LAST_ACK)
		return 0;
	c = connection_get(sk);
	if (c && c->id && connection_ends(c, sk, new))
		connection_end(c, new);
	return 0;
}

/*
 * The socket goes, and its state with it; nobody is at work in it. Here ends what no state change could see: requests
 * that were read after a reset, for one.
 */
SEC("tp_btf/tcp_destroy_sock")
int BPF_PROG(on_destroy, struct sock *sk)
{
	struct connection *c = connection_get(sk);

	if (!c)
		return 0;
	if (c->id) {
		tls_connection_end((__u64)sk);
		if (c->role != ROLE_SERVER) /* also one that was asked for and then sent nothing that we know */
			go_send_remove(c->id);
		connection_gone(c);
	} else {
		blind_ends(c);
	}
	connection_drop(sk);
	return 0;
}

#endif
