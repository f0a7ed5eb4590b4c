/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/* propagation.destinations: what may be written towards a peer, by longest prefix. */
#ifndef WEFT_MAPS_DESTINATIONS_H
#define WEFT_MAPS_DESTINATIONS_H

#include "maps/settings.h"

struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 1024);
	__type(key, struct destination_key);
	__type(value, __u8);
} destinations SEC(".maps");

static __always_inline __u8 destination_allows(const __u8 address[16])
{
	struct destination_key key = {.prefix_bits = 128};
	__u8 *bits;

	if (!setting(SETTING_DESTINATIONS))
		return DESTINATION_CONTEXT | DESTINATION_BAGGAGE;
	__builtin_memcpy(key.address, address, 16);
	bits = bpf_map_lookup_elem(&destinations, &key);
	return bits ? *bits : 0;
}

#endif
