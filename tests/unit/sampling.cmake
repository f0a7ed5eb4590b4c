# SPDX-License-Identifier: Apache-2.0
weft_test(unit_sampling LABELS unit core
  SOURCES sampling_rules_test.cc sampling_controller_test.cc sampling_remote_test.cc sampling_keep_test.cc
          sampling_adaptive_test.cc ${CMAKE_SOURCE_DIR}/tests/support/raw_server.cc
  DEPENDS weft_sampling)
weft_test(unit_unsampled LABELS unit core SOURCES unsampled_test.cc DEPENDS weft_assemble weft_exporter_prometheus)
