# SPDX-License-Identifier: Apache-2.0
# The gates that look at the sources themselves; label sources: once is enough, whatever the preset.
add_test(NAME layers COMMAND ${CMAKE_SOURCE_DIR}/tools/layers)
add_test(NAME layers_test COMMAND python3 ${CMAKE_CURRENT_LIST_DIR}/layers_test.py ${CMAKE_SOURCE_DIR}/tools/layers)
add_test(NAME format COMMAND ${CMAKE_SOURCE_DIR}/tools/format --check)
set_tests_properties(layers layers_test format PROPERTIES LABELS "unit;core;sources" TIMEOUT 60)
