/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/* How large tables become that the agent makes, or whose size it sets. */
#ifndef WEFT_WIRE_LATE_TABLES_H
#define WEFT_WIRE_LATE_TABLES_H

#define KAFKA_NOTES 32768u
#define KAFKA_TEXTS 2048u
#define KAFKA_TOPICS 32768u /* names and ids */
#define KAFKA_SOURCES 8192u
#define KAFKA_FIRST_SLOTS 3u /* from the start: a client may send to three brokers at once */
#define KAFKA_MORE_SLOTS 2u  /* at most, one a processor */
#define KAFKA_CONSUMERS 16384u
#define GO_PROCESSES 16384u
#define TLS_CONNECTIONS 8192u
#define OPENSSL_SESSIONS 8192u
#define TLS_CALLS 4096u
#define GO_START_SITES 32768u
#define GO_SENDS 65536u
#define GO_STREAM_SENDS 8192u
#define GRPC_CORE_NOTES 8192u

/*
 * A table that forgets the oldest has up to so many entries lie free for each processor: one that has fewer in all
 * would forget what is in use.
 */
#define LRU_FREE 128u

#endif
