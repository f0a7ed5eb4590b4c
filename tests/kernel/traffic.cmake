# SPDX-License-Identifier: Apache-2.0
# Byte-exactness on live sockets: the traffic programs and the tests that run them under the kernel programs.
find_package(fmt REQUIRED)
find_package(Threads REQUIRED)

add_library(weft_test_traffic STATIC
  ${CMAKE_SOURCE_DIR}/tests/support/http2/hpack_blocks.cc
  ${CMAKE_SOURCE_DIR}/tests/support/http2/hpack_oracle.cc
  ${CMAKE_SOURCE_DIR}/tests/support/traffic/answer_compare.cc
  ${CMAKE_SOURCE_DIR}/tests/support/traffic/compare.cc
  ${CMAKE_SOURCE_DIR}/tests/support/traffic/http2_compare.cc
  ${CMAKE_SOURCE_DIR}/tests/support/traffic/http2_messages.cc
  ${CMAKE_SOURCE_DIR}/tests/support/traffic/messages.cc
  ${CMAKE_SOURCE_DIR}/tests/support/traffic/reader.cc
  ${CMAKE_SOURCE_DIR}/tests/support/traffic/sender.cc
  ${CMAKE_SOURCE_DIR}/tests/support/traffic/sockets.cc
  ${CMAKE_SOURCE_DIR}/tests/support/traffic/uring.cc)
target_include_directories(weft_test_traffic PUBLIC ${CMAKE_SOURCE_DIR}/tests ${CMAKE_SOURCE_DIR}/userspace
  ${CMAKE_SOURCE_DIR} ${CMAKE_SOURCE_DIR}/bpf)
target_link_libraries(weft_test_traffic PUBLIC fmt::fmt Threads::Threads nghttp2)

add_executable(roundtrip ${CMAKE_CURRENT_LIST_DIR}/traffic/plan.cc ${CMAKE_CURRENT_LIST_DIR}/traffic/receiver.cc
  ${CMAKE_CURRENT_LIST_DIR}/traffic/roundtrip.cc ${CMAKE_CURRENT_LIST_DIR}/traffic/stuck.cc)
target_link_libraries(roundtrip PRIVATE weft_test_traffic)
add_executable(answering ${CMAKE_CURRENT_LIST_DIR}/traffic/plan.cc ${CMAKE_CURRENT_LIST_DIR}/traffic/answering.cc)
target_link_libraries(answering PRIVATE weft_test_traffic)

# The agent's kernel side inside a test; where the kernel library is not built, loading fails with a clear line.
add_library(weft_test_agent STATIC
  ${CMAKE_SOURCE_DIR}/tests/support/traffic/agent.cc
  ${CMAKE_SOURCE_DIR}/tests/support/traffic/shared_kernel.cc
  ${CMAKE_SOURCE_DIR}/tests/support/traffic/process.cc)
if(TARGET weft_kernel)
  target_link_libraries(weft_test_agent PUBLIC weft_test_traffic weft_kernel)
else()
  target_sources(weft_test_agent PRIVATE ${CMAKE_SOURCE_DIR}/tests/support/traffic/agent_none.cc)
  target_link_libraries(weft_test_agent PUBLIC weft_test_traffic)
endif()

add_executable(kernel_holder ${CMAKE_CURRENT_LIST_DIR}/traffic/kernel_holder.cc)
target_link_libraries(kernel_holder PRIVATE weft_test_agent)

weft_test(compare_test LABELS unit core SOURCES ${CMAKE_CURRENT_LIST_DIR}/compare_test.cc DEPENDS weft_test_traffic)

# traffic_test(NAME): a test under the kernel programs, and NAME_control, the same without them: what the tests assert of
# the peer's bytes must hold on the plain kernel too.
function(traffic_test name)
  weft_test(${name} LABELS kernel core kernels TIMEOUT 600 SOURCES ${CMAKE_CURRENT_FUNCTION_LIST_DIR}/${name}.cc
    DEPENDS weft_test_agent)
  add_dependencies(${name} roundtrip answering kernel_holder)
  set_tests_properties(${name} PROPERTIES RESOURCE_LOCK weft_kernel)
  add_test(NAME ${name}_control COMMAND ${name})
  set_tests_properties(${name}_control PROPERTIES LABELS "kernel;core" TIMEOUT 300 ENVIRONMENT WEFT_TEST_AGENT=none)
endfunction()

traffic_test(roundtrip_test)
add_test(NAME roundtrip_soak COMMAND roundtrip_test)
set_tests_properties(roundtrip_soak PROPERTIES LABELS "kernel;soak" TIMEOUT 7200 RESOURCE_LOCK weft_kernel
  ENVIRONMENT "WEFT_ROUNDTRIP_BYTES=1073741824;WEFT_ROUNDTRIP_SEED=1000")
traffic_test(split_test)
add_test(NAME split_test_kprobe COMMAND split_test)
set_tests_properties(split_test_kprobe PROPERTIES LABELS "kernel;kernels" TIMEOUT 300 RESOURCE_LOCK weft_kernel
  ENVIRONMENT WEFT_TEST_CAPTURE=kprobe)
traffic_test(large_send_test)
traffic_test(answers_test)
set_tests_properties(answers_test PROPERTIES LABELS "kernel;core")
add_test(NAME answers_test_kprobe COMMAND answers_test)
set_tests_properties(answers_test_kprobe PROPERTIES LABELS "kernel;kernels" TIMEOUT 300 RESOURCE_LOCK weft_kernel
  ENVIRONMENT WEFT_TEST_CAPTURE=kprobe)
traffic_test(socket_semantics_test)
target_sources(socket_semantics_test PRIVATE ${CMAKE_CURRENT_LIST_DIR}/semantics/side.cc
  ${CMAKE_CURRENT_LIST_DIR}/semantics/receiving.cc ${CMAKE_CURRENT_LIST_DIR}/semantics/sending.cc
  ${CMAKE_CURRENT_LIST_DIR}/semantics/ending.cc)

# Every format in and out, on live sockets.
weft_test(formats_test LABELS kernel core TIMEOUT 600 SOURCES ${CMAKE_CURRENT_LIST_DIR}/formats_test.cc
  ${CMAKE_CURRENT_LIST_DIR}/policy_pieces_test.cc ${CMAKE_CURRENT_LIST_DIR}/formats_scene.cc DEPENDS weft_test_agent)
set_tests_properties(formats_test PROPERTIES RESOURCE_LOCK weft_kernel)

# Produce requests of Kafka.
traffic_test(kafka_test)
target_sources(kafka_test PRIVATE ${CMAKE_CURRENT_LIST_DIR}/kafka_hostile_test.cc
  ${CMAKE_SOURCE_DIR}/tests/support/kafka/produce.cc)
target_link_libraries(kafka_test PRIVATE weft_decode)
