# SPDX-License-Identifier: Apache-2.0
weft_test(unit_base LABELS unit core SOURCES base_utf8_test.cc DEPENDS weft_base)
