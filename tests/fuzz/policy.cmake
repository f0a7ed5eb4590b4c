# SPDX-License-Identifier: Apache-2.0
weft_fuzz(policy SOURCES ${CMAKE_SOURCE_DIR}/tests/support/policy_cases.cc ${CMAKE_SOURCE_DIR}/tests/support/policy_reference.cc DEPENDS weft_policy)
weft_fuzz(policy_file DEPENDS weft_config)
