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
 * writes it. Lives as long as the socket, at the place that the connection's id says, or in a hash where that is taken.
 */
struct go_send {
	__u64 exchange_id; /* 0: nobody's that is known, or sent */
	__u32 attribution; /* enum attribution */
	__u32 reserved;
};

LATE_TABLE(go_sends, BPF_MAP_TYPE_HASH, BPF_F_NO_PREALLOC, __u64, struct go_send);

#define GO_PLACE_BITS 11u
struct go_place go_places[1u << GO_PLACE_BITS] __attribute__((aligned(64)));

/* Ids are small numbers all: as they are, two pairs of them could differ by the same. */
static __always_inline __u64 go_place_seal(__u64 connection_id)
{
	return connection_id * 0x9e3779b97f4a7c15ULL;
}

static __always_inline struct go_place *go_place_of(__u64 connection_id)
{
	__u64 at = go_place_seal(connection_id) >> (64 - GO_PLACE_BITS);

	WIRE_OPAQUE(at);
	return &go_places[at & ((1u << GO_PLACE_BITS) - 1)];
}

static __always_inline void go_place_set(struct go_place *place, __u64 connection_id, __u64 send)
{
	*(volatile __u64 *)&place->send = send;
	*(volatile __u64 *)&place->again = send ^ go_place_seal(connection_id);
}

/* False: nobody has ever said so of this connection. */
static __always_inline bool go_send_get(__u64 connection_id, struct go_send *send)
{
	struct go_place *place = go_place_of(connection_id);
	struct go_send *noted;

	if (*(volatile __u64 *)&place->connection_id == connection_id) {
		__u64 word = *(volatile __u64 *)&place->send;

		if ((word ^ *(volatile __u64 *)&place->again) != go_place_seal(connection_id))
			word = 0;
		send->exchange_id = word & ((1ULL << 48) - 1);
		send->attribution = word >> 48;
		return true;
	}
	noted = late_lookup(&go_sends, &connection_id);
	if (noted)
		*send = *noted;
	return noted != NULL;
}

static __always_inline long go_send_set(__u64 connection_id, const struct go_send *send)
{
	struct go_place *place = go_place_of(connection_id);
	__u64 holder = *(volatile __u64 *)&place->connection_id;

	if (holder != connection_id) {
		holder = __sync_val_compare_and_swap(&place->connection_id, 0, connection_id);
		if (holder && holder != connection_id)
			return late_update(&go_sends, &connection_id, send, BPF_ANY);
	}
	go_place_set(place, connection_id, (__u64)send->attribution << 48 | send->exchange_id);
	return 0;
}

/* The next one is sent for somebody else. */
static __always_inline void go_send_done(__u64 connection_id)
{
	struct go_place *place = go_place_of(connection_id);
	struct go_send *noted;

	if (*(volatile __u64 *)&place->connection_id == connection_id) {
		go_place_set(place, connection_id, 0);
		return;
	}
	noted = late_lookup(&go_sends, &connection_id);
	if (noted)
		noted->exchange_id = 0;
}

static __always_inline void go_send_remove(__u64 connection_id)
{
	struct go_place *place = go_place_of(connection_id);

	late_delete(&go_sends, &connection_id);
	if (*(volatile __u64 *)&place->connection_id != connection_id)
		return;
	go_place_set(place, connection_id, 0);
	__sync_lock_test_and_set(&place->connection_id, 0);
}

/*
 * The same for gRPC, where many wait for one goroutine to write: first by the address of the request's header fields,
 * then by the goroutine that writes them and the stream. Of what is never sent the oldest goes; at the end of the
 * process, all of it.
 */
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
