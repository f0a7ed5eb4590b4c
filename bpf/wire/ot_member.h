/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * OpenTelemetry's member of tracestate, "ot=th:c": the threshold by which a trace was sampled, from which a collector
 * computes how many traces it stands for ("TraceState: Probability Sampling"). 56 bits in hexadecimal, zeros at the end
 * left out; ours have SAMPLING_COARSE zero bits there, so what is kept of one is its upper 32 bits.
 */
#ifndef WEFT_WIRE_OT_MEMBER_H
#define WEFT_WIRE_OT_MEMBER_H

#include "wire/sampling.h"
#include "wire/words.h"

#define OT_MEMBER_MAX 14u /* bytes */

WIRE_INLINE __u32 ot_threshold(__u64 threshold)
{
	return (__u32)(threshold >> SAMPLING_COARSE);
}

/* `threshold` by ot_threshold(). Writes OT_MEMBER_MAX bytes. Returns how many of them it has. */
WIRE_INLINE __u32 ot_member(__u8 *out, __u32 threshold)
{
	__u32 digits = 8;

	wire_store64(out, 0x3a68743d746fULL); /* ot=th: */
	wire_store64(out + 6, word_hex(__builtin_bswap32(threshold)));
	if (!(threshold & 0xffff)) {
		threshold >>= 16;
		digits -= 4;
	}
	if (!(threshold & 0xff)) {
		threshold >>= 8;
		digits -= 2;
	}
	if (!(threshold & 0xf))
		digits--;
	return 6 + digits;
}

#endif
