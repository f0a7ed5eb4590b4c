/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/* Numbers that look random, made from others. */
#ifndef WEFT_WIRE_MIX_H
#define WEFT_WIRE_MIX_H

#include "wire/port.h"

/* SplitMix64's mixing: a bijection. */
WIRE_INLINE __u64 mix64(__u64 x)
{
	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
	x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
	return x ^ (x >> 31);
}

#endif
