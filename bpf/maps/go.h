/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/* Go programs by tgid, what was learned of where their goroutines start, and for whom their connections send. */
#ifndef WEFT_MAPS_GO_H
#define WEFT_MAPS_GO_H

#include "wire/go.h"

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 16384);
	__type(key, __u32);
	__type(value, struct go_process);
} go_processes SEC(".maps");

static __always_inline struct go_process *go_process_get(__u32 tgid)
{
	return bpf_map_lookup_elem(&go_processes, &tgid);
}

static __always_inline long go_process_remove(__u32 tgid)
{
	return bpf_map_delete_elem(&go_processes, &tgid);
}

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 32768);
	__type(key, struct start_site_key);
	__type(value, struct start_site);
} start_sites SEC(".maps");

static __always_inline struct start_site *start_site_get(__u32 program, __u64 address)
{
	struct start_site_key key = {.program = program, .address = address};

	return bpf_map_lookup_elem(&start_sites, &key);
}

/* Not there before. When the map is full, what starts there never inherits. */
static __always_inline long start_site_add(__u32 program, __u64 address)
{
	struct start_site_key key = {.program = program, .address = address};
	struct start_site fresh = {};

	return bpf_map_update_elem(&start_sites, &key, &fresh, BPF_NOEXIST);
}

/*
 * Whom the next request on a client connection is sent for, as the goroutine said that asked for it: another one
 * writes it. By the connection's id; lives as long as the socket.
 */
struct go_send {
	__u64 exchange_id; /* 0: nobody's that is known, or sent */
	__u32 attribution; /* enum attribution */
	__u32 reserved;
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 65536);
	__type(key, __u64);
	__type(value, struct go_send);
} go_sends SEC(".maps");

static __always_inline struct go_send *go_send_get(__u64 connection_id)
{
	return bpf_map_lookup_elem(&go_sends, &connection_id);
}

static __always_inline long go_send_set(__u64 connection_id, const struct go_send *send)
{
	return bpf_map_update_elem(&go_sends, &connection_id, send, BPF_ANY);
}

static __always_inline long go_send_remove(__u64 connection_id)
{
	return bpf_map_delete_elem(&go_sends, &connection_id);
}

/*
 * The same for gRPC, where many wait for one goroutine to write: first by the address of the request's header fields,
 * then by the goroutine that writes them and the stream. Of what is never sent the oldest goes.
 */
struct go_stream_key {
	struct task_key task; /* the writer's; goroutine: or the address */
	__u32 stream;	      /* 0: by address */
	__u32 reserved;
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 8192);
	__type(key, struct go_stream_key);
	__type(value, struct go_send);
} go_stream_sends SEC(".maps");

static __always_inline struct go_send *go_stream_get(struct task_key task, __u32 stream)
{
	struct go_stream_key key = {.task = task, .stream = stream};

	return bpf_map_lookup_elem(&go_stream_sends, &key);
}

static __always_inline long go_stream_set(struct task_key task, __u32 stream, const struct go_send *send)
{
	struct go_stream_key key = {.task = task, .stream = stream};

	return bpf_map_update_elem(&go_stream_sends, &key, send, BPF_ANY);
}

static __always_inline long go_stream_remove(struct task_key task, __u32 stream)
{
	struct go_stream_key key = {.task = task, .stream = stream};

	return bpf_map_delete_elem(&go_stream_sends, &key);
}

#endif
