/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * The baggage policy's tables. A generation is one complete rule set: an array with a policy_set for the top level and
 * one for each scope. One update of `policy_generations` replaces it whole; a program that found the old one works with
 * it to its end, and the agent keeps it until the kernel says that no program runs that could have.
 */
#ifndef WEFT_MAPS_POLICY_H
#define WEFT_MAPS_POLICY_H

#include "wire/policy_set.h"
#include "wire/settings.h"

struct policy_generation {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_INNER_MAP);
	__uint(max_entries, 1);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, sizeof(struct policy_set));
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, POLICY_GENERATIONS);
	__type(key, __u32);
	__array(values, struct policy_generation);
} policy_generations SEC(".maps");

/*
 * What they count, by policy_set.slot: `lanes` entries for each set, so that CPUs seldom share one (a per-CPU array of
 * another length than this one would be looked up with this one's, since 6.10). Of a shadow, behind them as many for
 * what the live set does not do. One more slot takes what does not count.
 */
struct policy_counts {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_INNER_MAP);
	__uint(max_entries, 1);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, sizeof(struct policy_counters));
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, POLICY_SLOTS + 1);
	__type(key, __u32);
	__array(values, struct policy_counts);
} policy_counts SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, POLICY_SLOTS *POLICY_SERVICES);
	__type(key, __u32);
	__type(value, struct policy_service);
} policy_services SEC(".maps");

/* Some generation injects or requires something: requests without baggage are judged too. */
__u32 policy_always;

static __always_inline const struct policy_set *policy_set_of(__u32 generation, __u32 number)
{
	void *sets = bpf_map_lookup_elem(&policy_generations, &generation);

	return sets ? bpf_map_lookup_elem(sets, &number) : NULL;
}

static __always_inline struct policy_counters *policy_counters_of(__u32 slot, __u32 number, __u32 lanes)
{
	void *counts = bpf_map_lookup_elem(&policy_counts, &slot);
	__u32 entry = number * lanes + bpf_get_smp_processor_id() % lanes;

	return counts ? bpf_map_lookup_elem(counts, &entry) : NULL;
}

static __always_inline const struct policy_service *policy_service_of(__u32 slot, __u32 service)
{
	__u32 row = slot * POLICY_SERVICES + (service & (POLICY_SERVICES - 1));

	return bpf_map_lookup_elem(&policy_services, &row);
}

#endif
