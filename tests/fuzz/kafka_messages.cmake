# SPDX-License-Identifier: Apache-2.0
# kafka_messages_fuzz: with WEFT_FUZZ (clang) a libFuzzer program, else one that runs the corpus; known to CTest either way.
set(kafka_messages_corpus ${CMAKE_CURRENT_LIST_DIR}/corpus/kafka_messages)
if(WEFT_FUZZ)
  add_executable(kafka_messages_fuzz ${CMAKE_CURRENT_LIST_DIR}/kafka_messages_fuzz.cc)
  target_compile_options(kafka_messages_fuzz PRIVATE -fsanitize=fuzzer)
  target_link_options(kafka_messages_fuzz PRIVATE -fsanitize=fuzzer)
  add_test(NAME kafka_messages_fuzz COMMAND kafka_messages_fuzz -runs=0 ${kafka_messages_corpus})
else()
  add_executable(kafka_messages_fuzz ${CMAKE_CURRENT_LIST_DIR}/kafka_messages_fuzz.cc ${CMAKE_CURRENT_LIST_DIR}/corpus_main.cc)
  add_test(NAME kafka_messages_fuzz COMMAND kafka_messages_fuzz ${kafka_messages_corpus})
endif()
target_link_libraries(kafka_messages_fuzz PRIVATE weft_decode)
set_tests_properties(kafka_messages_fuzz PROPERTIES LABELS "fuzz;core" TIMEOUT 120)
