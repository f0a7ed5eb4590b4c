/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/* Entries of the table of HTTP/2 streams (maps/streams.h), which the agent reads as well. */
#ifndef WEFT_WIRE_STREAMS_H
#define WEFT_WIRE_STREAMS_H

#include "wire/port.h"

struct stream_key {
	__u64 connection_id;
	__u32 stream;
	__u32 reserved;
};

/* What goes one way of a stream. Each is written from one side only. */
struct stream_flow {
	__u64 bytes;	    /* of DATA, padding excluded */
	__u32 messages;	    /* of gRPC, if that is what it is */
	__u32 message_left; /* bytes of the message at hand still to come */
	__u8 prefix[5];	    /* of the next message: flag and length … */
	__u8 prefix_bytes;  /* … as far as it has come */
	__u8 other;	    /* it is not gRPC */
	__u8 reserved;
};

struct stream {
	__u64 exchange_id;
	__u64 first_byte_ns; /* response head complete */
	__u32 tgid, tid;     /* who read or sent the request */
	__u32 generation;    /* of that process's tracing */
	__u8 anonymous;	     /* server: nobody can refer to it, so it is not in `exchanges` */
	__u8 hidden;	     /* server: nobody may work on it, its context was not read here */
	__u8 reserved[2];
	struct stream_flow request, response;
};
WIRE_ASSERT(sizeof(struct stream) == 80, "stream layout");

#endif
