/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/* Heads that come in several pieces wait here for the rest, by connection and direction. Two size classes. */
#ifndef WEFT_MAPS_PARTIAL_HEADS_H
#define WEFT_MAPS_PARTIAL_HEADS_H

#include "wire/head_text.h"

#define PARTIAL_SMALL 2048u

struct partial_small {
	__u8 bytes[PARTIAL_SMALL];
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 8192);
	__type(key, __u64);
	__type(value, struct partial_small);
} partial_small SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 1024);
	__type(key, __u64);
	__type(value, struct head_text);
} partial_large SEC(".maps");

static __always_inline __u64 partial_key(__u64 connection_id, bool outgoing)
{
	return connection_id | (__u64)outgoing << 62; /* the top bit is CONNECTION_WITHOUT_COOKIE */
}

static __always_inline long partial_save(__u64 key, const struct head_text *text, __u32 bytes)
{
	if (bytes <= PARTIAL_SMALL)
		return bpf_map_update_elem(&partial_small, &key, text, BPF_ANY);
	bpf_map_delete_elem(&partial_small, &key);
	return bpf_map_update_elem(&partial_large, &key, text, BPF_ANY);
}

/* Puts the first `bytes` of the head back into `text`. */
static __always_inline bool partial_load(__u64 key, struct head_text *text, __u32 bytes)
{
	if (bytes <= PARTIAL_SMALL) {
		struct partial_small *small = bpf_map_lookup_elem(&partial_small, &key);
		return small && !bpf_probe_read_kernel(text->bytes, PARTIAL_SMALL, small->bytes);
	}
	struct head_text *large = bpf_map_lookup_elem(&partial_large, &key);
	return large && !bpf_probe_read_kernel(text->bytes, sizeof(text->bytes), large->bytes);
}

static __always_inline void partial_drop(__u64 key)
{
	bpf_map_delete_elem(&partial_small, &key);
	bpf_map_delete_elem(&partial_large, &key);
}

#endif
