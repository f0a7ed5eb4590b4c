# SPDX-License-Identifier: Apache-2.0
# weft_module(NAME [SOURCES…] [DEPENDS…]): one folder of the house as a static library weft_NAME.
# weft_test(NAME LABELS kind size [SOURCES…] [DEPENDS…]): one doctest program, known to CTest by its labels.
include(CMakeParseArguments)

option(WEFT_UNITY "compile each module's files as one: half the time for a first build, more for every later one" OFF)

function(weft_module name)
  cmake_parse_arguments(ARG "" "" "SOURCES;DEPENDS" ${ARGN})
  add_library(weft_${name} STATIC ${ARG_SOURCES})
  target_include_directories(weft_${name} PUBLIC
    ${CMAKE_SOURCE_DIR}/userspace ${CMAKE_SOURCE_DIR} ${CMAKE_SOURCE_DIR}/bpf)
  target_link_libraries(weft_${name} PUBLIC ${ARG_DEPENDS})
  if(WEFT_UNITY)
    set_target_properties(weft_${name} PROPERTIES UNITY_BUILD ON UNITY_BUILD_BATCH_SIZE 0)
  endif()
endfunction()

function(weft_test name)
  cmake_parse_arguments(ARG "" "TIMEOUT" "LABELS;SOURCES;DEPENDS" ${ARGN})
  if(NOT ARG_TIMEOUT)
    set(ARG_TIMEOUT 120)
  endif()
  add_executable(${name} ${ARG_SOURCES} ${CMAKE_SOURCE_DIR}/tests/support/main.cc)
  target_include_directories(${name} PRIVATE ${CMAKE_SOURCE_DIR}/userspace ${CMAKE_SOURCE_DIR}
    ${CMAKE_SOURCE_DIR}/bpf ${CMAKE_SOURCE_DIR}/tests)
  target_link_libraries(${name} PRIVATE ${ARG_DEPENDS})
  add_test(NAME ${name} COMMAND ${name})
  set_tests_properties(${name} PROPERTIES LABELS "${ARG_LABELS}" TIMEOUT ${ARG_TIMEOUT})
endfunction()
