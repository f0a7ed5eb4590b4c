# SPDX-License-Identifier: Apache-2.0
# Attribution: small unmodified servers under load, each call judged by the id in its path.
find_package(fmt REQUIRED)
find_package(Threads REQUIRED)
foreach(app leaf load threaded_front)
  add_executable(e2e_${app} ${CMAKE_CURRENT_LIST_DIR}/apps/${app}.cc)
  target_include_directories(e2e_${app} PRIVATE ${CMAKE_SOURCE_DIR}/tests)
  target_link_libraries(e2e_${app} PRIVATE fmt::fmt Threads::Threads)
endforeach()

set(attribution_test /usr/bin/python3 ${CMAKE_CURRENT_LIST_DIR}/attribution_test.py ${CMAKE_BINARY_DIR})
add_test(NAME attribution_kernel COMMAND ${attribution_test})
set_tests_properties(attribution_kernel PROPERTIES LABELS "e2e;core" TIMEOUT 900 RESOURCE_LOCK weft_kernel)
if(TARGET weftd)
  add_test(NAME attribution_agent COMMAND ${attribution_test})
  set_tests_properties(attribution_agent PROPERTIES LABELS "e2e;core" TIMEOUT 900 RESOURCE_LOCK weft_kernel
    ENVIRONMENT "WEFTD=$<TARGET_FILE:weftd>")
endif()
add_test(NAME attribution_control COMMAND ${attribution_test})
set_tests_properties(attribution_control PROPERTIES LABELS "e2e;core" TIMEOUT 300
  ENVIRONMENT "WEFT_TEST_AGENT=none;WEFT_E2E_SCALE=0.1")
add_test(NAME attribution_judge COMMAND /usr/bin/python3 ${CMAKE_CURRENT_LIST_DIR}/attribution_judge_test.py)
set_tests_properties(attribution_judge PROPERTIES LABELS "unit;core")
