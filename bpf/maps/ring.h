/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/* Events to the agent, which looks every few milliseconds: it is seldom woken (a wake-up costs more than the event). */
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

/*
 * Room for an event of `bytes` bytes and no text, where the stack has none: zeros but for its header's type and size,
 * to be given to ring_submit. NULL: the ring is full (counted), or events are thrown away. Nothing but the check of the
 * result lies between here and there: verifiers of old kernels lose a reservation in less.
 */
static __always_inline void *ring_reserve(__u8 type, const __u64 bytes)
{
	struct event_header *event;

	if (setting(SETTING_DISCARD_EVENTS)) {
		count_event(type, false);
		return NULL;
	}
	event = bpf_ringbuf_reserve(&ring, bytes, 0);
	if (!event) {
		count_event(type, true);
		return NULL;
	}
	__builtin_memset(event, 0, bytes);
	event->type = type;
	event->size = bytes;
	return event;
}

/* `type`: what it was reserved as. */
static __always_inline void ring_submit(void *event, __u8 type)
{
	bpf_ringbuf_submit(event, BPF_RB_NO_WAKEUP);
	count_event(type, false);
}

#endif
