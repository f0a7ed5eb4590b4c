# SPDX-License-Identifier: Apache-2.0
find_package(Threads REQUIRED)
weft_test(unit_span LABELS unit core SOURCES ${CMAKE_CURRENT_LIST_DIR}/span_test.cc ${CMAKE_CURRENT_LIST_DIR}/span_pool_test.cc
  DEPENDS weft_span Threads::Threads)
