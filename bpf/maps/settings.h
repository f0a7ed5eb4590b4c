/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
#ifndef WEFT_MAPS_SETTINGS_H
#define WEFT_MAPS_SETTINGS_H

#include "wire/settings.h"

const volatile struct kernel_settings settings = {};

static __always_inline bool setting(__u32 flag)
{
	return (settings.flags & flag) != 0;
}

#endif
