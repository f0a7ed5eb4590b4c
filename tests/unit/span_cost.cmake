# SPDX-License-Identifier: Apache-2.0
add_executable(span_cost ${CMAKE_CURRENT_SOURCE_DIR}/span_cost.cc)
target_include_directories(span_cost PRIVATE ${CMAKE_SOURCE_DIR}/tests)
target_link_libraries(span_cost PRIVATE weft_assemble)
