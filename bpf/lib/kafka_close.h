/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/* A Kafka connection is over, or no longer followed: nothing of it is to be kept any longer. */
#ifndef WEFT_LIB_KAFKA_CLOSE_H
#define WEFT_LIB_KAFKA_CLOSE_H

#include "maps/connections.h"
#include "maps/ring.h"

WIRE_GLOBAL int kafka_closed(struct connection *c)
{
	struct kafka_event *e;

	if (!c || c->protocol != PROTOCOL_KAFKA)
		return 0;
	e = ring_reserve(EVENT_KAFKA, sizeof(*e));
	if (!e)
		return 0;
	e->header.time_ns = bpf_ktime_get_ns();
	e->connection_id = c->id;
	e->tgid = c->owner_tgid;
	e->role = c->role;
	e->facts = KAFKA_CLOSED;
	ring_submit(e, EVENT_KAFKA);
	return 0;
}

#endif
