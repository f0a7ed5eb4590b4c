# SPDX-License-Identifier: Apache-2.0
# HTTP/1.1 framing: the libFuzzer target (-DWEFT_FUZZ=ON with clang) and its corpus as an ordinary test.
set(HTTP1_FUZZ_SOURCES
  ${CMAKE_SOURCE_DIR}/tests/support/http1_driver.cc
  ${CMAKE_SOURCE_DIR}/tests/support/http1_fuzz_input.cc
  ${CMAKE_SOURCE_DIR}/tests/support/http1_reference.cc)

weft_test(http1_corpus_test LABELS fuzz core SOURCES http1_corpus_test.cc
  ${CMAKE_SOURCE_DIR}/tests/support/http1_corpus.cc ${HTTP1_FUZZ_SOURCES})
target_compile_definitions(http1_corpus_test PRIVATE
  WEFT_CORPUS_DIR="${CMAKE_SOURCE_DIR}/tests/fuzz/corpus/http1")

if(WEFT_FUZZ)
  add_executable(http1_fuzz http1_fuzz.cc ${HTTP1_FUZZ_SOURCES})
  target_include_directories(http1_fuzz PRIVATE ${CMAKE_SOURCE_DIR}/tests ${CMAKE_SOURCE_DIR}/bpf)
  target_compile_options(http1_fuzz PRIVATE -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=undefined)
  target_link_options(http1_fuzz PRIVATE -fsanitize=fuzzer,address,undefined)
endif()
