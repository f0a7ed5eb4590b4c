# SPDX-License-Identifier: Apache-2.0
weft_fuzz(context SOURCES ${CMAKE_SOURCE_DIR}/tests/support/context_cases.cc ${CMAKE_SOURCE_DIR}/tests/support/trace_context_cases.cc)
