# SPDX-License-Identifier: Apache-2.0
weft_test(unit_agent LABELS unit core
  SOURCES agent_turn_priority_test.cc
  DEPENDS weft_agent)
