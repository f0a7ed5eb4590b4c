# SPDX-License-Identifier: Apache-2.0
weft_test(unit_decode LABELS unit core
  SOURCES ${CMAKE_CURRENT_LIST_DIR}/decode_events_test.cc ${CMAKE_CURRENT_LIST_DIR}/decode_head_test.cc
          ${CMAKE_CURRENT_LIST_DIR}/decode_mask_test.cc
  DEPENDS weft_decode)
