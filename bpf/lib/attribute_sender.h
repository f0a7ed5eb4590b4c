/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/* For whom a message is sent: by the task that sends it, or by what its caller has said of it (Go, C-core). */
#ifndef WEFT_LIB_ATTRIBUTE_SENDER_H
#define WEFT_LIB_ATTRIBUTE_SENDER_H

#include "lib/attribute.h"

/* What a task said of the message that another one writes for it. */
static __always_inline int attribute_by_note(struct scratch *s, const struct process_entry *p,
					     const struct go_send *send)
{
	s->parent.exchange_id = 0;
	if (!send->exchange_id || !exchange_copy(send->exchange_id, &s->exchange) ||
	    s->exchange.tgid != s->pid_tgid >> 32 || s->exchange.generation != p->generation)
		return ATTRIBUTION_NONE;
	parent_is(s, &s->exchange);
	return send->attribution;
}

/*
 * The request that HTTP/2 stream s->stream of a Go program is begun for. Known where gRPC's caller has said so, or
 * where the goroutine that writes was started to send this one request. Others write for whoever comes.
 */
WIRE_GLOBAL int attribute_stream(struct scratch *s, struct process_entry *p)
{
	struct go_send *send;
	struct start_site *site;
	struct task *task;

	if (!s || !p)
		return ATTRIBUTION_NONE;
	s->parent.exchange_id = 0;
	if (s->task.goroutine == GOROUTINE_UNKNOWN)
		return ATTRIBUTION_NONE;
	send = go_stream_get(s->task, s->stream);
	if (send)
		return attribute_by_note(s, p, send);
	task = task_get(s->task);
	site = task && task->site ? start_site_get((__u32)s->task.owner, task->site) : NULL;
	return site && site->kind == START_SITE_SENDER ? attribute_task(s, p) : ATTRIBUTION_NONE;
}

/*
 * The request that HTTP/2 stream s->stream on c is begun for, in a process that calls by C-core. Nobody's when no one
 * has said so: who writes it says nothing there.
 */
WIRE_GLOBAL int attribute_grpc_core(struct connection *c, struct scratch *s, struct process_entry *p)
{
	struct grpc_core_note note;
	struct grpc_core_key key;
	struct go_send send;

	if (!c || !s || !p)
		return ATTRIBUTION_NONE;
	s->parent.exchange_id = 0;
	key = grpc_core_stream_key(c->id, s->stream);
	if (!grpc_core_note_get(&key, &note))
		return ATTRIBUTION_NONE;
	s->task = thread_key(s->pid_tgid >> 32, (__u32)s->pid_tgid);
	send.exchange_id = p->flags & PROCESS_TASK_NONE ? 0 : note.exchange_id;
	send.attribution = note.attribution;
	return attribute_by_note(s, p, &send);
}

/* The request that the next message on client connection c is sent for, likewise. */
WIRE_GLOBAL int attribute_sender(struct connection *c, struct scratch *s, struct process_entry *p)
{
	struct go_send send;
	int attribution;

	if (!c || !s || !p)
		return ATTRIBUTION_NONE;
	s->in_birth = 0;
	if (s->stream && (p->findings & FINDING_GRPC_CORE))
		return attribute_grpc_core(c, s, p);
	if (s->task_unknown || s->by_io_uring) {
		s->parent.exchange_id = 0;
		return ATTRIBUTION_NONE;
	}
	if (p->go && c->protocol != PROTOCOL_HTTP2) {
		if (go_send_get(c->id, &send)) /* the goroutine that writes serves whoever comes */
			return attribute_by_note(s, p, &send);
	}
	task_now(s, p);
	if (p->go && c->protocol == PROTOCOL_HTTP2)
		return attribute_stream(s, p);
	attribution = attribute_task(s, p);
	/* A library starts the thread that writes for all at the first call, hence within whose request that one is. */
	if (c->protocol != PROTOCOL_HTTP2 || attribution != ATTRIBUTION_INHERITED)
		return attribution;
	s->parent.exchange_id = 0;
	return ATTRIBUTION_NONE;
}

WIRE_GLOBAL int attribute_stream_sent(struct scratch *s)
{
	if (s)
		go_stream_remove(s->task, s->stream);
	return 0;
}

/* The task of s->task has sent what it was asked about. */
static __always_inline void attribute_acted(struct scratch *s)
{
	struct task *task;

	if (!s->in_birth)
		return;
	s->in_birth = 0;
	task = task_get(s->task);
	if (task)
		task_acted(task, s->task);
}

/* The message is on its way: the next one is sent for somebody else. */
static __always_inline void attribute_sent(const struct connection *c, struct scratch *s)
{
	attribute_acted(s);
	if (s->stream) {
		if (s->decision.attribution == ATTRIBUTION_TASK || s->decision.attribution == ATTRIBUTION_INHERITED)
			attribute_stream_sent(s);
		return;
	}
	go_send_done(c->id);
}

#endif
