# SPDX-License-Identifier: Apache-2.0
weft_test(unit_policy_file LABELS unit core
  SOURCES policy_file_test.cc policy_glob_test.cc policy_review_test.cc policy_watch_test.cc
  DEPENDS weft_config weft_policy)
