/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/* Does the thread that writes a request work for whom it is sent? */
#ifndef WEFT_PROTOCOLS_HTTP2_WRITER_H
#define WEFT_PROTOCOLS_HTTP2_WRITER_H

#include "lib/attribute.h"
#include "maps/exchanges.h"
#include "maps/scratch.h"
#include "maps/tasks.h"

/* So many exchanges has one thread to have written for, and nobody else, before it is taken for who works on them. */
#define WRITER_LEARNED 20u

/*
 * A thread may write what another has asked for (C-core, Netty). So on a connection that is shared the
 * thread tells whose request this is only where all of them were written by one thread, and after it has been seen to
 * be so. The first says nothing, and however many it writes while it works on one exchange say no more than one: what
 * waits for a connection is written by the thread that completes it.
 */
static __always_inline bool writer_is_known(struct http2 *h, const struct scratch *s)
{
	__u32 tid = (__u32)s->pid_tgid;
	__u64 current;
	struct task *task;

	if (!h->written) {
		h->written = 1;
		return false;
	}
	if (!h->writer)
		h->writer = tid;
	else if (h->writer != tid)
		h->writer = ~0u;
	if (h->writer != tid || h->written > WRITER_LEARNED)
		return h->writer == tid;
	task = task_get(thread_key(s->pid_tgid >> 32, tid));
	current = task ? task->current : 0;
	if (!current || (__u32)current == h->written_for || !exchange_get(current))
		return false;
	h->written_for = (__u32)current;
	return ++h->written > WRITER_LEARNED;
}

/* For `weft ps`: by what the calls on c of process `p` are told apart. */
static __always_inline void writer_is_told(const struct connection *c, struct process_entry *p)
{
	const struct http2 *h = &c->send.http2;

	if (h->writer == ~0u)
		finding(p, FINDING_HTTP2_WRITERS);
	else if (h->written > WRITER_LEARNED)
		finding(p, FINDING_HTTP2_WRITER);
}

#endif
