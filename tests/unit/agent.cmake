# SPDX-License-Identifier: Apache-2.0
# What of the agent needs no kernel side.
weft_test(unit_agent LABELS unit core
  SOURCES agent_errands_test.cc agent_goroutine_rest_test.cc agent_readiness_test.cc agent_service_manager_test.cc
          agent_turn_priority_test.cc
          ${CMAKE_SOURCE_DIR}/userspace/agent/goroutine_rest.cc ${CMAKE_SOURCE_DIR}/userspace/agent/loop_errands.cc
          ${CMAKE_SOURCE_DIR}/userspace/agent/readiness.cc ${CMAKE_SOURCE_DIR}/userspace/agent/service_manager.cc
          ${CMAKE_SOURCE_DIR}/userspace/agent/turn_priority.cc
  DEPENDS weft_assemble weft_base weft_discover spdlog::spdlog fmt::fmt)
weft_test(unit_task_rules LABELS unit core
  SOURCES agent_task_rules_test.cc ${CMAKE_SOURCE_DIR}/userspace/agent/task_rules.cc
  DEPENDS weft_base weft_discover weft_runtime weft_sampling fmt::fmt)
weft_test(unit_sinks LABELS unit core
  SOURCES agent_sinks_test.cc agent_export_log_test.cc ${CMAKE_SOURCE_DIR}/userspace/agent/sinks.cc
          ${CMAKE_SOURCE_DIR}/userspace/agent/export_log.cc
  DEPENDS weft_assemble weft_control weft_exporter weft_pipeline spdlog::spdlog fmt::fmt)
target_compile_definitions(unit_sinks PRIVATE WEFT_VERSION="${PROJECT_VERSION}")
weft_test(unit_log LABELS unit core
  SOURCES agent_log_test.cc ${CMAKE_SOURCE_DIR}/userspace/agent/log.cc
  DEPENDS weft_config nlohmann_json::nlohmann_json spdlog::spdlog fmt::fmt)
