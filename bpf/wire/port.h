/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * The one place where the two worlds differ: everything in bpf/wire compiles with clang for BPF and with g++ for the
 * agent, its tests and the fuzzers.
 *
 * wire_loop(n, step, arg) calls step(i, arg) for i = 0 … n-1 until it returns non-zero. In the kernel this is bpf_loop
 * (Linux 5.17): the verifier looks at the body once, whatever n is.
 */
#ifndef WEFT_WIRE_PORT_H
#define WEFT_WIRE_PORT_H

#ifdef __bpf__

#include "lib/kernel_types.h"
#include <bpf/bpf_helpers.h>

#define WIRE_INLINE static __always_inline
#define WIRE_STEP static long
#define WIRE_GLOBAL __attribute__((noinline))
#define WIRE_ASSERT(condition, text) _Static_assert(condition, text)
#define wire_loop(n, step, arg) bpf_loop((n), (step), (arg), 0)
/*
 * Hides a value from the optimiser, so that a mask the verifier needs is not folded away, and between two bounds of a
 * value: clang makes one comparison of `0 < x && x < n`, of x - 1, which Linux 6.12 and older do not carry back to x.
 */
#define WIRE_OPAQUE(x) __asm__ volatile("" : "+r"(x))

/*
 * Zero, of which the verifier knows nothing. Until Linux 6.7 (ab5cfac139ab) it walks a loop's body with what lies on
 * the stack before the first round, and takes out for good what that does not reach: a loop whose state lies there has
 * to begin with values that it does not know.
 */
static volatile __u32 wire_zero_word;
WIRE_INLINE __u32 wire_zero(void)
{
	return wire_zero_word;
}

/*
 * Eight bytes at any address, in host (little-endian) order. A plain access, because clang would make a copy of unknown
 * alignment out of single bytes; map memory may be read unaligned, stack memory may not.
 */
typedef __u64 __attribute__((may_alias)) wire_u64;
WIRE_INLINE __u64 wire_load64(const __u8 *from)
{
	return *(const wire_u64 *)from;
}
WIRE_INLINE void wire_store64(__u8 *to, __u64 value)
{
	*(wire_u64 *)to = value;
}
/* Copies `bytes` from kernel memory; the verifier has to know bounds of `bytes` at the call. */
WIRE_INLINE void wire_copy(void *to, const void *from, __u64 bytes)
{
	bpf_probe_read_kernel(to, bytes, from);
}

#else

#include <linux/types.h>
#include <string.h>
#ifndef __cplusplus
#include <stdbool.h>
#endif

#define WIRE_INLINE static inline
#define WIRE_STEP static inline long
#define WIRE_GLOBAL static inline
#ifdef __cplusplus
#define WIRE_ASSERT(condition, text) static_assert(condition, text)
#else
#define WIRE_ASSERT(condition, text) _Static_assert(condition, text)
#endif
#define WIRE_OPAQUE(x) __asm__ volatile("" : "+r"(x))

WIRE_INLINE __u32 wire_zero(void)
{
	return 0;
}
WIRE_INLINE __u64 wire_load64(const __u8 *from)
{
	__u64 value;
	memcpy(&value, from, sizeof value);
	return value;
}
WIRE_INLINE void wire_store64(__u8 *to, __u64 value)
{
	memcpy(to, &value, sizeof value);
}
WIRE_INLINE void wire_copy(void *to, const void *from, __u64 bytes)
{
	memcpy(to, from, bytes);
}

WIRE_INLINE long wire_loop(__u32 n, long (*step)(__u32, void *), void *arg)
{
	for (__u32 i = 0; i < n; i++)
		if (step(i, arg))
			return (long)i + 1;
	return n;
}

#endif
#endif
