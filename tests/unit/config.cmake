# SPDX-License-Identifier: Apache-2.0
weft_test(unit_config LABELS unit core SOURCES config_test.cc config_sampling_test.cc config_sources_test.cc
  config_pipeline_test.cc config_restart_test.cc
  DEPENDS weft_config weft_pipeline_options)
target_compile_definitions(unit_config PRIVATE WEFT_EXAMPLE_CONFIG="${CMAKE_SOURCE_DIR}/deploy/weft.yaml")
