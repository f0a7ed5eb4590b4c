/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * Calls by which Go's client libraries give an application records (x86-64, register arguments). A goroutine works for
 * the record that it was given last, as a thread does: see kafka_consume.h. One program for all places, told apart by
 * the cookie. Returns are seen at the functions' own return instructions: return probes change the stack, and Go moves
 * it.
 */
#ifndef WEFT_PROGRAMS_KAFKA_CONSUME_GO_H
#define WEFT_PROGRAMS_KAFKA_CONSUME_GO_H

#include "protocols/kafka/consume_go.h"

/* A reader or client is closed: what was given of it is over. */
static __always_inline void kafka_go_closed(const struct kafka_consumer *closed, struct task_key task)
{
	struct kafka_consumer *consumer = kafka_consumer_get(task);

	if (consumer && consumer->from == closed->from)
		kafka_record_ends(task.owner, task.goroutine, KAFKA_RECORD_PROCESSED);
	kafka_consumer_closes(closed, task);
}

/* franz-go has records for this goroutine, or is asked for the next one of them. */
static __always_inline void kafka_go_batch(struct task_key task, __u32 site)
{
	struct kafka_consumer *consumer = kafka_consumer_get(task);

	if (!consumer || !consumer->batch) /* it was another one that polled: it is not known from where */
		return;
	if (site == KAFKA_GO_POLLED)
		consumer->batch = KAFKA_BATCH_HERE;
	else
		consumer->asking = consumer->batch != KAFKA_BATCH_ASKED;
}

/* A call begins, or ends without a record. What the goroutine was given before is processed. */
static __always_inline int kafka_go_called(const struct process_entry *p, struct task_key task, __u32 site, __u64 first,
					   __u64 second)
{
	struct kafka_consumer fresh = {.from = first, .partition = -1}, *consumer;

	if (site == KAFKA_GO_CLOSE) {
		kafka_go_closed(&fresh, task);
		return 0;
	}
	if (site == KAFKA_GO_EVENTS && second) { /* the goroutine passes events on, as a producer's Flush does … */
		consumer = kafka_consumer_get(task);
		if (consumer) /* … maybe within a call that asks: what returns now is nothing that was consumed */
			consumer->asking = 0;
		return 0;
	}
	if (site == KAFKA_GO_READ && !first)
		return 0;
	kafka_record_ends(task.owner, task.goroutine, KAFKA_RECORD_PROCESSED);
	if (site == KAFKA_GO_READ || !kafka_consumes(p))
		return 0;
	if (site == KAFKA_GO_POLLED || site == KAFKA_GO_NEXT) {
		kafka_go_batch(task, site);
		return 0;
	}
	if (site == KAFKA_GO_POLL)
		fresh.batch = KAFKA_BATCH_ASKED;
	else
		fresh.asking = 1;
	kafka_consumer_asks(&fresh, task);
	return 0;
}

/* Where the record is that a call gives back; 0: it gives none. */
static __always_inline __u64 kafka_go_given(__u32 site, __u64 first, __u64 second, __u64 behind)
{
	switch (site) {
	case KAFKA_GO_FETCHED:
		return first ? 0 : behind;
	case KAFKA_GO_EVENT:
		return kafka_go_is_message(first, second) ? second : 0;
	default:
		return first;
	}
}

SEC("uprobe")
int on_kafka_consume_go(struct pt_regs *regs)
{
	__u64 pid_tgid = bpf_get_current_pid_tgid(), at;
	__u64 first = regs->ax, second = regs->bx, behind = regs->sp + 8;
	struct process_entry *p = process_get(pid_tgid >> 32);
	__u32 site = bpf_get_attach_cookie(regs);
	struct kafka_consumer *consumer;
	struct task_key task = {};
	struct scratch *s;

	if (!p || !p->go)
		return 0;
	task.goroutine = goroutine_now(p, pid_tgid >> 32);
	if (!task.goroutine)
		return 0;
	task.owner = pid_tgid >> 32 << 32 | p->go;
	if (site != KAFKA_GO_FETCHED && site != KAFKA_GO_NEXT_RECORD && site != KAFKA_GO_EVENT)
		return kafka_go_called(p, task, site, first, second);
	consumer = kafka_consumer_get(task);
	if (!consumer || !consumer->asking)
		return 0;
	consumer->asking = 0;
	at = kafka_go_given(site, first, second, behind);
	if (!kafka_consumes(p) || !at)
		return 0;
	s = kafka_consumer_given(p, consumer, task);
	if (s)
		kafka_consumer_works(s, consumer, task, kafka_go_record_given(s, p, at, site));
	return 0;
}

#endif
