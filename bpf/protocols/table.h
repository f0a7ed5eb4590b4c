/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * The protocols, one line each: X(name, enum wire_protocol). A connection begins as unknown: protocols that announce
 * themselves are recognised by their first bytes, else the first one whose parser takes its first message whole is it.
 * Each protocol offers
 *   NAME_observe(connection, scratch, process)            bytes that have gone through the receive or send hook
 *   NAME_message(context, connection, scratch, process)   bytes that a member is about to send (lib/message.h)
 */
#ifndef WEFT_PROTOCOLS_TABLE_H
#define WEFT_PROTOCOLS_TABLE_H

#include "protocols/http1/inject.h"
#include "protocols/http1/observe.h"
#include "protocols/http2/inject.h"
#include "protocols/http2/observe.h"
#include "protocols/kafka/inject.h"
#include "protocols/kafka/observe.h"

#define PROTOCOLS(X)                                                                                                   \
	X(http2, PROTOCOL_HTTP2)                                                                                       \
	X(kafka, PROTOCOL_KAFKA)                                                                                       \
	X(http1, PROTOCOL_HTTP1)

#define PROTOCOL_OBSERVE(name, id)                                                                                     \
	case id:                                                                                                       \
		name##_observe(c, s, p);                                                                               \
		return;

/* Bytes of HTTP/1.1, up to an answer that ends it. True: others follow in this call. */
static __always_inline bool protocol_upgrades(struct connection *c, struct scratch *s, struct process_entry *p)
{
	http1_observe(c, s, p);
	return c->upgrade == UPGRADE_DONE && s->offset < s->total;
}

static __always_inline void protocol_observe(struct connection *c, struct scratch *s, struct process_entry *p)
{
	if (c->protocol == PROTOCOL_HTTP1 && !protocol_upgrades(c, s, p))
		return;
	if (c->protocol == PROTOCOL_UNKNOWN && !http2_recognise_call(c, s)) {
		if (c->upgrade == UPGRADE_DONE) {
			park(c, &c->receive, s, PARK_UPGRADE);
			park(c, &c->send, s, PARK_UPGRADE);
			return;
		}
		kafka_recognise_call(c, s);
	}
	switch (c->protocol) {
		PROTOCOLS(PROTOCOL_OBSERVE)
	case PROTOCOL_UNKNOWN: /* one candidate so far */
		http1_observe(c, s, p);
	}
}

#define PROTOCOL_MESSAGE(name, id)                                                                                     \
	case id:                                                                                                       \
		return name##_message(m, c, s, p);

/* `before`: the protocol as it was before the state was copied to s->half. */
static __always_inline int protocol_message(struct sk_msg_md *m, struct connection *c, struct scratch *s,
					    struct process_entry *p, __u32 before)
{
	if (before == PROTOCOL_UNKNOWN && !http2_recognise_message(m, c, s)) {
		if (c->upgrade == UPGRADE_DONE) {
			s->message.failed = PARK_UPGRADE;
			return 0;
		}
		kafka_recognise_message(m, c, s);
	}
	switch (c->protocol) {
		PROTOCOLS(PROTOCOL_MESSAGE)
	case PROTOCOL_UNKNOWN:
		return http1_message(m, c, s, p);
	}
	return 0;
}

#endif
