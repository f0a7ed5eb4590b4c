# SPDX-License-Identifier: Apache-2.0
weft_test(unit_names LABELS unit core SOURCES names_test.cc DEPENDS weft_names)
