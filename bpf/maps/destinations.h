/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * propagation.destinations: what may be written towards a peer, by longest prefix. A new table replaces the old one as
 * a whole, and then the generation grows, by which connections know that what they were told holds no more.
 */
#ifndef WEFT_MAPS_DESTINATIONS_H
#define WEFT_MAPS_DESTINATIONS_H

#include "wire/settings.h"

struct destination_table {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, DESTINATIONS_MAX);
	__uint(key_size, sizeof(struct destination_key)); /* clang does not describe the types of an inner map */
	__uint(value_size, sizeof(__u8));
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, 1);
	__type(key, __u32);
	__array(values, struct destination_table);
} destinations SEC(".maps");

__u32 destinations_generation = 0;

static __always_inline __u32 destinations_now(void)
{
	return *(volatile __u32 *)&destinations_generation;
}

/* Without a table nothing is allowed. */
static __always_inline __u8 destination_allows(const __u8 address[16])
{
	struct destination_key key = {.prefix_bits = 128};
	__u32 zero = 0;
	void *table = bpf_map_lookup_elem(&destinations, &zero);
	__u8 *bits;

	if (!table)
		return 0;
	__builtin_memcpy(key.address, address, 16);
	bits = bpf_map_lookup_elem(table, &key);
	return bits ? *bits : 0;
}

#endif
