/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * The live sampling table. A new one replaces it as a whole: who looked it up before goes on with the old one to the
 * end of his run, so no decision sees half of each.
 */
#ifndef WEFT_MAPS_SAMPLING_H
#define WEFT_MAPS_SAMPLING_H

#include "wire/sampling.h"

struct sampling_table_map {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__uint(value_size, sizeof(struct sampling_table)); /* clang does not describe the value type of an inner map */
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, 1);
	__type(key, __u32);
	__array(values, struct sampling_table_map);
} sampling_tables SEC(".maps");

/* NULL: none yet, everything is sampled. */
static __always_inline const struct sampling_table *sampling_table_get(void)
{
	__u32 zero = 0;
	void *table = bpf_map_lookup_elem(&sampling_tables, &zero);

	return table ? bpf_map_lookup_elem(table, &zero) : NULL;
}

static __always_inline const struct sampling_service *sampling_service_of(const struct sampling_table *table,
									  __u32 service)
{
	WIRE_OPAQUE(service);
	return &table->services[service & (SAMPLING_SERVICES - 1)];
}

struct sampling_pace sampling_paces[SAMPLING_SERVICES] __attribute__((aligned(64)));

static __always_inline struct sampling_pace *sampling_pace_of(__u32 service)
{
	WIRE_OPAQUE(service);
	return &sampling_paces[service & (SAMPLING_SERVICES - 1)];
}

#define SAMPLING_PACE_TRIES 4u

/*
 * One more in `interval_ns`? Up to a second's worth may come at once. *next is the time at which all that was let
 * through would have come evenly (the generic cell rate algorithm). Whoever loses the race again and again hears "no".
 */
static __always_inline bool sampling_paced(__u64 *next, __u64 interval_ns, __u64 now_ns)
{
	__u64 burst_ns = interval_ns < 1000000000ULL ? 1000000000ULL - interval_ns : 0;

	for (__u32 i = 0; i < SAMPLING_PACE_TRIES; i++) {
		__u64 was = *(volatile __u64 *)next, due = was > now_ns ? was : now_ns;

		if (due - now_ns > burst_ns)
			return false;
		if (__sync_val_compare_and_swap(next, was, due + interval_ns) == was)
			return true;
	}
	return false;
}

#endif
