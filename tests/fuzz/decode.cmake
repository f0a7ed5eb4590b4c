# SPDX-License-Identifier: Apache-2.0
# decode_fuzz: with WEFT_FUZZ (clang) a libFuzzer program, else one that runs the corpus; known to CTest either way.
set(decode_corpus ${CMAKE_CURRENT_LIST_DIR}/corpus/decode)
if(WEFT_FUZZ)
  add_executable(decode_fuzz ${CMAKE_CURRENT_LIST_DIR}/decode_fuzz.cc)
  target_compile_options(decode_fuzz PRIVATE -fsanitize=fuzzer)
  target_link_options(decode_fuzz PRIVATE -fsanitize=fuzzer)
  add_test(NAME decode_fuzz COMMAND decode_fuzz -runs=0 ${decode_corpus})
else()
  add_executable(decode_fuzz ${CMAKE_CURRENT_LIST_DIR}/decode_fuzz.cc ${CMAKE_CURRENT_LIST_DIR}/corpus_main.cc)
  add_test(NAME decode_fuzz COMMAND decode_fuzz ${decode_corpus})
endif()
target_link_libraries(decode_fuzz PRIVATE weft_assemble)
set_tests_properties(decode_fuzz PROPERTIES LABELS "fuzz;core" TIMEOUT 120)
