# SPDX-License-Identifier: Apache-2.0
# policy_file_fuzz: with WEFT_FUZZ (clang) a libFuzzer program, else one that runs the corpus; known to CTest either way.
set(policy_file_corpus ${CMAKE_CURRENT_LIST_DIR}/corpus/policy_file)
if(WEFT_FUZZ)
  add_executable(policy_file_fuzz ${CMAKE_CURRENT_LIST_DIR}/policy_file_fuzz.cc)
  target_compile_options(policy_file_fuzz PRIVATE -fsanitize=fuzzer)
  target_link_options(policy_file_fuzz PRIVATE -fsanitize=fuzzer)
  add_test(NAME policy_file_fuzz COMMAND policy_file_fuzz -runs=0 ${policy_file_corpus})
else()
  add_executable(policy_file_fuzz ${CMAKE_CURRENT_LIST_DIR}/policy_file_fuzz.cc ${CMAKE_CURRENT_LIST_DIR}/corpus_main.cc)
  add_test(NAME policy_file_fuzz COMMAND policy_file_fuzz ${policy_file_corpus})
endif()
target_link_libraries(policy_file_fuzz PRIVATE weft_config)
set_tests_properties(policy_file_fuzz PROPERTIES LABELS "fuzz;core" TIMEOUT 120)
