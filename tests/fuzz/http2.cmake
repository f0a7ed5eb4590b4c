# SPDX-License-Identifier: Apache-2.0
# hpack_fuzz, http2_fuzz: with WEFT_FUZZ (clang) libFuzzer programs, else ones that run the corpus; known to CTest either
# way.
foreach(name hpack http2)
  if(WEFT_FUZZ)
    add_executable(${name}_fuzz ${CMAKE_CURRENT_LIST_DIR}/${name}_fuzz.cc)
    target_compile_options(${name}_fuzz PRIVATE -fsanitize=fuzzer)
    target_link_options(${name}_fuzz PRIVATE -fsanitize=fuzzer)
    add_test(NAME ${name}_fuzz COMMAND ${name}_fuzz -runs=0 ${CMAKE_CURRENT_LIST_DIR}/corpus/${name})
  else()
    add_executable(${name}_fuzz ${CMAKE_CURRENT_LIST_DIR}/${name}_fuzz.cc ${CMAKE_CURRENT_LIST_DIR}/corpus_main.cc)
    add_test(NAME ${name}_fuzz COMMAND ${name}_fuzz ${CMAKE_CURRENT_LIST_DIR}/corpus/${name})
  endif()
  target_include_directories(${name}_fuzz PRIVATE ${CMAKE_SOURCE_DIR}/tests)
  target_link_libraries(${name}_fuzz PRIVATE weft_decode)
  set_tests_properties(${name}_fuzz PROPERTIES LABELS "fuzz;core" TIMEOUT 120)
endforeach()
