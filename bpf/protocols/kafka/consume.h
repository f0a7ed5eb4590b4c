/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * A record that an application was given becomes what its task works on. Its headers are brought into the form of a
 * head of HTTP/1.1, so that what context, tracestate and baggage mean, and what of them may go on, is decided in one
 * place. The agent makes the record's span of the broker's response, with the same ids, and of an event when the record
 * has been processed.
 */
#ifndef WEFT_PROTOCOLS_KAFKA_CONSUME_H
#define WEFT_PROTOCOLS_KAFKA_CONSUME_H

#include "lib/kafka_records.h"
#include "protocols/http1/server.h"

/* `bytes` of raw headers in s->staging become s->head and s->text. */
WIRE_GLOBAL int kafka_record_head(struct scratch *s, __u32 bytes)
{
	struct kafka_headers *w;
	__u32 head;

	if (!s)
		return 0;
	w = &s->record_headers;
	for (__u32 k = 0; k < KAFKA_TRACE_NAME_BYTES / 8; k++)
		w->trace_name[k] = settings.trace_name[k];
	w->trace_name_bytes = settings.trace_name_bytes;
	head = kafka_headers_head(&s->staging, &s->text, w, bytes);
	return head && http1_scan_head(s, head);
}

/* A trace id that stands for a word of the application's: how long it does is known to the kernel alone. */
static __always_inline bool kafka_record_is_opaque(const struct scratch *s)
{
	return s->incoming_format == FORMAT_XTRACEID && s->incoming.opaque;
}

/* Ids and flags of s->exchange; s->record_name says which record it is. Returns enum received_values, or -1. */
WIRE_GLOBAL int kafka_record_context(struct scratch *s, struct process_entry *p)
{
	struct exchange *e;
	struct http1 *h;
	__u32 received, caller = SAMPLE_NO_CALLER, sample;
	bool more;

	if (!s || !p)
		return -1;
	e = &s->exchange;
	h = &s->head;
	more = (h->flags & HTTP1_HAS_CARRIERS) != 0;
	if (more)
		http1_read_contexts(h, s);
	received = server_context(h, s, 0, &caller); /* the ids of a new root are not its own: see below */
	if (kafka_record_is_opaque(s))
		return -1;
	if (s->event.request.attribution == ATTRIBUTION_INCOMING) {
		__builtin_memcpy(s->record_name.trace_id, e->ids.trace_id, 16);
		__builtin_memcpy(s->record_name.parent_id, e->ids.parent_span_id, 8);
	}
	kafka_record_make_ids(&s->record_name, settings.record_key[0], settings.record_key[1], &s->record_ids);
	__builtin_memcpy(e->ids.span_id, s->record_ids.span_id, 8);
	if (s->event.request.attribution != ATTRIBUTION_INCOMING)
		__builtin_memcpy(e->ids.trace_id, s->record_ids.trace_id, 16);
	s->sampling.randomness = sampling_randomness(e->ids.trace_id);
	sample = sample_record(s, p->sampling_service, sample_target(h->target), caller);
	e->flags = (e->flags & ~TRACE_FLAG_SAMPLED) | (sample & SAMPLE_YES);
	e->report = (sample & SAMPLE_REPORT) != 0;
	return (int)received;
}

/* What the record brings along, as the policy leaves it. */
WIRE_GLOBAL int kafka_record_texts(struct scratch *s, struct process_entry *p)
{
	struct http1 *h;

	if (!s || !p)
		return 0;
	s = scratch_again(s);
	if (!s)
		return 0;
	h = &s->head;
	h->target.end = h->target.start; /* rules about paths do not hold for records */
	h->flags &= ~HTTP1_HAS_CARRIERS; /* nor have they uberctx- lines */
	s->exchange.tracestate_bytes = 0;
	server_baggage(h, s, p);
	if (h->tracestate.count || s->exchange.baggage_bytes)
		http1_server_keep_texts(h, s);
	return 0;
}

/* The record of s->record_name, with `bytes` of raw headers in s->staging. Returns the exchange's id; 0: none. */
static __always_inline __u64 kafka_record_begin(struct scratch *s, struct process_entry *p, __u32 bytes)
{
	int received;

	if (!kafka_record_head(s, bytes)) {
		finding(p, FINDING_KAFKA_UNREAD);
		return 0;
	}
	s->facts = 0;
	received = kafka_record_context(s, p);
	if (received < 0)
		return 0;
	s->exchange.id = exchange_claim();
	if (!s->exchange.id) {
		count_fault(s->program, FAULT_MAP_FULL);
		return 0;
	}
	kafka_record_texts(s, p);
	exchange_begin_record(s, p, received);
	return s->exchange.id;
}

/* Whose records are followed. */
static __always_inline bool kafka_consumes(const struct process_entry *p)
{
	return p && !(p->flags & (PROCESS_INSTRUMENTED | PROCESS_TASK_NONE));
}

/*
 * The task was given a record by what it asks. Returns memory in which to begin it, to be given to
 * kafka_consumer_works; NULL: it is not known that the task works for it.
 */
static __always_inline struct scratch *kafka_consumer_given(struct process_entry *p, struct kafka_consumer *consumer,
							    struct task_key task)
{
	enum kafka_source_state source = kafka_source_gives(consumer, task);
	struct scratch *s;

	if (source == KAFKA_SOURCE_ANYBODYS)
		finding(p, FINDING_KAFKA_SHARED);
	if (source != KAFKA_SOURCE_OURS)
		return NULL;
	s = scratch_claim(PROGRAM_PROCESS, settings.scratch_slots);
	if (!s) {
		finding(p, FINDING_KAFKA_UNREAD);
		return NULL;
	}
	s->now_ns = bpf_ktime_get_ns();
	s->pid_tgid = bpf_get_current_pid_tgid();
	s->task = task;
	consumer->given_ns = s->now_ns;
	return s;
}

/* It works for the record of exchange `id`; 0: it could not be read. */
static __always_inline void kafka_consumer_works(struct scratch *s, struct kafka_consumer *consumer,
						 struct task_key task, __u64 id)
{
	__sync_lock_test_and_set(&consumer->exchange_id, id);
	scratch_release(s);
	if (!kafka_source_is(consumer, task)) /* another task has asked meanwhile, and found nothing to end */
		kafka_record_ends(task.owner, task.goroutine, KAFKA_RECORD_LEFT);
	if (kafka_consumer_get(task) != consumer) /* likewise, who let the process go */
		kafka_record_over(id, 0);
}

#endif
