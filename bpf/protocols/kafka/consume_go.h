/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * Records in the memory of Go programs, as the structures of their client libraries. Their headers, structures too, are
 * brought into the form that they have on the wire: from there on all records are alike.
 */
#ifndef WEFT_PROTOCOLS_KAFKA_CONSUME_GO_H
#define WEFT_PROTOCOLS_KAFKA_CONSUME_GO_H

#include "lib/go_types.h"
#include "protocols/kafka/consume.h"

/* Where their fields are. kafka-go's Message: Topic, Partition (an int), Offset, HighWaterMark, Key, Value, Headers, …
 */
#define SEGMENTIO_PARTITION 16u
#define SEGMENTIO_OFFSET 24u
#define SEGMENTIO_HEADERS 88u

/* kgo.Record: Key, Value, Headers, Timestamp, Topic, Partition (an int32), Attrs, Producer…, LeaderEpoch, Offset, … */
#define FRANZ_HEADERS 48u
#define FRANZ_TOPIC 96u
#define FRANZ_PARTITION 112u
#define FRANZ_OFFSET 136u

/* confluent-kafka-go's Message: Topic (an address), Partition (an int32), Offset, Metadata, Error, …, Headers, … */
#define CONFLUENT_PARTITION 8u
#define CONFLUENT_OFFSET 16u
#define CONFLUENT_ERROR 32u
#define CONFLUENT_HEADERS 152u
#define CONFLUENT_BYTES 184u

/* A header of each: Key, a string, and Value, a slice of bytes. */
#define GO_HEADER_WORDS 5u

#define GO_VARINT 3u /* so many bytes for each length: longer than need be, as is allowed */
#define GO_VARINT_NULL 1u

/* An unsigned varint of `value`, which has 16 bits at most. */
static __always_inline __u64 kafka_go_varint(__u64 value)
{
	return (value & 0x7f) | 0x80 | (value << 1 & 0x7f00) | 0x8000 | value >> 14 << 16;
}

struct kafka_go_record {
	__u64 topic, topic_bytes;
	__u64 partition, offset;
	__u64 headers, header_count;
};

struct kafka_go_layout {
	__u64 topic, partition, offset, headers;
};

static __always_inline struct kafka_go_layout kafka_go_layout_at(__u64 at, __u32 site)
{
	struct kafka_go_layout layout = {at, at + SEGMENTIO_PARTITION, at + SEGMENTIO_OFFSET, at + SEGMENTIO_HEADERS};

	if (site == KAFKA_GO_NEXT_RECORD) {
		layout.topic = at + FRANZ_TOPIC;
		layout.partition = at + FRANZ_PARTITION;
		layout.offset = at + FRANZ_OFFSET;
		layout.headers = at + FRANZ_HEADERS;
	}
	if (site == KAFKA_GO_EVENT) {
		layout.topic = user_word(at);
		layout.partition = at + CONFLUENT_PARTITION;
		layout.offset = at + CONFLUENT_OFFSET;
		layout.headers = at + CONFLUENT_HEADERS;
	}
	return layout;
}

/* False: it cannot be read. */
static __always_inline bool kafka_go_read(__u64 at, __u32 site, struct kafka_go_record *record)
{
	struct kafka_go_layout layout = kafka_go_layout_at(at, site);

	if (!user_word_read(layout.topic, &record->topic) || !user_word_read(layout.topic + 8, &record->topic_bytes) ||
	    !user_word_read(layout.partition, &record->partition) || !user_word_read(layout.offset, &record->offset) ||
	    !user_word_read(layout.headers, &record->headers) ||
	    !user_word_read(layout.headers + 8, &record->header_count))
		return false;
	if (site != KAFKA_GO_FETCHED)
		record->partition = (__u32)record->partition;
	return true;
}

/* Is it a Message without an error, of all events that confluent-kafka-go gives? */
static __always_inline bool kafka_go_is_message(__u64 table, __u64 data)
{
	__u64 type = 0, element = 0, bytes = 0, error = 1;

	return table && user_word_read(table + GO_ITAB_TYPE, &type) && go_kind(type) == GO_KIND_POINTER &&
	       user_word_read(type + GO_POINTER_ELEMENT, &element) && user_word_read(element, &bytes) &&
	       bytes == CONFLUENT_BYTES && user_word_read(data + CONFLUENT_ERROR, &error) && !error;
}

/* s->record_name becomes that of the record. False: it cannot be read, or there is none. */
WIRE_GLOBAL int kafka_go_read_name(struct scratch *s, const struct kafka_go_record *record)
{
	struct kafka_record_name *name;
	__u64 bytes;

	if (!s || !record)
		return 0;
	name = &s->record_name;
	__builtin_memset(name, 0, sizeof(*name));
	name->tgid = s->pid_tgid >> 32;
	name->partition = record->partition;
	name->offset = record->offset;
	bytes = record->topic_bytes;
	WIRE_OPAQUE(bytes);
	if (bytes == 0 || bytes >= sizeof(name->topic) || record->partition > 0x7fffffff || record->offset >> 63)
		return 0;
	return !bpf_probe_read_user(name->topic, bytes, (void *)record->topic);
}

/* A length, and so many bytes of the process, go to s->staging at `to`. Returns their end; 0: they do not fit, or
 * cannot be read. */
WIRE_GLOBAL __u32 kafka_go_put(struct scratch *s, __u32 to, __u64 from, __u64 bytes)
{
	if (!s || to > KAFKA_HEADERS_BYTES || bytes > KAFKA_HEADERS_BYTES ||
	    to + GO_VARINT + bytes > KAFKA_HEADERS_BYTES)
		return 0;
	wire_store64(s->staging.bytes + to, kafka_go_varint(from ? bytes << 1 : GO_VARINT_NULL));
	to += GO_VARINT;
	WIRE_OPAQUE(bytes);
	if (!from || bytes == 0)
		return to;
	if (bytes > KAFKA_HEADERS_BYTES || bpf_probe_read_user(s->staging.bytes + to, bytes, (void *)from))
		return 0;
	return to + (__u32)bytes;
}

struct kafka_go_headers {
	struct scratch *s;
	__u64 array, count;
	__u32 to; /* 0: there is one that cannot be read */
};

static long kafka_go_header_step(__u32 i, void *arg)
{
	struct kafka_go_headers *run = arg;
	__u64 words[GO_HEADER_WORDS] = {};

	if (i >= run->count || !run->to)
		return 1;
	if (bpf_probe_read_user(words, sizeof(words), (void *)(run->array + i * sizeof(words)))) {
		run->to = 0;
		return 1;
	}
	/* A name is never null, though an empty one may have no address. */
	run->to = kafka_go_put(run->s, run->to, words[0] ? words[0] : run->array, words[0] ? words[1] : 0);
	if (run->to)
		run->to = kafka_go_put(run->s, run->to, words[2], words[3]);
	return 0;
}

/* The headers go to s->staging as they are on the wire. Returns their length, or -1. */
WIRE_GLOBAL int kafka_go_read_headers(struct scratch *s, const struct kafka_go_record *record)
{
	struct kafka_go_headers run = {};

	if (!s || !record || record->header_count > KAFKA_HEADERS_READ)
		return -1;
	if (!record->header_count)
		return 0;
	run.s = s;
	run.array = record->headers;
	run.count = record->header_count;
	wire_store64(s->staging.bytes, kafka_go_varint(run.count << 1)); /* as a length is written */
	run.to = GO_VARINT;
	bpf_loop(KAFKA_HEADERS_READ, kafka_go_header_step, &run, 0);
	return run.to ? (int)run.to : -1;
}

/* The task of s->task was given the record at `at`. Returns the exchange's id; 0: none. */
WIRE_GLOBAL __u64 kafka_go_record_given(struct scratch *s, struct process_entry *p, __u64 at, __u32 site)
{
	struct kafka_go_record record = {};
	int bytes = -1;

	if (!s || !p || !attribute_takes_record(s, p))
		return 0;
	if (kafka_go_read(at, site, &record) && kafka_go_read_name(s, &record))
		bytes = kafka_go_read_headers(s, &record);
	if (bytes < 0) {
		finding(p, FINDING_KAFKA_UNREAD);
		return 0;
	}
	return kafka_record_begin(s, p, bytes);
}

#endif
