# SPDX-License-Identifier: Apache-2.0
# Byte-exactness on live sockets: the traffic programs and the tests that run them under the kernel programs.
find_package(fmt REQUIRED)
find_package(Threads REQUIRED)

add_library(weft_test_traffic STATIC
  ${CMAKE_SOURCE_DIR}/tests/support/traffic/compare.cc
  ${CMAKE_SOURCE_DIR}/tests/support/traffic/messages.cc
  ${CMAKE_SOURCE_DIR}/tests/support/traffic/reader.cc
  ${CMAKE_SOURCE_DIR}/tests/support/traffic/sender.cc
  ${CMAKE_SOURCE_DIR}/tests/support/traffic/sockets.cc)
target_include_directories(weft_test_traffic PUBLIC ${CMAKE_SOURCE_DIR}/tests ${CMAKE_SOURCE_DIR}/userspace
  ${CMAKE_SOURCE_DIR} ${CMAKE_SOURCE_DIR}/bpf)
target_link_libraries(weft_test_traffic PUBLIC fmt::fmt Threads::Threads)

add_executable(roundtrip ${CMAKE_CURRENT_LIST_DIR}/traffic/plan.cc ${CMAKE_CURRENT_LIST_DIR}/traffic/receiver.cc
  ${CMAKE_CURRENT_LIST_DIR}/traffic/roundtrip.cc)
target_link_libraries(roundtrip PRIVATE weft_test_traffic)
