# SPDX-License-Identifier: Apache-2.0
weft_test(unit_policy_file LABELS unit core
  SOURCES policy_explain_test.cc policy_file_test.cc policy_glob_test.cc policy_keeper_test.cc policy_review_test.cc
          policy_watch_test.cc
  DEPENDS weft_config weft_policy_control)
weft_test(unit_policy_commands LABELS unit core SOURCES policy_commands_test.cc cli_run.cc
  DEPENDS weft_control weft_policy_control)
target_compile_definitions(unit_policy_commands PRIVATE WEFT_PROGRAM="$<TARGET_FILE:weft>")
add_dependencies(unit_policy_commands weft)
