# SPDX-License-Identifier: Apache-2.0
# policy_fuzz: with WEFT_FUZZ (clang) a libFuzzer program, else one that runs the corpus; known to CTest either way.
set(policy_corpus ${CMAKE_CURRENT_LIST_DIR}/corpus/policy)
set(policy_sources ${CMAKE_CURRENT_LIST_DIR}/policy_fuzz.cc
  ${CMAKE_SOURCE_DIR}/tests/support/policy_cases.cc ${CMAKE_SOURCE_DIR}/tests/support/policy_reference.cc)
if(WEFT_FUZZ)
  add_executable(policy_fuzz ${policy_sources})
  target_compile_options(policy_fuzz PRIVATE -fsanitize=fuzzer)
  target_link_options(policy_fuzz PRIVATE -fsanitize=fuzzer)
  add_test(NAME policy_fuzz COMMAND policy_fuzz -runs=0 ${policy_corpus})
else()
  add_executable(policy_fuzz ${policy_sources} ${CMAKE_CURRENT_LIST_DIR}/corpus_main.cc)
  add_test(NAME policy_fuzz COMMAND policy_fuzz ${policy_corpus})
endif()
target_include_directories(policy_fuzz PRIVATE ${CMAKE_SOURCE_DIR}/tests)
target_link_libraries(policy_fuzz PRIVATE weft_policy)
set_tests_properties(policy_fuzz PROPERTIES LABELS "fuzz;core" TIMEOUT 120)
