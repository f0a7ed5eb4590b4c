/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/* Traced processes by tgid. Every hook asks here first; what is not found costs one lookup. */
#ifndef WEFT_MAPS_PROCESSES_H
#define WEFT_MAPS_PROCESSES_H

#include "wire/settings.h"

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 16384);
	__type(key, __u32);
	__type(value, struct process_entry);
} processes SEC(".maps");

static __always_inline struct process_entry *process_get(__u32 tgid)
{
	return bpf_map_lookup_elem(&processes, &tgid);
}

static __always_inline long process_add(__u32 tgid, const struct process_entry *entry)
{
	return bpf_map_update_elem(&processes, &tgid, entry, BPF_ANY);
}

static __always_inline long process_remove(__u32 tgid)
{
	return bpf_map_delete_elem(&processes, &tgid);
}

/* An exchange of this tracing of the process ends; one of an earlier tracing was never counted here. */
static __always_inline void process_live_ends(__u32 tgid, __u32 generation)
{
	struct process_entry *p = process_get(tgid);

	if (p && p->generation == generation)
		__sync_fetch_and_add(&p->live, -1);
}

static __always_inline void process_blind_ends(__u32 tgid, __u32 generation)
{
	struct process_entry *p = process_get(tgid);

	if (p && p->generation == generation)
		__sync_fetch_and_add(&p->blind, -1);
}

#endif
