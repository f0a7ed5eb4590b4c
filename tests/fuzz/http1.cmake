# SPDX-License-Identifier: Apache-2.0
set(http1_sources ${CMAKE_SOURCE_DIR}/tests/support/http1_driver.cc ${CMAKE_SOURCE_DIR}/tests/support/http1_fuzz_input.cc
  ${CMAKE_SOURCE_DIR}/tests/support/http1_reference.cc)
if(WEFT_FUZZ)
  weft_fuzz(http1 SOURCES ${http1_sources})
else()  # a test of its own, which says more than that an input failed
  weft_test(http1_corpus_test LABELS fuzz core SOURCES http1_corpus_test.cc
    ${CMAKE_SOURCE_DIR}/tests/support/http1_corpus.cc ${http1_sources})
  target_compile_definitions(http1_corpus_test PRIVATE
    WEFT_CORPUS_DIR="${CMAKE_SOURCE_DIR}/tests/fuzz/corpus/http1")
endif()
