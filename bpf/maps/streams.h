/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/* Requests on multiplexed connections that have no complete response yet: HTTP/2 streams, by connection and number. */
#ifndef WEFT_MAPS_STREAMS_H
#define WEFT_MAPS_STREAMS_H

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

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 16384);
	__type(key, struct stream_key);
	__type(value, struct stream);
} streams SEC(".maps");

static __always_inline struct stream *stream_get(__u64 connection_id, __u32 stream)
{
	struct stream_key key = {.connection_id = connection_id, .stream = stream};

	return bpf_map_lookup_elem(&streams, &key);
}

/* REQUIRES: `value` does not lie in memory that a global function was given (Linux before 6.2). */
static __always_inline long stream_add(__u64 connection_id, __u32 stream, const struct stream *value)
{
	struct stream_key key = {.connection_id = connection_id, .stream = stream};

	return bpf_map_update_elem(&streams, &key, value, BPF_NOEXIST);
}

/* 0 for one caller only. */
static __always_inline long stream_remove(__u64 connection_id, __u32 stream)
{
	struct stream_key key = {.connection_id = connection_id, .stream = stream};

	return bpf_map_delete_elem(&streams, &key);
}

#endif
