/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/* Client sockets whose sends pass through on_message, by socket cookie. Only user space, sockops and iterators delete.
 */
#ifndef WEFT_MAPS_MEMBERS_H
#define WEFT_MAPS_MEMBERS_H

#include "wire/port.h"

struct {
	__uint(type, BPF_MAP_TYPE_SOCKHASH);
	__uint(max_entries, 65536);
	__type(key, __u64);
	__type(value, __u32);
} members SEC(".maps");

#endif
