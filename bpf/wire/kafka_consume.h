/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/* Calls of client libraries by which an application is given records, and what of their memory weft has to know. */
#ifndef WEFT_WIRE_KAFKA_CONSUME_H
#define WEFT_WIRE_KAFKA_CONSUME_H

#include "wire/port.h"

/* Of librdkafka. */
enum kafka_consume_site {
	KAFKA_CONSUME_POLL = 1,	      /* client, time-out -> message */
	KAFKA_CONSUME_TOPIC,	      /* topic, partition, time-out -> message */
	KAFKA_CONSUME_QUEUE,	      /* queue, time-out -> message */
	KAFKA_CONSUME_BATCH,	      /* topic, partition, time-out, messages, most -> number */
	KAFKA_CONSUME_BATCH_QUEUE,    /* queue, time-out, messages, most -> number */
	KAFKA_CONSUME_ENDS,	      /* client or queue; gives nothing back: what was being processed is over */
	KAFKA_CONSUME_ENDS_PARTITION, /* topic, partition: the same */
};

/*
 * Of Go's libraries: beginnings of functions, and their return instructions. There the results are in registers, AX
 * first, but for those that are too long: they stand behind the return address.
 */
enum kafka_consume_go_site {
	KAFKA_GO_FETCH = 1,   /* kafka-go's (*Reader).FetchMessage: AX the reader … */
	KAFKA_GO_FETCHED,     /* … AX the type of the error, 0: none, and on the stack a Message */
	KAFKA_GO_POLL,	      /* franz-go's (*Client).PollRecords: AX the client … */
	KAFKA_GO_POLLED,      /* … what the library did with records within is over */
	KAFKA_GO_NEXT,	      /* (*FetchesRecordIter).Next, of what was polled before … */
	KAFKA_GO_NEXT_RECORD, /* … AX a Record's address */
	KAFKA_GO_EVENTS,      /* confluent-kafka-go's (*handle).eventPoll: AX the handle, BX a channel, 0: none … */
	KAFKA_GO_EVENT,	      /* … AX the event's table, BX what it is: a Message's address, or something else */
	KAFKA_GO_CLOSE,	      /* AX the reader or client */
	KAFKA_GO_READ,	      /* kafka-go's (*Reader).ReadMessage returns: AX the type of the error, 0: none */
};

/* rd_kafka_message_t: its layout is part of the library's interface. */
struct rdkafka_message {
	__s32 error;
	__u32 padding;
	__u64 topic;
	__s32 partition;
	__u32 padding2;
	__u64 payload, payload_bytes, key, key_bytes;
	__s64 offset;
	__u64 opaque;
};
WIRE_ASSERT(sizeof(struct rdkafka_message) == 72, "rd_kafka_message_t");

/*
 * What is not: offsets, found in the code of the library. `headers`: from the message on, of the length of its raw
 * headers (32 bits), behind which eight bytes on their address stands. `topic`: from the topic on, of the address of
 * its name's description, in which at `name` stands the address of the name.
 */
struct kafka_consume_layout {
	__u16 headers, topic, name;
};

/* Which records are over, whatever their threads do: those of a process, or, 0, those that were given before. */
struct release_order {
	__u32 tgid;
	__u32 padding;
	__u64 before_ns; /* CLOCK_MONOTONIC */
};

/* Cookie of a probe. */
WIRE_INLINE __u64 kafka_consume_cookie(enum kafka_consume_site site, struct kafka_consume_layout layout)
{
	return (__u64)site | (__u64)layout.headers << 16 | (__u64)layout.topic << 32 | (__u64)layout.name << 48;
}

WIRE_INLINE struct kafka_consume_layout kafka_consume_layout_of(__u64 cookie)
{
	struct kafka_consume_layout layout;

	layout.headers = (__u16)(cookie >> 16);
	layout.topic = (__u16)(cookie >> 32);
	layout.name = (__u16)(cookie >> 48);
	return layout;
}

#endif
