# SPDX-License-Identifier: Apache-2.0
# hpack_fuzz: with WEFT_FUZZ (clang) a libFuzzer program, else one that runs the corpus; known to CTest either way.
set(hpack_corpus ${CMAKE_CURRENT_LIST_DIR}/corpus/hpack)
if(WEFT_FUZZ)
  add_executable(hpack_fuzz ${CMAKE_CURRENT_LIST_DIR}/hpack_fuzz.cc)
  target_compile_options(hpack_fuzz PRIVATE -fsanitize=fuzzer)
  target_link_options(hpack_fuzz PRIVATE -fsanitize=fuzzer)
  add_test(NAME hpack_fuzz COMMAND hpack_fuzz -runs=0 ${hpack_corpus})
else()
  add_executable(hpack_fuzz ${CMAKE_CURRENT_LIST_DIR}/hpack_fuzz.cc ${CMAKE_CURRENT_LIST_DIR}/corpus_main.cc)
  add_test(NAME hpack_fuzz COMMAND hpack_fuzz ${hpack_corpus})
endif()
target_link_libraries(hpack_fuzz PRIVATE weft_decode)
set_tests_properties(hpack_fuzz PROPERTIES LABELS "fuzz;core" TIMEOUT 120)
