/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * Tables that few nodes need are made by the agent when they are first needed. Each is the one entry of a map of maps,
 * which is empty until then: nothing is found in it, and there is no room. wire/late_tables.h says how large it is.
 */
#ifndef WEFT_MAPS_LATE_H
#define WEFT_MAPS_LATE_H

#include "wire/late_tables.h"
#include "wire/port.h"

#define LATE_TABLE(table, kind, flags, key_type, value_type)                                                           \
	struct table##_table {                                                                                         \
		__uint(type, kind);                                                                                    \
		__uint(map_flags, flags);                                                                              \
		__uint(max_entries, 1);                                                                                \
		__uint(key_size, sizeof(key_type));                                                                    \
		__uint(value_size, sizeof(value_type));                                                                \
	};                                                                                                             \
	struct {                                                                                                       \
		__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);                                                              \
		__uint(max_entries, 1);                                                                                \
		__type(key, __u32);                                                                                    \
		__array(values, struct table##_table);                                                                 \
	} table SEC(".maps")

static const __u32 late_entry = 0; /* here, and not on the stack, of which there is too little */

/* NULL: it is not made. */
static __always_inline void *late_table(void *place)
{
	return bpf_map_lookup_elem(place, &late_entry);
}

static __always_inline void *late_lookup(void *place, const void *key)
{
	void *table = late_table(place);

	return table ? bpf_map_lookup_elem(table, key) : NULL;
}

static __always_inline long late_update(void *place, const void *key, const void *value, __u64 flags)
{
	void *table = late_table(place);

	return table ? bpf_map_update_elem(table, key, value, flags) : -1;
}

static __always_inline long late_delete(void *place, const void *key)
{
	void *table = late_table(place);

	return table ? bpf_map_delete_elem(table, key) : -1;
}

#endif
