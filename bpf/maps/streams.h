/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/* Requests on multiplexed connections that have no complete response yet: HTTP/2 streams, by connection and number. */
#ifndef WEFT_MAPS_STREAMS_H
#define WEFT_MAPS_STREAMS_H

#include "wire/streams.h"

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

/* The live exchange of a stream that this process serves; 0: none that anybody can refer to. */
static __always_inline __u64 exchange_of_stream(__u64 connection_id, __u32 number, __u32 tgid)
{
	const struct stream *stream = stream_get(connection_id, number);

	return stream && !stream->anonymous && !stream->hidden && stream->tgid == tgid ? stream->exchange_id : 0;
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
