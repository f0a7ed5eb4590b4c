# SPDX-License-Identifier: Apache-2.0
weft_test(unit_recording LABELS unit core
  SOURCES ${CMAKE_CURRENT_LIST_DIR}/recording_test.cc ${CMAKE_CURRENT_LIST_DIR}/recording_replay_test.cc
  DEPENDS weft_assemble)
