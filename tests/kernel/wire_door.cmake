# SPDX-License-Identifier: Apache-2.0
# The parsers of bpf/wire as the kernel runs them, by BPF_PROG_TEST_RUN, against the user-space build.
find_package(PkgConfig REQUIRED)
pkg_check_modules(WIRE_DOOR_LIBBPF REQUIRED IMPORTED_TARGET libbpf)
add_library(weft_test_wire_door STATIC
  ${CMAKE_SOURCE_DIR}/tests/support/wire_door.cc
  ${CMAKE_SOURCE_DIR}/tests/support/trace_context_cases.cc)
target_include_directories(weft_test_wire_door PUBLIC ${CMAKE_SOURCE_DIR}/tests ${CMAKE_SOURCE_DIR}/bpf
  PRIVATE ${WEFT_BPF_OUT})
target_link_libraries(weft_test_wire_door PUBLIC PkgConfig::WIRE_DOOR_LIBBPF)
add_dependencies(weft_test_wire_door weft_bpf_objects)

weft_test(wire_door_test LABELS kernel core kernels SOURCES wire_door_test.cc DEPENDS weft_test_wire_door)
weft_test(wire_door_policy_test LABELS kernel core kernels SOURCES wire_door_policy_test.cc
  ${CMAKE_SOURCE_DIR}/tests/support/policy_cases.cc
  ${CMAKE_SOURCE_DIR}/tests/support/policy_reference.cc
  DEPENDS weft_test_wire_door weft_policy)
weft_test(wire_door_http1_test LABELS kernel core kernels SOURCES wire_door_http1_test.cc
  ${CMAKE_SOURCE_DIR}/tests/support/http1_cases.cc
  ${CMAKE_SOURCE_DIR}/tests/support/http1_corpus.cc
  ${CMAKE_SOURCE_DIR}/tests/support/http1_driver.cc
  ${CMAKE_SOURCE_DIR}/tests/support/http1_fuzz_input.cc
  ${CMAKE_SOURCE_DIR}/tests/support/http1_reference.cc
  DEPENDS weft_test_wire_door)
target_compile_definitions(wire_door_http1_test PRIVATE
  WEFT_CORPUS_DIR="${CMAKE_SOURCE_DIR}/tests/fuzz/corpus/http1")
weft_test(wire_door_context_test LABELS kernel core kernels SOURCES wire_door_context_test.cc
  ${CMAKE_SOURCE_DIR}/tests/support/context_cases.cc DEPENDS weft_test_wire_door)
weft_test(wire_door_sampling_test LABELS kernel core kernels SOURCES wire_door_sampling_test.cc
  DEPENDS weft_test_wire_door weft_sampling)
weft_test(wire_door_http2_test LABELS kernel core kernels SOURCES wire_door_http2_test.cc
  ${CMAKE_SOURCE_DIR}/tests/support/http2/hpack_blocks.cc
  ${CMAKE_SOURCE_DIR}/tests/support/http2/hpack_oracle.cc
  DEPENDS weft_test_wire_door nghttp2)
weft_test(wire_door_kafka_test LABELS kernel core kernels SOURCES wire_door_kafka_test.cc
  ${CMAKE_SOURCE_DIR}/tests/support/kafka/produce.cc DEPENDS weft_test_wire_door)
