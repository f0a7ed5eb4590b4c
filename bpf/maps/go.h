/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/* Go programs by tgid, what was learned of where their goroutines start, and for whom their connections send. */
#ifndef WEFT_MAPS_GO_H
#define WEFT_MAPS_GO_H

#include "maps/late.h"
#include "wire/go.h"

LATE_TABLE(go_processes, BPF_MAP_TYPE_HASH, BPF_F_NO_PREALLOC, __u32, struct go_process);

static __always_inline struct go_process *go_process_get(__u32 tgid)
{
	return late_lookup(&go_processes, &tgid);
}

static __always_inline long go_process_remove(__u32 tgid)
{
	return late_delete(&go_processes, &tgid);
}

LATE_TABLE(start_sites, BPF_MAP_TYPE_HASH, BPF_F_NO_PREALLOC, struct start_site_key, struct start_site);

static __always_inline struct start_site *start_site_get(__u32 program, __u64 address)
{
	struct start_site_key key = {.program = program, .address = address};

	return late_lookup(&start_sites, &key);
}

/* Not there before. When the map is full, what starts there never inherits. */
static __always_inline long start_site_add(__u32 program, __u64 address)
{
	struct start_site_key key = {.program = program, .address = address};
	struct start_site fresh = {};

	return late_update(&start_sites, &key, &fresh, BPF_NOEXIST);
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

LATE_TABLE(go_sends, BPF_MAP_TYPE_HASH, BPF_F_NO_PREALLOC, __u64, struct go_send);

static __always_inline struct go_send *go_send_get(__u64 connection_id)
{
	return late_lookup(&go_sends, &connection_id);
}

static __always_inline long go_send_set(__u64 connection_id, const struct go_send *send)
{
	return late_update(&go_sends, &connection_id, send, BPF_ANY);
}

static __always_inline long go_send_remove(__u64 connection_id)
{
	return late_delete(&go_sends, &connection_id);
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

LATE_TABLE(go_stream_sends, BPF_MAP_TYPE_LRU_HASH, 0, struct go_stream_key, struct go_send);

static __always_inline struct go_send *go_stream_get(struct task_key task, __u32 stream)
{
	struct go_stream_key key = {.task = task, .stream = stream};

	return late_lookup(&go_stream_sends, &key);
}

static __always_inline long go_stream_set(struct task_key task, __u32 stream, const struct go_send *send)
{
	struct go_stream_key key = {.task = task, .stream = stream};

	return late_update(&go_stream_sends, &key, send, BPF_ANY);
}

static __always_inline long go_stream_remove(struct task_key task, __u32 stream)
{
	struct go_stream_key key = {.task = task, .stream = stream};

	return late_delete(&go_stream_sends, &key);
}

#endif
