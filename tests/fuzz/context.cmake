# SPDX-License-Identifier: Apache-2.0
# context_fuzz: with WEFT_FUZZ (clang) a libFuzzer program, else one that runs the corpus; known to CTest either way.
set(context_corpus ${CMAKE_CURRENT_LIST_DIR}/corpus/context)
set(context_sources ${CMAKE_CURRENT_LIST_DIR}/context_fuzz.cc ${CMAKE_SOURCE_DIR}/tests/support/context_cases.cc
  ${CMAKE_SOURCE_DIR}/tests/support/trace_context_cases.cc)
if(WEFT_FUZZ)
  add_executable(context_fuzz ${context_sources})
  target_compile_options(context_fuzz PRIVATE -fsanitize=fuzzer)
  target_link_options(context_fuzz PRIVATE -fsanitize=fuzzer)
  add_test(NAME context_fuzz COMMAND context_fuzz -runs=0 ${context_corpus})
else()
  add_executable(context_fuzz ${context_sources} ${CMAKE_CURRENT_LIST_DIR}/corpus_main.cc)
  add_test(NAME context_fuzz COMMAND context_fuzz ${context_corpus})
endif()
target_include_directories(context_fuzz PRIVATE ${CMAKE_SOURCE_DIR}/tests ${CMAKE_SOURCE_DIR}/bpf)
set_tests_properties(context_fuzz PROPERTIES LABELS "fuzz;core" TIMEOUT 120)
