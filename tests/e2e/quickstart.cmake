# SPDX-License-Identifier: Apache-2.0
# tools/quickstart with what this build made: what it shows, and that it leaves nothing behind.
add_test(NAME quickstart COMMAND /usr/bin/python3 ${CMAKE_CURRENT_LIST_DIR}/quickstart_test.py ${CMAKE_BINARY_DIR})
set_tests_properties(quickstart PROPERTIES LABELS "e2e;core" TIMEOUT 300 RESOURCE_LOCK weft_kernel)
