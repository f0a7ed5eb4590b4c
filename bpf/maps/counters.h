/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/* One struct of counters a CPU. Atomic, because programs can be preempted by others on the same CPU. */
#ifndef WEFT_MAPS_COUNTERS_H
#define WEFT_MAPS_COUNTERS_H

#include "wire/settings.h"

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct kernel_counters);
} counters SEC(".maps");

static __always_inline struct kernel_counters *counters_of_cpu(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&counters, &zero);
}

static __always_inline void count_event(__u32 type, bool lost)
{
	struct kernel_counters *c = counters_of_cpu();

	if (!c)
		return;
	if (lost)
		__sync_fetch_and_add(&c->events_lost, 1);
	else
		__sync_fetch_and_add(&c->events[type & 15], 1);
}

#define PROTOCOLS_MASK (PROTOCOL_COUNT - 1u)
WIRE_ASSERT(!(PROTOCOL_COUNT & PROTOCOLS_MASK), "PROTOCOL_COUNT is a power of two, so that no branch is needed");

static __always_inline void count_injection(__u32 protocol, __u32 result)
{
	struct kernel_counters *c = counters_of_cpu();

	WIRE_OPAQUE(result);
	WIRE_OPAQUE(protocol);
	if (c && result < INJECTION_COUNT)
		__sync_fetch_and_add(&c->injections[protocol & PROTOCOLS_MASK][result], 1);
}

static __always_inline void count_answer(__u32 result)
{
	struct kernel_counters *c = counters_of_cpu();

	WIRE_OPAQUE(result);
	if (c && result < INJECTION_COUNT)
		__sync_fetch_and_add(&c->answers[result], 1);
}

static __always_inline void count_parked(__u32 program, __u32 reason)
{
	struct kernel_counters *c = counters_of_cpu();

	if (c && program < PROGRAM_COUNT && reason < PARK_COUNT)
		__sync_fetch_and_add(&c->parked[program][reason], 1);
}

static __always_inline void count_fault(__u32 program, __u32 fault)
{
	struct kernel_counters *c = counters_of_cpu();

	if (c && program < PROGRAM_COUNT && fault < FAULT_COUNT)
		__sync_fetch_and_add(&c->faults[program][fault], 1);
}

#endif
