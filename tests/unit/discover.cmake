# SPDX-License-Identifier: Apache-2.0
weft_test(unit_discover LABELS unit core
  SOURCES discover_text_test.cc discover_process_test.cc discover_names_test.cc discover_matcher_test.cc
          discover_resource_test.cc discover_instrumented_test.cc discover_state_test.cc discover_hand_test.cc
          discover_rest_test.cc discover_fake_proc.cc
  DEPENDS weft_discover)
# Real processes of this machine.
weft_test(unit_discover_live LABELS unit core
  SOURCES discover_live_test.cc discover_denied_test.cc discover_libc_test.cc discover_fake_proc.cc
  DEPENDS weft_discover)
