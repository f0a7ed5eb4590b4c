/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * Which live exchange received a given context value. One 64-bit sum a value, so that one atomic addition changes both
 * parts: the number of live exchanges in the top byte, the sum of their 48-bit ids below. With a count of one the sum
 * is that exchange's id; with more it says nothing, and nothing is claimed.
 */
#ifndef WEFT_MAPS_CARRIED_H
#define WEFT_MAPS_CARRIED_H

#include "maps/exchanges.h"

#define CARRIED_ONE (1ULL << 56)
#define CARRIED_COUNT(sum) ((__u32)((sum) >> 56))
#define CARRIED_ID(sum) ((sum) & (CARRIED_ONE - 1))
#define CARRIED_COUNT_MAX 200u
#define CARRIED_POISON (CARRIED_ONE * 255) /* never claimed, never counted down */

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 65536);
	__type(key, struct carried_key);
	__type(value, __u64);
} carried SEC(".maps");

/* The sum of `key`; 0: no live exchange received this. */
static __always_inline __u64 carried_get(const struct carried_key *key)
{
	__u64 *sum = bpf_map_lookup_elem(&carried, key);

	return sum ? *(volatile __u64 *)sum : 0;
}

/*
 * An entry that counts down to zero is deleted by whoever took it there; an addition that finds zero must not land in
 * it. When that race goes on, the value is poisoned rather than left uncounted: a missing count could name a wrong
 * request.
 */
static __always_inline bool carried_add(const struct carried_key *key, __u64 id)
{
	__u64 one = CARRIED_ONE + id, poison = CARRIED_POISON;

	for (int i = 0; i < 4; i++) {
		__u64 *sum = bpf_map_lookup_elem(&carried, key), old;

		if (!sum) {
			long error = bpf_map_update_elem(&carried, key, &one, BPF_NOEXIST);
			if (!error)
				return true;
			if (error != -17) /* EEXIST */
				return false;
			continue;
		}
		old = *(volatile __u64 *)sum;
		if (CARRIED_COUNT(old) >= CARRIED_COUNT_MAX) {
			*(volatile __u64 *)sum = CARRIED_POISON;
			return false;
		}
		old = __sync_fetch_and_add(sum, one);
		/* The entry may have gone meanwhile, and its memory may serve another value. */
		if (CARRIED_COUNT(old) && bpf_map_lookup_elem(&carried, key) == sum)
			return true;
		__sync_fetch_and_add(sum, -one);
	}
	bpf_map_update_elem(&carried, key, &poison, BPF_ANY);
	return false;
}

static __always_inline void carried_remove(const struct carried_key *key, __u64 id)
{
	__u64 *sum = bpf_map_lookup_elem(&carried, key);
	__u64 one = CARRIED_ONE + id, old;

	if (!sum || CARRIED_COUNT(*(volatile __u64 *)sum) > CARRIED_COUNT_MAX)
		return;
	old = __sync_fetch_and_add(sum, -one);
	if (old == one)
		bpf_map_delete_elem(&carried, key);
}

#endif
