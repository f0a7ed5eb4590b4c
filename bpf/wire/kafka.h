/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/* Kafka frames: what a request or a response begins with (all integers big-endian), and which of them are of interest.
 */
#ifndef WEFT_WIRE_KAFKA_H
#define WEFT_WIRE_KAFKA_H

#include "wire/words.h"

enum kafka_api {
	KAFKA_PRODUCE = 0,
	KAFKA_FETCH = 1,
	KAFKA_LIST_OFFSETS = 2,
	KAFKA_METADATA = 3,
	KAFKA_OFFSET_COMMIT = 8,
	KAFKA_FIND_COORDINATOR = 10,
	KAFKA_JOIN_GROUP = 11,
	KAFKA_SYNC_GROUP = 14,
	KAFKA_SASL_HANDSHAKE = 17,
	KAFKA_API_VERSIONS = 18,
	KAFKA_CONSUMER_GROUP_HEARTBEAT = 68,
};
#define KAFKA_API_MOST 127u	 /* higher keys are no request */
#define KAFKA_VERSION_MOST 31u	 /* nor are higher versions */
#define KAFKA_PRODUCE_FIRST 3u	 /* versions of Produce whose batches are of format 2 … */
#define KAFKA_PRODUCE_LAST 13u	 /* … and whose form is known */
#define KAFKA_PRODUCE_CHANGED 5u /* lower ones are not changed: see docs/decisions/kafka-records.md */
#define KAFKA_PRODUCE_COMPACT 9u /* from here on lengths are compact and fields may be tagged */
#define KAFKA_PRODUCE_IDS 13u	 /* from here on topics are ids */
#define KAFKA_FETCH_FIRST 4u	 /* the version of Fetch that came with them */
#define KAFKA_LIST_OFFSETS_FIRST 1u
#define KAFKA_CLIENT_ID_MOST 1024u
#define KAFKA_FRAME_MOST (100u << 20) /* what a broker takes by default: socket.request.max.bytes */

#define KAFKA_LENGTH_BYTES 4u
#define KAFKA_REQUEST_HEAD 14u /* length, key, version, correlation id, length of the client id */
#define KAFKA_RESPONSE_HEAD 8u /* length, correlation id */

struct kafka_head {
	__u32 frame_bytes; /* without the length itself */
	__s32 correlation_id;
	__u16 api_key;
	__u16 api_version;
	__s32 client_id_bytes; /* -1: null */
};

WIRE_INLINE __u16 kafka_u16(const __u8 *at)
{
	return (__u16)(at[0] << 8 | at[1]);
}

WIRE_INLINE __u32 kafka_u32(const __u8 *at)
{
	return (__u32)at[0] << 24 | (__u32)at[1] << 16 | (__u32)at[2] << 8 | at[3];
}

WIRE_INLINE void kafka_put_u32(__u8 *to, __u32 value)
{
	to[0] = (__u8)(value >> 24);
	to[1] = (__u8)(value >> 16);
	to[2] = (__u8)(value >> 8);
	to[3] = (__u8)value;
}

/* An unsigned varint of 32 bits, 8 bytes readable: its width in bytes << 32 | its value; 0: it is none. */
WIRE_INLINE __u64 kafka_varint(const __u8 *at)
{
	__u64 word = wire_load64(at), last = ~word & 0x8080808080ull, x;

	if (!last)
		return 0;
	x = word & 0x7f7f7f7f7full & ((last & -last) - 1);
	if (x >> 36) /* more than 32 bits */
		return 0;
	x = (x & 0x7f) | (x >> 1 & 0x3f80) | (x >> 2 & 0x1fc000) | (x >> 3 & 0xfe00000) | (x >> 4 & 0xf0000000);
	return (__u64)(word_first(last) + 1) << 32 | x;
}

/* Width of a varint of up to 64 bits, which is not read; 16 bytes readable. 0: it is none. */
WIRE_INLINE __u32 kafka_varint_width(const __u8 *at)
{
	__u64 last = ~wire_load64(at) & WORD_HIGH;

	if (last)
		return word_first(last) + 1;
	if (!(at[8] & 0x80))
		return 9;
	return at[9] & 0x80 ? 0 : 10;
}

/* The first KAFKA_REQUEST_HEAD bytes of a request. False: it is none. */
WIRE_INLINE bool kafka_request_head(const __u8 *bytes, struct kafka_head *head)
{
	head->frame_bytes = kafka_u32(bytes);
	head->api_key = kafka_u16(bytes + 4);
	head->api_version = kafka_u16(bytes + 6);
	head->correlation_id = (__s32)kafka_u32(bytes + 8);
	head->client_id_bytes = (__s16)kafka_u16(bytes + 12);
	if (head->frame_bytes < KAFKA_REQUEST_HEAD - KAFKA_LENGTH_BYTES || head->frame_bytes > KAFKA_FRAME_MOST)
		return false;
	if (head->api_key > KAFKA_API_MOST || head->api_version > KAFKA_VERSION_MOST)
		return false;
	return head->client_id_bytes >= -1 && head->client_id_bytes <= (__s32)KAFKA_CLIENT_ID_MOST &&
	       head->client_id_bytes <= (__s32)(head->frame_bytes - (KAFKA_REQUEST_HEAD - KAFKA_LENGTH_BYTES));
}

/* The first KAFKA_RESPONSE_HEAD bytes of a response. */
WIRE_INLINE bool kafka_response_head(const __u8 *bytes, struct kafka_head *head)
{
	head->frame_bytes = kafka_u32(bytes);
	head->correlation_id = (__s32)kafka_u32(bytes + 4);
	head->api_key = head->api_version = 0;
	head->client_id_bytes = -1;
	return head->frame_bytes >= KAFKA_RESPONSE_HEAD - KAFKA_LENGTH_BYTES && head->frame_bytes <= 0x7fffffffu;
}

/*
 * Clients begin a connection with one of these, kafka-go's readers with the question for offsets. Lower versions of
 * some are nobody's any more, and other protocols begin like them: ZooKeeper's clients with zeros, which even their
 * answers repeat.
 */
WIRE_INLINE bool kafka_may_begin(const struct kafka_head *head)
{
	switch (head->api_key) {
	case KAFKA_API_VERSIONS:
	case KAFKA_METADATA:
	case KAFKA_SASL_HANDSHAKE:
	case KAFKA_FIND_COORDINATOR:
		return true;
	case KAFKA_PRODUCE:
		return head->api_version >= KAFKA_PRODUCE_FIRST;
	case KAFKA_FETCH:
		return head->api_version >= KAFKA_FETCH_FIRST;
	case KAFKA_LIST_OFFSETS:
		return head->api_version >= KAFKA_LIST_OFFSETS_FIRST;
	}
	return false;
}

/* How many bytes of such a frame the agent is to see; 0: none. */
WIRE_INLINE __u32 kafka_kept(__u16 api_key, bool response)
{
	switch (api_key) {
	case KAFKA_PRODUCE:
		return response ? 16384 : 0; /* a request is told of in short: struct kafka_produce */
	case KAFKA_FETCH:
		return response ? 1u << 20 : 1024;
	case KAFKA_METADATA:
		return response ? 1u << 18 : 0;
	case KAFKA_OFFSET_COMMIT:
	case KAFKA_JOIN_GROUP:
	case KAFKA_CONSUMER_GROUP_HEARTBEAT:
		return response ? 0 : 1024;
	}
	return 0;
}

#endif
