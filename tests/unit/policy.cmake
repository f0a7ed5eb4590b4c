# SPDX-License-Identifier: Apache-2.0
# The baggage policy: compiler and automaton.
set(POLICY_CASES
  ${CMAKE_SOURCE_DIR}/tests/support/policy_cases.cc
  ${CMAKE_SOURCE_DIR}/tests/support/policy_reference.cc
  ${CMAKE_SOURCE_DIR}/tests/support/trace_context_cases.cc)
weft_test(policy_automaton_test LABELS unit core TIMEOUT 600 SOURCES policy_automaton_test.cc ${POLICY_CASES} DEPENDS weft_policy)
weft_test(policy_compile_test LABELS unit core SOURCES policy_compile_test.cc policy_semantics_test.cc ${POLICY_CASES}
  DEPENDS weft_policy)

# Two million texts.
add_test(NAME policy_automaton_soak COMMAND policy_automaton_test)
set_tests_properties(policy_automaton_soak PROPERTIES LABELS "unit;soak" TIMEOUT 7200
  ENVIRONMENT "WEFT_POLICY_SETS=8000;WEFT_POLICY_SEED=23")
