# SPDX-License-Identifier: Apache-2.0
# What of the agent needs no kernel side.
weft_test(unit_agent LABELS unit core
  SOURCES agent_turn_priority_test.cc ${CMAKE_SOURCE_DIR}/userspace/agent/turn_priority.cc
  DEPENDS spdlog::spdlog fmt::fmt)
