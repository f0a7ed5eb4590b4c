/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/* Kafka framing: what is kept of one direction between two calls, and how a frame is followed. */
#ifndef WEFT_WIRE_KAFKA_STATE_H
#define WEFT_WIRE_KAFKA_STATE_H

#include "wire/kafka.h"

/* Apart from 0, no number of enum http1_state or http2_state: they share their place in a connection. */
enum kafka_state {
	KAFKA_BETWEEN = 0, /* no frame is under way; also a fresh struct of zeros */
	KAFKA_HEAD = 96,   /* in what is looked at together: `have` bytes of `small` are there */
	KAFKA_KEEP,	   /* in bytes of a frame that the agent is to see */
	KAFKA_SKIP,	   /* in bytes that say nothing */
};

struct kafka {
	__u8 state; /* enum kafka_state */
	__u8 have;
	__u8 confirmed; /* responses: one had the correlation id of a request */
	__u8 refused;	/* responses: the broker has refused a batch that was changed */
	__u8 strange;	/* responses before that, of which nothing is known */
	__u8 matched;	/* a response whose request is known */
	__u8 changed;	/* … and was changed */
	__u8 answers; /* responses, while a connection is joined in mid-life: so many in a row whose request is known */
	__u16 api_key, api_version; /* of the frame at hand */
	__s32 correlation_id;
	__u32 frame_bytes;
	__u32 offset;	/* in the frame, from its length's end on, of the next byte … */
	__u32 left;	/* … and so many are still to come */
	__u32 keep;	/* of those, so many are to go up */
	__s32 answered; /* correlation id of the last of those */
	__u32 sequence; /* frames that have gone up, in part at least */
	__u8 small[16];
};

WIRE_INLINE __u32 kafka_head_wanted(bool response)
{
	return response ? KAFKA_RESPONSE_HEAD : KAFKA_REQUEST_HEAD;
}

/* The head of a frame is there. False: it is none. What follows is in k->left, and is stepped over. */
WIRE_INLINE bool kafka_frame_begins(struct kafka *k, const __u8 *bytes, bool response)
{
	struct kafka_head head;

	if (!(response ? kafka_response_head(bytes, &head) : kafka_request_head(bytes, &head)))
		return false;
	k->api_key = head.api_key;
	k->api_version = head.api_version;
	k->correlation_id = head.correlation_id;
	k->frame_bytes = head.frame_bytes;
	k->offset = kafka_head_wanted(response) - KAFKA_LENGTH_BYTES;
	k->left = head.frame_bytes - k->offset;
	k->keep = 0;
	k->have = 0;
	k->matched = k->changed = 0;
	k->state = k->left ? KAFKA_SKIP : KAFKA_BETWEEN;
	return true;
}

/* So many more bytes of the frame have been dealt with. */
WIRE_INLINE void kafka_took(struct kafka *k, __u32 bytes)
{
	k->offset += bytes;
	k->left -= bytes;
	if (k->state == KAFKA_KEEP) {
		k->keep -= bytes;
		if (!k->keep)
			k->state = KAFKA_SKIP;
	}
	if (!k->left)
		k->state = KAFKA_BETWEEN;
}

#define KAFKA_CLIENT_SEEN 8u /* so much of its name */
#define KAFKA_CONTINUES_BYTES (KAFKA_REQUEST_HEAD + KAFKA_CLIENT_SEEN)

/* Is the beginning of a name of `bytes` printable ASCII, of which `seen` are there? Eight bytes at `p` can be read. */
WIRE_INLINE bool kafka_is_text(const __u8 *p, __u32 bytes, __u32 seen)
{
	__u64 word = wire_load64(p), ones = 0x0101010101010101ULL;

	if (bytes > seen)
		bytes = seen;
	if (bytes < 8) /* the others are as good as any */
		word = (word & ((1ULL << (8 * bytes)) - 1)) | (0x2020202020202020ULL << (8 * bytes));
	/* A byte below 0x20, one above 0x7f, or 0x7f. */
	return !(((word - ones * 0x20) | word | (word + ones)) & (ones << 7));
}

/*
 * May a connection go on with this request, all of which is there? KAFKA_CONTINUES_BYTES can be read at `bytes`, `seen`
 * of which are its own. Responses of a
 * broker can look like one, those of old versions that begin with a number of topics and the name of one: what such a
 * connection receives does not answer it.
 */
WIRE_INLINE bool kafka_continues(const __u8 *bytes, __u32 seen, __u32 have)
{
	struct kafka_head head;

	if (seen < KAFKA_REQUEST_HEAD || !kafka_request_head(bytes, &head) || head.client_id_bytes <= 0)
		return false;
	if (!kafka_is_text(bytes + KAFKA_REQUEST_HEAD, head.client_id_bytes, seen - KAFKA_REQUEST_HEAD))
		return false;
	if (head.frame_bytes > have - KAFKA_LENGTH_BYTES)
		return false;
	if (head.api_key == KAFKA_PRODUCE)
		return head.api_version >= KAFKA_PRODUCE_FIRST;
	return head.api_key != KAFKA_FETCH || head.api_version >= KAFKA_FETCH_FIRST;
}

/* May a connection begin with this request, all of which is there? */
WIRE_INLINE bool kafka_opens(const __u8 *bytes, __u32 have)
{
	struct kafka_head head;
	__u32 client;

	if (have < KAFKA_REQUEST_HEAD || !kafka_request_head(bytes, &head) || !kafka_may_begin(&head))
		return false;
	if (head.frame_bytes > have - KAFKA_LENGTH_BYTES)
		return false;
	client = head.client_id_bytes > 0 ? (__u32)head.client_id_bytes : 0;
	if (head.api_key != KAFKA_API_VERSIONS)
		return true;
	client += KAFKA_REQUEST_HEAD - KAFKA_LENGTH_BYTES;
	/* From version 3 on: tags, name and version of the client's software, tags. */
	return head.api_version < 3 ? head.frame_bytes == client : head.frame_bytes >= client + 4;
}

#endif
