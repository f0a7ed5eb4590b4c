/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * propagation.* as it is now: a struct propagation, stored by the agent in one go. What is to hold for a whole message
 * is taken into the run's scratch (scratch_claim) and asked for there.
 */
#ifndef WEFT_MAPS_PROPAGATION_H
#define WEFT_MAPS_PROPAGATION_H

#include "wire/settings.h"

__u64 propagation_now = 0;

static __always_inline void propagation_take(struct propagation *to)
{
	*(__u64 *)to = *(volatile __u64 *)&propagation_now;
}

/* Do sockets become members? */
static __always_inline bool propagation_enrols(void)
{
	struct propagation now;

	propagation_take(&now);
	return (now.flags & PROPAGATION_ENROL) != 0;
}

static __always_inline bool propagation_extracts(const struct propagation *p, __u32 format)
{
	return p->extract_formats >> format & 1;
}

static __always_inline bool propagation_injects(const struct propagation *p, __u32 format)
{
	return p->inject_formats >> format & 1;
}

/* Destinations are changing, and no context is written both before and after it: nothing is. */
static __always_inline bool propagation_pauses(const struct propagation *p)
{
	return (p->flags & PROPAGATION_PAUSES) != 0;
}

#endif
