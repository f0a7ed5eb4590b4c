/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * sk_msg of accepted sockets: the trace id goes into the head of a response (propagation.response_header). It inserts
 * and decides nothing: what the bytes mean the send hook says, which sees them afterwards as the application wrote
 * them. So the position moves on by what was inserted, and a response that is not certain goes out as it came.
 */
#ifndef WEFT_PROGRAMS_ANSWER_H
#define WEFT_PROGRAMS_ANSWER_H

#include "maps/answerers.h"
#include "programs/message.h"

#define ANSWER_BODY_MOST 1048576u /* a connection with a larger one is taken out of the hash */
#define ANSWER_WINDOWS 8u	  /* a head of more than that many windows is left alone */

struct answer_run {
	struct sk_msg_md *message;
	struct scratch *scratch;
	__u32 event; /* enum http1_event */
};

static long answer_scan_step(__u32 i, void *arg)
{
	struct answer_run *run = arg;
	struct scratch *s = run->scratch;
	struct http1 *h = &s->half.http1;
	struct message *message = &s->message;
	__u32 to, got, stop;

	if (message->offset >= message->size)
		return 1;
	to = http1_text_position(h);
	got = message_load(run->message, message, &s->text, to, h->state == HTTP1_START ? 1024 : HTTP1_WINDOW);
	if (!got)
		return 1;
	stop = http1_scan(h, &s->text, to, to + got);
	run->event = stop & 7;
	message->offset += (stop >> 3) - to;
	return run->event != HTTP1_MORE;
}

struct answer_names {
	const struct scratch *scratch;
	__u32 at, end;
	__u32 found; /* ANSWER_* that the head has */
};

/* On to the next line, or 32 bytes. */
static long answer_names_step(__u32 i, void *arg)
{
	struct answer_names *names = arg;
	const __u64 fold = 0x2020202020202020ULL;
	__u32 at = names->at;
	const __u8 *p = names->scratch->text.bytes + head_text_index(at);
	__u64 ends = 0, first, second;

#pragma unroll
	for (int k = 0; k < 4 && !ends; k++) {
		ends = word_equal(wire_load64(p + 8 * k), '\r');
		at += ends ? word_first(ends) : 8;
	}
	names->at = at + 1;
	if (!ends)
		names->at = at;
	if (at >= names->end)
		return 1;
	if (!ends)
		return 0;
	p = names->scratch->text.bytes + head_text_index(at + 2);
	first = wire_load64(p) | fold;
	second = wire_load64(p + 8) | fold;
	if (first == 0x2d65636172742d78ULL && (second & 0xffffff) == 0x3a6469ULL) /* x-trace-id: */
		names->found |= ANSWER_X_TRACE_ID;
	if (first == 0x7365726563617274ULL && (second & 0xffffffffffffULL) == 0x3a65736e6f70ULL) /* traceresponse: */
		names->found |= ANSWER_TRACERESPONSE;
	return 0;
}

/* Which of the headers that are to be added has the head in s->text, whose length is `bytes`? */
static __always_inline __u32 answer_has(const struct scratch *s, __u32 bytes)
{
	struct answer_names names = {.scratch = s, .at = wire_zero(), .end = bytes, .found = wire_zero()};

	bpf_loop(HEAD_TEXT_CAP, answer_names_step, &names, 0);
	return names.found;
}

/* The lines to be added, into s->staging. Returns their length. REQUIRES: s->exchange. */
static __always_inline __u32 answer_stage(struct scratch *s, __u32 wanted)
{
	__u32 at = 0;

	if (wanted & ANSWER_X_TRACE_ID) {
		__builtin_memcpy(s->parent.trace_id, s->exchange.ids.trace_id, 16);
		at = http1_stage_name(s, at, 0x2d65636172542d58ULL, 0x203a4449ULL, 12); /* X-Trace-ID:  */
		at = http1_stage_trace_id(s, at);
	}
	if (wanted & ANSWER_TRACERESPONSE) {
		at = http1_stage_name(s, at, 0x7365726563617274ULL, 0x203a65736e6f70ULL, 15); /* traceresponse:  */
		traceparent_format(http1_staged(s, at), s->exchange.ids.trace_id, s->exchange.ids.span_id,
				   s->exchange.flags);
		at = http1_line_ends(s, at + TRACEPARENT_BYTES);
	}
	return at;
}

/* The response that begins this message: is it one to the oldest request of c, and of which trace? INJECTION_DONE: yes.
 */
static __always_inline __u32 answer_of(struct sk_msg_md *m, struct connection *c, struct scratch *s)
{
	struct answer_run run = {.message = m, .scratch = s, .event = wire_zero()};
	struct pending *pending = pending_at(c, c->pending_begin);
	struct http1 *h = &s->half.http1;

	h->state = HTTP1_START;
	h->is_response = 1;
	bpf_loop(ANSWER_WINDOWS, answer_scan_step, &run, 0);
	if (run.event != HTTP1_HEAD)
		return INJECTION_SPLIT_HEAD;
	if (h->flags & HTTP1_TEXT_LOST)
		return INJECTION_TOO_LARGE;
	if (h->status < 200 || pending->method == HTTP1_METHOD_CONNECT)
		return INJECTION_NOT_TRIED;
	if (!pending->exchange_id || !exchange_copy(pending->exchange_id, &s->exchange))
		return INJECTION_NO_TASK;
	return INJECTION_DONE;
}

/* Adds `wanted` to the response that begins this message. Returns what became of it. */
WIRE_GLOBAL int answer_write(struct sk_msg_md *m, struct connection *c, struct scratch *s, __u32 wanted)
{
	struct message *message;
	__u32 result, bytes, end;

	if (!c || !s)
		return INJECTION_NOT_TRIED;
	message = &s->message;
	result = answer_of(m, c, s);
	if (result != INJECTION_DONE)
		return result;
	end = message->offset;
	wanted &= ~answer_has(s, s->half.http1.head_bytes);
	bytes = answer_stage(s, wanted);
	if (!bytes)
		return INJECTION_OWN_HEADER;
	result = http1_refuses_change(message, end);
	if (result)
		return result;
	if (message_need(end + bytes, message->scatter + 2) > message->space)
		return INJECTION_NO_BUDGET;
	if (message->scatter > 1 && message_pull(m, message, 0, end)) {
		count_fault(PROGRAM_MESSAGE, FAULT_PULL);
		return INJECTION_HELPER_FAILED;
	}
	if (!message_gather(m, message))
		return INJECTION_SCATTER;
	result = message_insert(m, s, end - 2, bytes) ? INJECTION_HELPER_FAILED : INJECTION_DONE;
	if (result == INJECTION_DONE) {
		message->size += bytes;
		message->offset += bytes;
		c->send.next_seq += bytes;
	}
	if (result == INJECTION_DONE)
		http1_linearise(m, message);
	return result;
}

/* A member's receive must not be one that waits. */
static __always_inline bool socket_blocks(const struct tcp_sock *tp)
{
	const struct socket *socket = tp->inet_conn.icsk_inet.sk.sk_socket;

	return !socket || !(socket->file->f_flags & O_NONBLOCK);
}

/* Is this a socket of a kind that cannot be a member, or a call that no member should make? */
static __always_inline bool answerer_is_unfit(const struct tcp_sock *tp)
{
	return tp->inet_conn.icsk_ulp_ops || socket_blocks(tp) || socket_may_zerocopy(tp) ||
	       message_unsafe_call(tp, message_registers());
}

/* Can this one not go on being a member? */
static __always_inline bool answerer_must_leave(const struct connection *c, const struct process_entry *p)
{
	return !c->id || !p || p->generation != c->generation || !answers_allowed(p) || c->send.parked ||
	       c->role != ROLE_SERVER || c->protocol != PROTOCOL_HTTP1 || c->answers == ANSWERS_PLAIN;
}

/* A response that begins where c stands, to a request that is certain. */
static __always_inline bool answer_begins(const struct connection *c, const struct tcp_sock *tp)
{
	return c->send.known && c->receive.known && !c->joining && c->send.http1.state == HTTP1_START &&
	       c->send.next_seq == tp->write_seq && !c->answers_lost && pending_count(c) > 0;
}

/* Bytes of the body that are to come behind this message, as far as they are known. */
static __always_inline __u64 answer_left(const struct connection *c, struct scratch *s)
{
	struct http1 *h = &s->half.http1;
	__u64 here = s->message.size - s->message.offset;

	http1_response_follows(h, c->pending[c->pending_begin & (PENDING_MAX - 1)].method);
	return h->state == HTTP1_BODY && h->left > here ? h->left - here : 0;
}

/* REQUIRES: the claim on c->send. Returns the bytes of this and what is known to follow. */
static __always_inline __u64 answer_message(struct sk_msg_md *m, struct connection *c, struct scratch *s,
					    const struct tcp_sock *tp)
{
	struct message *message = &s->message;
	__u32 result;

	message->size = m->size;
	message->space = message_space(tp);
	message->offset = message->windowed = message->cut = message->zerocopy = 0;
	message_look(m, message);
	s->half.http1.flags = 0;
	s->half.http1.state = HTTP1_START;
	result = answer_write(m, c, s, answer_headers);
	count_answer(result);
	if (message->cut)
		bpf_msg_apply_bytes(m, message->cut);
	if (s->half.http1.state == HTTP1_START) /* not even its first bytes were read */
		return message->size;
	return message->size + answer_left(c, s);
}

SEC("sk_msg")
int on_answer(struct sk_msg_md *m)
{
	__u64 id = bpf_get_current_pid_tgid(), bytes = m->size;
	struct bpf_sock *sk = m->sk;
	struct process_entry *p;
	struct connection *c;
	struct tcp_sock *tp;
	struct scratch *s;

	if (!sk)
		return SK_PASS;
	/* Both stick from the last run. */
	bpf_msg_apply_bytes(m, 0);
	bpf_msg_cork_bytes(m, 0);
	c = connection_get(sk);
	tp = c ? bpf_skc_to_tcp_sock(sk) : NULL;
	if (!tp || c->answers == ANSWERS_LEAVING)
		return message_let_go(m);
	p = process_get(id >> 32);
	if (answerer_is_unfit(tp)) {
		if (socket_may_zerocopy(tp)) /* each element is a notification of its own: at least make them one */
			bpf_msg_pull_data(m, 0, m->size, 0);
		answers_forbid(c);
		answers_leave(c);
		return message_let_go(m);
	}
	if (answerer_must_leave(c, p)) {
		c->answers_left = ANSWERS_LEFT_MOST + 1;
		answers_leave(c);
		return message_let_go(m);
	}
	s = NULL;
	if (answer_begins(c, tp) && half_claim(&c->send)) {
		if (answer_begins(c, tp))
			s = scratch_claim(PROGRAM_MESSAGE, settings.scratch_slots);
		if (s) {
			s->now_ns = bpf_ktime_get_ns();
			s->pid_tgid = id;
			s->outgoing = 1;
			bytes = answer_message(m, c, s, tp);
			c->bulk_score = s->message.cut ? s->message.cut : m->size;
			scratch_release(s);
		}
		half_done(c, &c->send, PROGRAM_MESSAGE);
	}
	if (!s)
		c->bulk_score += m->size;
	/* Large bodies are not to pay for membership. */
	if (bytes > ANSWER_BODY_MOST || c->bulk_score > ANSWER_BODY_MOST) {
		c->answers_left++;
		answers_leave(c);
	}
	return SK_PASS;
}

#endif
