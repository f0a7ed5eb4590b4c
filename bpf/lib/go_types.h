/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/* What a value of a Go program is by its dynamic type: runtime.itab and internal/abi.Type. */
#ifndef WEFT_LIB_GO_TYPES_H
#define WEFT_LIB_GO_TYPES_H

#include "lib/goroutine.h"

#define GO_ITAB_TYPE 8u
#define GO_TYPE_KIND_WORD 16u /* its last byte */
#define GO_KIND_MASK 31u
#define GO_KIND_UINT8 8u
#define GO_KIND_POINTER 22u
#define GO_KIND_SLICE 23u
#define GO_KIND_STRING 24u

#define GO_POINTER_ELEMENT 48u /* internal/abi.PtrType; the element's Size_ comes first in it */

/* 0: it cannot be read, and is none that is looked for. */
static __always_inline __u32 go_kind(__u64 type)
{
	__u64 word = 0;

	user_word_read(type + GO_TYPE_KIND_WORD, &word);
	return word >> 56 & GO_KIND_MASK;
}

#endif
