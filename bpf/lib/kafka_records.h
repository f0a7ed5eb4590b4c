/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/* The end of a record's processing, whoever ends it. */
#ifndef WEFT_LIB_KAFKA_RECORDS_H
#define WEFT_LIB_KAFKA_RECORDS_H

#include "lib/exchange.h"
#include "maps/kafka_consumers.h"

/* A function of its own, for its stack. By value: see maps/tasks.h. */
WIRE_GLOBAL int kafka_record_ends(__u64 thread)
{
	struct kafka_consumer *consumer = kafka_consumer_get(thread);
	struct exchange e;
	__u64 id;

	/* Two may do so: the thread that works for it, and one that asks the same source. */
	id = consumer ? __sync_lock_test_and_set(&consumer->exchange_id, 0) : 0;
	if (!id)
		return 0;
	exchange_ends(&e, id, 0, 0);
	return 0;
}

/* A thread is over, or its program is another one, or its process is no longer traced. */
static __always_inline void kafka_consumer_gone(__u64 thread)
{
	struct kafka_consumer *consumer = kafka_consumer_get(thread);

	if (!consumer)
		return;
	kafka_record_ends(thread);
	kafka_source_leave(consumer, thread);
	late_delete(&kafka_consumers, &thread);
}

#endif
