# SPDX-License-Identifier: Apache-2.0
weft_fuzz(kafka SOURCES ${CMAKE_SOURCE_DIR}/tests/support/kafka/produce.cc DEPENDS weft_decode)
weft_fuzz(kafka_headers DEPENDS weft_decode)
weft_fuzz(kafka_messages DEPENDS weft_decode)
