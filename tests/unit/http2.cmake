# SPDX-License-Identifier: Apache-2.0
# HTTP/2 as user space reads it; libnghttp2 is the oracle.
weft_test(unit_http2 LABELS unit core
  SOURCES ${CMAKE_CURRENT_LIST_DIR}/http2_hpack_test.cc
          ${CMAKE_CURRENT_LIST_DIR}/http2_frames_test.cc
          ${CMAKE_CURRENT_LIST_DIR}/http2_exchanges_test.cc
          ${CMAKE_SOURCE_DIR}/tests/support/http2/hpack_blocks.cc
          ${CMAKE_SOURCE_DIR}/tests/support/http2/hpack_oracle.cc
  DEPENDS weft_assemble nghttp2)
