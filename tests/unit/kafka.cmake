# SPDX-License-Identifier: Apache-2.0
weft_test(kafka_wire_test LABELS unit core SOURCES kafka_wire_test.cc kafka_connection_test.cc kafka_sets_test.cc kafka_each_test.cc kafka_stay_test.cc
  ${CMAKE_SOURCE_DIR}/tests/support/kafka/produce.cc DEPENDS weft_decode)
weft_test(unit_kafka_single LABELS unit core SOURCES kafka_single_test.cc
  ${CMAKE_SOURCE_DIR}/tests/support/kafka/produce.cc)
weft_test(unit_kafka_note LABELS unit core SOURCES kafka_note_test.cc)
