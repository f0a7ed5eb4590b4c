# SPDX-License-Identifier: Apache-2.0
weft_test(unit_correlate LABELS unit core SOURCES ${CMAKE_CURRENT_LIST_DIR}/correlate_test.cc DEPENDS weft_correlate)
