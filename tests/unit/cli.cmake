# SPDX-License-Identifier: Apache-2.0
weft_test(unit_cli LABELS unit core SOURCES cli_commands_test.cc cli_doctor_test.cc cli_run.cc cli_usage_test.cc
  DEPENDS weft_cli weft_control)
target_compile_definitions(unit_cli PRIVATE WEFT_PROGRAM="$<TARGET_FILE:weft>"
  WEFT_RECORDING="${CMAKE_SOURCE_DIR}/tests/golden/data/front_and_back.weftrec")
add_dependencies(unit_cli weft)
