/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/* Which parts of a Produce request may be changed, where kafka.topics names some topics. One that is not known is not.
 */
#ifndef WEFT_PROTOCOLS_KAFKA_TOPICS_H
#define WEFT_PROTOCOLS_KAFKA_TOPICS_H

#include "maps/kafka.h"
#include "maps/scratch.h"
#include "wire/kafka_produce.h"
#include "wire/kafka_topic.h"

WIRE_GLOBAL int kafka_topic_chosen(struct kafka_work *w, struct scratch *s, __u32 part)
{
	__u64 bytes, sum;
	__u8 *name;

	if (!w || !s)
		return 0;
	name = s->record_name.topic;
	bytes = kafka_part_at(w, part)->topic_bytes;
	for (__u32 k = 0; k < KAFKA_TOPIC_ROOM; k += 8)
		wire_store64(name + k, 0);
	WIRE_OPAQUE(bytes);
	if (bytes == 0 || bytes > KAFKA_TOPIC_MOST)
		return 0;
	wire_copy(name, kafka_at(&w->text, kafka_part_at(w, part)->topic_at), bytes);
	sum = kafka_topic_sum(name, (__u32)bytes);
	return late_lookup(&kafka_topics, &sum) != NULL;
}

struct kafka_topics_run {
	struct kafka_work *work;
	struct scratch *scratch;
};

static long kafka_topics_step(__u32 part, void *arg)
{
	struct kafka_topics_run *run = arg;
	struct kafka_work *w = run->work;
	bool same = part && kafka_part_at(w, part)->topic_at == kafka_part_at(w, part - 1)->topic_at;
	bool stays = same ? w->stay_parts >> ((part - 1) & 63) & 1 : !kafka_topic_chosen(w, run->scratch, part);

	if (stays)
		w->stay_parts |= 1ull << (part & 63);
	else
		w->all_stay = 0;
	return 0;
}

/* The whole request is in w->text: w->stay_parts. */
WIRE_GLOBAL int kafka_topics_choose(struct kafka_work *w, struct scratch *s)
{
	struct kafka_topics_run run = {.work = w, .scratch = s};

	if (!w || !s)
		return 0;
	w->stay_parts = w->all_stay = 0;
	if (!(s->propagation.flags & PROPAGATION_KAFKA_TOPICS))
		return 0;
	kafka_produce_skim(w);
	w->all_stay = 1;
	bpf_loop(w->part_count, kafka_topics_step, &run, 0);
	return 0;
}

#endif
