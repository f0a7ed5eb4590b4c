# SPDX-License-Identifier: Apache-2.0
weft_test(unit_assemble LABELS unit core
  SOURCES ${CMAKE_CURRENT_LIST_DIR}/assemble_server_test.cc ${CMAKE_CURRENT_LIST_DIR}/assemble_client_test.cc
          ${CMAKE_CURRENT_LIST_DIR}/assemble_alike_test.cc
          ${CMAKE_CURRENT_LIST_DIR}/assemble_parts_test.cc ${CMAKE_CURRENT_LIST_DIR}/assemble_calls_test.cc ${CMAKE_CURRENT_LIST_DIR}/assemble_pipeline_test.cc
  DEPENDS weft_assemble)
