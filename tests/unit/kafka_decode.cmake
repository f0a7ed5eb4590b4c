# SPDX-License-Identifier: Apache-2.0
# Kafka as user space reads it.
weft_test(unit_kafka_decode LABELS unit core
  SOURCES ${CMAKE_CURRENT_LIST_DIR}/kafka_exchanges_test.cc
          ${CMAKE_CURRENT_LIST_DIR}/kafka_held_test.cc
          ${CMAKE_CURRENT_LIST_DIR}/kafka_messages_test.cc
          ${CMAKE_CURRENT_LIST_DIR}/kafka_produced_test.cc
          ${CMAKE_CURRENT_LIST_DIR}/kafka_records_test.cc
          ${CMAKE_CURRENT_LIST_DIR}/kafka_recorded_test.cc
          ${CMAKE_SOURCE_DIR}/tests/support/kafka_messages/encode.cc
          ${CMAKE_SOURCE_DIR}/tests/support/kafka_messages/encode_batch.cc
  DEPENDS weft_assemble)
target_compile_definitions(unit_kafka_decode PRIVATE WEFT_KAFKA_DATA="${CMAKE_CURRENT_LIST_DIR}/data/kafka")
weft_test(unit_kafka_headers LABELS unit core SOURCES ${CMAKE_CURRENT_LIST_DIR}/kafka_headers_test.cc DEPENDS weft_decode)
