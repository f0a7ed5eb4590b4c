/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/* From a stream of gRPC's C-core to its connection (x86-64, System V). */
#ifndef WEFT_PROGRAMS_GRPC_CORE_STREAM_H
#define WEFT_PROGRAMS_GRPC_CORE_STREAM_H

#include "lib/attribute.h"
#include "lib/descriptor.h"

/* grpc_chttp2_stream: the array of contexts of its call, then its transport. */
#define GRPC_CORE_STREAM_TRANSPORT 8
/* grpc_tcp: the address of its methods, that of what polls the descriptor (and begins with it), the descriptor. */
#define GRPC_CORE_TCP_POLLED 8
#define GRPC_CORE_TCP_DESCRIPTOR 16

/*
 * The connection of a transport, by the descriptor of its endpoint; 0: it has another one than TCP's, which is
 * encrypted, or something else stands there.
 */
static __always_inline __u64 grpc_core_connection(__u64 endpoint)
{
	__u64 descriptor, polled;

	if (!user_word_read(endpoint + GRPC_CORE_TCP_DESCRIPTOR, &descriptor) ||
	    !user_word_read(user_word(endpoint + GRPC_CORE_TCP_POLLED), &polled) || (__u32)descriptor != (__u32)polled)
		return 0;
	return connection_of_socket(socket_of_descriptor((__u32)descriptor));
}

#endif
