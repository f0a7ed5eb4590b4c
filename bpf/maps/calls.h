/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * What a thread's call was given, for the programs that see its end and nothing but a result. Kept for traced processes
 * only, in the storage of the thread; used by the kprobe flavour alone.
 */
#ifndef WEFT_MAPS_CALLS_H
#define WEFT_MAPS_CALLS_H

#include "wire/port.h"

struct call {
	__u64 sending;	 /* address of the struct sock, until the return is seen */
	__u64 receiving; /* the same; of the last call, for no return is seen */
	__u32 receive_flags;
	__u32 receive_seq;  /* copied_seq when the call began */
	__u32 receive_seen; /* bytes of it that were dealt with */
	__u32 reserved;
};

struct {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct call);
} calls SEC(".maps");

/* NULL: the thread has none, or another run on this CPU is at work in the storage. */
static __always_inline struct call *call_get(void)
{
	return bpf_task_storage_get(&calls, bpf_get_current_task_btf(), NULL, 0);
}

static __always_inline struct call *call_create(void)
{
	return bpf_task_storage_get(&calls, bpf_get_current_task_btf(), NULL, BPF_LOCAL_STORAGE_GET_F_CREATE);
}

#endif
