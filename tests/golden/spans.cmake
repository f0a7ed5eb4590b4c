# SPDX-License-Identifier: Apache-2.0
weft_test(golden_spans LABELS golden core
  SOURCES ${CMAKE_CURRENT_LIST_DIR}/golden_test.cc ${CMAKE_CURRENT_LIST_DIR}/streams.cc
          ${CMAKE_SOURCE_DIR}/tests/support/kafka_messages/encode.cc
          ${CMAKE_SOURCE_DIR}/tests/support/kafka_messages/encode_batch.cc
  DEPENDS weft_assemble weft_exporter_console)
target_compile_definitions(golden_spans PRIVATE WEFT_GOLDEN_DATA="${CMAKE_CURRENT_LIST_DIR}/data")
