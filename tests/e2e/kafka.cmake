# SPDX-License-Identifier: Apache-2.0
# Kafka with librdkafka on both sides, and its brokers in memory.
find_package(PkgConfig REQUIRED)
pkg_check_modules(WEFT_RDKAFKA REQUIRED IMPORTED_TARGET rdkafka)
add_library(e2e_kafka_client STATIC ${CMAKE_CURRENT_LIST_DIR}/apps/kafka/client.cc)
target_include_directories(e2e_kafka_client PUBLIC ${CMAKE_SOURCE_DIR}/tests)
target_link_libraries(e2e_kafka_client PUBLIC PkgConfig::WEFT_RDKAFKA)
foreach(app broker producer consumer)
  add_executable(e2e_kafka_${app} ${CMAKE_CURRENT_LIST_DIR}/apps/kafka/${app}.cc)
  target_link_libraries(e2e_kafka_${app} PRIVATE e2e_kafka_client)
endforeach()
