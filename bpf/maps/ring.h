/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/* Events to the agent. Never wakes it: the agent looks every few milliseconds (a wake-up costs more than the event). */
#ifndef WEFT_MAPS_RING_H
#define WEFT_MAPS_RING_H

#include "maps/counters.h"
#include "maps/settings.h"

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4 << 20);
} ring SEC(".maps");

/* False: the ring is full; counted. */
static __always_inline bool ring_put_with(struct event_header *event, __u64 bytes, __u64 flags)
{
	bool lost = false;

	event->size = bytes;
	if (!setting(SETTING_DISCARD_EVENTS))
		lost = bpf_ringbuf_output(&ring, event, bytes, flags) != 0;
	count_event(event->type, lost);
	return !lost;
}

static __always_inline bool ring_put(struct event_header *event, __u64 bytes)
{
	return ring_put_with(event, bytes, BPF_RB_NO_WAKEUP);
}

#endif
