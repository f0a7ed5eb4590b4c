# SPDX-License-Identifier: Apache-2.0
# Kafka with librdkafka on both sides, and its brokers in memory.
find_package(PkgConfig REQUIRED)
pkg_check_modules(WEFT_RDKAFKA REQUIRED IMPORTED_TARGET rdkafka)
add_library(e2e_kafka_client STATIC ${CMAKE_CURRENT_LIST_DIR}/apps/kafka/client.cc)
target_include_directories(e2e_kafka_client PUBLIC ${CMAKE_SOURCE_DIR}/tests)
target_link_libraries(e2e_kafka_client PUBLIC PkgConfig::WEFT_RDKAFKA)
foreach(app broker producer consumer server soak worker)
  add_executable(e2e_kafka_${app} ${CMAKE_CURRENT_LIST_DIR}/apps/kafka/${app}.cc)
  target_link_libraries(e2e_kafka_${app} PRIVATE e2e_kafka_client)
endforeach()
# The library as a part of the program, which keeps its symbols.
add_executable(e2e_kafka_server_static ${CMAKE_CURRENT_LIST_DIR}/apps/kafka/server.cc ${CMAKE_CURRENT_LIST_DIR}/apps/kafka/client.cc)
target_include_directories(e2e_kafka_server_static PRIVATE ${CMAKE_SOURCE_DIR}/tests)
set(needed ${WEFT_RDKAFKA_STATIC_LIBRARIES})
list(REMOVE_ITEM needed rdkafka sasl2)
target_link_libraries(e2e_kafka_server_static PRIVATE -l:librdkafka.a -l:libsasl2.so.2 ${needed})
