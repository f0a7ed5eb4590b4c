/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/* What goes up of a Produce request: struct kafka_produce and what follows it. Keys, values and headers do not. */
#ifndef WEFT_WIRE_KAFKA_SUMMARY_H
#define WEFT_WIRE_KAFKA_SUMMARY_H

#include "wire/events.h"
#include "wire/head_text.h"
#include "wire/kafka_each.h"

#define KAFKA_SUMMARY_CLIENT_MOST 255u

struct kafka_summary_run {
	struct kafka_work *work;
	struct head_text *text;
};

WIRE_STEP kafka_summary_step(__u32 i, void *arg)
{
	struct kafka_summary_run *run = (struct kafka_summary_run *)arg;
	struct kafka_work *w = run->work;
	struct kafka_part *part = kafka_part_at(w, i);
	struct kafka_produce_partition entry = {0, 0, 0, 0, 0, 0, 0, 0};
	__u16 each = (__u16)kafka_each_in(w, i); /* here, for the stack */
	__u64 bytes = part->topic_bytes;
	__u32 at = w->summary_at;

	if (!(w->summary_parts >> (i & 63) & 1))
		return 0;
	if (w->summary_topic == part->topic_at)
		bytes = 0;
	WIRE_OPAQUE(bytes);
	WIRE_OPAQUE(at);
	if (bytes > KAFKA_TOPIC_MOST || at > HEAD_TEXT_CAP - 512 || at + sizeof(entry) + bytes > w->summary_most)
		return 1;
	w->summary_topic = part->topic_at;
	entry.partition = part->partition;
	entry.records = part->records;
	entry.topic_bytes = (__u16)bytes;
	entry.topic_is_id = w->version >= KAFKA_PRODUCE_IDS;
	entry.compression = part->compression;
	entry.magic = part->magic;
	entry.each = each;
	__builtin_memcpy(run->text->bytes + at, &entry, sizeof(entry));
	if (bytes)
		wire_copy(run->text->bytes + at + sizeof(entry), kafka_at(&w->text, part->topic_at), bytes);
	w->summary_at = at + (__u32)sizeof(entry) + (__u32)bytes;
	w->listed++;
	return 0;
}

/* At most `most` bytes, 300 at least, into the text. Returns how many. REQUIRES: kafka_produce_read(). */
WIRE_GLOBAL __u32 kafka_summary(struct kafka_work *w, struct head_text *text, __u32 most)
{
	struct kafka_produce head;
	struct kafka_summary_run run;
	__u64 client;

	if (!w || !text || most < 300)
		return 0;
	client = w->client_id_bytes;
	WIRE_OPAQUE(client);
	if (client > KAFKA_SUMMARY_CLIENT_MOST)
		client = KAFKA_SUMMARY_CLIENT_MOST;
	if (client)
		wire_copy(text->bytes + sizeof(head), kafka_at(&w->text, w->client_id_at), client);
	run.work = w;
	run.text = text;
	w->summary_at = (__u32)(sizeof(head) + client);
	w->summary_most = most;
	w->summary_topic = w->listed = 0;
	if (w->part_count)
		wire_loop(w->part_count, kafka_summary_step, &run);
	__builtin_memset(&head, 0, sizeof(head));
	head.api_version = (__u16)w->version;
	head.acks = (__s16)w->acks;
	head.client_id_bytes = (__u16)client;
	head.listed = (__u16)w->listed;
	head.partitions = w->partitions;
	head.records = w->records;
	head.injected = w->new_length ? w->changed : 0;
	head.each = w->new_length && w->each;
	head.whole = w->outcome == KAFKA_WHOLE;
	head.transactional = w->transactional != 0;
	__builtin_memcpy(text->bytes, &head, sizeof(head));
	return w->summary_at;
}

#endif
