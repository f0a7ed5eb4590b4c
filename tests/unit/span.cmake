# SPDX-License-Identifier: Apache-2.0
weft_test(unit_span LABELS unit core SOURCES ${CMAKE_CURRENT_LIST_DIR}/span_test.cc DEPENDS weft_span)
