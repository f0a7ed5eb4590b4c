# SPDX-License-Identifier: Apache-2.0
add_test(NAME verifier_report_test
  COMMAND python3 ${CMAKE_CURRENT_LIST_DIR}/verifier_report_test.py ${CMAKE_SOURCE_DIR}/tools/verifier-report)
set_tests_properties(verifier_report_test PROPERTIES LABELS "unit;core;sources" TIMEOUT 60)
