/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * Calls of librdkafka by which an application is given records (x86-64, System V). A thread works for the record that
 * it was given last, until it asks for the next one. One program at the calls' beginning and one at their return, for
 * all of them, told apart by the cookie.
 */
#ifndef WEFT_PROGRAMS_KAFKA_CONSUME_H
#define WEFT_PROGRAMS_KAFKA_CONSUME_H

#include "protocols/kafka/consume.h"

/* Whose records are followed. Of a goroutine not by these: its client asks for events. */
static __always_inline bool kafka_thread_consumes(const struct process_entry *p)
{
	return kafka_consumes(p) && !p->go;
}

/* The call's arguments. What the thread was given before is processed. */
SEC("uprobe")
int on_kafka_consume(struct pt_regs *regs)
{
	struct task_key thread = {.owner = bpf_get_current_pid_tgid()};
	struct process_entry *p = process_get(thread.owner >> 32);
	struct kafka_consumer fresh = {.partition = -1};
	__u32 site = (__u16)bpf_get_attach_cookie(regs);
	__u64 second = regs->si, third = regs->dx, fourth = regs->cx;

	WIRE_OPAQUE(second); /* the verifier allows no computed offset into the registers */
	WIRE_OPAQUE(third);
	WIRE_OPAQUE(fourth);
	kafka_record_ends(thread.owner, 0, KAFKA_RECORD_PROCESSED);
	if (!kafka_thread_consumes(p))
		return 0;
	fresh.from = regs->di;
	if (site == KAFKA_CONSUME_ENDS_PARTITION)
		fresh.partition = second;
	if (site == KAFKA_CONSUME_ENDS || site == KAFKA_CONSUME_ENDS_PARTITION) {
		kafka_consumer_closes(&fresh, thread);
		return 0;
	}
	fresh.asking = 1;
	if (site == KAFKA_CONSUME_TOPIC || site == KAFKA_CONSUME_BATCH)
		fresh.partition = second;
	if (site == KAFKA_CONSUME_BATCH)
		fresh.messages = fourth;
	if (site == KAFKA_CONSUME_BATCH_QUEUE)
		fresh.messages = third;
	kafka_consumer_asks(&fresh, thread);
	return 0;
}

/* The message that the call gives back; 0: none, or several, of which it is not known which one is processed when. */
static __always_inline __u64 kafka_consumed(const struct kafka_consumer *consumer, __u64 result)
{
	if (!consumer->messages)
		return result;
	return result == 1 ? user_word(consumer->messages) : 0;
}

/* s->record_name becomes that of the record. False: it cannot be read. */
WIRE_GLOBAL int kafka_record_read_name(struct scratch *s, const struct rdkafka_message *message, __u64 cookie)
{
	struct kafka_consume_layout layout = kafka_consume_layout_of(cookie);
	struct kafka_record_name *name;
	__u64 text;
	long bytes;

	if (!s || !message)
		return 0;
	name = &s->record_name;
	__builtin_memset(name, 0, sizeof(*name));
	name->tgid = s->pid_tgid >> 32;
	name->partition = message->partition;
	name->offset = message->offset;
	text = user_word(user_word(message->topic + layout.topic) + layout.name);
	bytes = bpf_probe_read_user_str(name->topic, sizeof(name->topic), (void *)text);
	return bytes > 1 && bytes < (long)sizeof(name->topic) && message->partition >= 0 && message->offset >= 0;
}

/* The raw headers go to s->staging. Returns their length, or -1. */
WIRE_GLOBAL int kafka_record_read_headers(struct scratch *s, __u64 message, __u64 cookie)
{
	struct kafka_consume_layout layout = kafka_consume_layout_of(cookie);
	__u64 at = message + layout.headers, bytes;
	__s32 length = (__s32)user_word(at);

	if (!s || length < -1)
		return -1;
	if (length <= 0) /* -1: null */
		return 0;
	bytes = length;
	WIRE_OPAQUE(bytes);
	if (bytes == 0 || bytes > KAFKA_HEADERS_BYTES ||
	    bpf_probe_read_user(s->staging.bytes, bytes, (void *)user_word(at + 8)))
		return -1;
	return (int)bytes;
}

/* The thread was given `message`. Returns the exchange's id. */
WIRE_GLOBAL __u64 kafka_record_given(struct scratch *s, struct process_entry *p, __u64 message, __u64 cookie)
{
	struct rdkafka_message head;
	int bytes;

	if (!s || !p)
		return 0;
	if (bpf_probe_read_user(&head, sizeof(head), (void *)message) || !attribute_takes_record(s, p))
		return 0;
	bytes = kafka_record_read_name(s, &head, cookie) ? kafka_record_read_headers(s, message, cookie) : -1;
	if (bytes < 0) {
		finding(p, FINDING_KAFKA_UNREAD);
		return 0;
	}
	return kafka_record_begin(s, p, bytes);
}

SEC("uprobe")
int on_kafka_consumed(struct pt_regs *regs)
{
	struct task_key thread = {.owner = bpf_get_current_pid_tgid()};
	struct process_entry *p = process_get(thread.owner >> 32);
	struct kafka_consumer *consumer = kafka_consumer_get(thread);
	struct scratch *s;
	__u64 message;

	if (!consumer || !consumer->asking)
		return 0;
	consumer->asking = 0;
	message = kafka_consumed(consumer, regs->ax);
	if (!kafka_thread_consumes(p) || !message || (__s32)user_word(message)) /* the error comes first in it */
		return 0;
	s = kafka_consumer_given(p, consumer, thread);
	if (s)
		kafka_consumer_works(s, consumer, thread,
				     kafka_record_given(s, p, message, bpf_get_attach_cookie(regs)));
	return 0;
}

static long kafka_release_step(struct bpf_map *map, struct task_key *task, struct kafka_consumer *consumer,
			       struct release_order *order)
{
	struct task_key key = *task;
	struct process_entry *p;

	if (order->tgid && key.owner >> 32 == order->tgid) {
		kafka_consumer_gone(key, KAFKA_RECORD_LEFT);
		return 0;
	}
	if (!order->tgid && key.goroutine && !consumer->exchange_id && consumer->given_ns < order->before_ns) {
		p = process_get(key.owner >> 32);
		if (p && p->go_rests) /* the ends of its goroutines are not seen */
			kafka_consumer_gone(key, KAFKA_RECORD_LEFT);
		return 0;
	}
	if (!order->tgid && consumer->exchange_id && consumer->given_ns < order->before_ns)
		kafka_record_ends(key.owner, key.goroutine, KAFKA_RECORD_LEFT);
	return 0;
}

static long kafka_forget_source_step(struct bpf_map *map, struct kafka_source *source, struct kafka_asker *asker,
				     struct release_order *order)
{
	struct kafka_source key = *source;

	if (key.tgid == order->tgid)
		late_delete(&kafka_sources, &key);
	return 0;
}

/* The process is no longer traced, or time has passed: nobody works for a record for ever. */
SEC("syscall")
int release_records(struct release_order *order)
{
	struct release_order of = *order;
	void *consumers = late_table(&kafka_consumers), *sources = late_table(&kafka_sources);

	if (consumers)
		bpf_for_each_map_elem(consumers, kafka_release_step, &of, 0);
	if (sources && of.tgid)
		bpf_for_each_map_elem(sources, kafka_forget_source_step, &of, 0);
	return 0;
}

#endif
