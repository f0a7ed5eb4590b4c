# SPDX-License-Identifier: Apache-2.0
# kafka_fuzz: with WEFT_FUZZ (clang) a libFuzzer program, else one that runs the corpus; known to CTest either way.
set(kafka_corpus ${CMAKE_CURRENT_LIST_DIR}/corpus/kafka)
set(kafka_sources ${CMAKE_CURRENT_LIST_DIR}/kafka_fuzz.cc
  ${CMAKE_SOURCE_DIR}/tests/support/kafka/produce.cc)
if(WEFT_FUZZ)
  add_executable(kafka_fuzz ${kafka_sources})
  target_compile_options(kafka_fuzz PRIVATE -fsanitize=fuzzer)
  target_link_options(kafka_fuzz PRIVATE -fsanitize=fuzzer)
  add_test(NAME kafka_fuzz COMMAND kafka_fuzz -runs=0 ${kafka_corpus})
else()
  add_executable(kafka_fuzz ${kafka_sources} ${CMAKE_CURRENT_LIST_DIR}/corpus_main.cc)
  add_test(NAME kafka_fuzz COMMAND kafka_fuzz ${kafka_corpus})
endif()
target_include_directories(kafka_fuzz PRIVATE ${CMAKE_SOURCE_DIR}/tests)
target_link_libraries(kafka_fuzz PRIVATE weft_decode)
set_tests_properties(kafka_fuzz PROPERTIES LABELS "fuzz;core" TIMEOUT 120)
