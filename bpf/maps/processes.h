/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/* Traced processes by tgid. Every hook asks here first. */
#ifndef WEFT_MAPS_PROCESSES_H
#define WEFT_MAPS_PROCESSES_H

#include "wire/settings.h"

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 8192);
	__type(key, __u32);
	__type(value, struct process_entry);
} processes SEC(".maps");

/* How many traced processes have these low bits: most processes of a machine are dismissed by one load. */
#define PROCESS_MARKS 16384u /* a power of two */
__u32 process_marks[PROCESS_MARKS] __attribute__((aligned(64)));

static __always_inline __u32 *process_mark(__u32 tgid)
{
	WIRE_OPAQUE(tgid);
	return &process_marks[tgid & (PROCESS_MARKS - 1)];
}

static __always_inline struct process_entry *process_get(__u32 tgid)
{
	if (!*(volatile __u32 *)process_mark(tgid))
		return NULL;
	return bpf_map_lookup_elem(&processes, &tgid);
}

static __always_inline long process_add(__u32 tgid, const struct process_entry *entry)
{
	long error;

	__sync_fetch_and_add(process_mark(tgid), 1);
	error = bpf_map_update_elem(&processes, &tgid, entry, BPF_NOEXIST);
	if (!error)
		return 0;
	__sync_fetch_and_add(process_mark(tgid), -1);
	return bpf_map_update_elem(&processes, &tgid, entry, BPF_EXIST);
}

static __always_inline long process_remove(__u32 tgid)
{
	long error = bpf_map_delete_elem(&processes, &tgid);

	if (!error)
		__sync_fetch_and_add(process_mark(tgid), -1);
	return error;
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
