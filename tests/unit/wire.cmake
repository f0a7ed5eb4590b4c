# SPDX-License-Identifier: Apache-2.0
# The parsers of bpf/wire as user space builds them.
weft_test(wire_telemetry_test LABELS unit core SOURCES wire_telemetry_test.cc)

weft_test(wire_trace_context_test LABELS unit core SOURCES
  wire_trace_context_test.cc wire_traceparent_test.cc wire_tracestate_test.cc
  ${CMAKE_SOURCE_DIR}/tests/support/trace_context_cases.cc
  ${CMAKE_SOURCE_DIR}/tests/support/trace_context_reference.cc)

weft_test(wire_formats_test LABELS unit core SOURCES wire_formats_test.cc wire_uber_baggage_test.cc
  ${CMAKE_SOURCE_DIR}/tests/support/context_cases.cc
  ${CMAKE_SOURCE_DIR}/tests/support/trace_context_cases.cc)

weft_test(wire_http1_test LABELS unit core SOURCES wire_http1_test.cc
  ${CMAKE_SOURCE_DIR}/tests/support/http1_cases.cc
  ${CMAKE_SOURCE_DIR}/tests/support/http1_driver.cc
  ${CMAKE_SOURCE_DIR}/tests/support/http1_reference.cc)
