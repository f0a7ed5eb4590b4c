# SPDX-License-Identifier: Apache-2.0
# Life of exchanges, threads and processes in the kernel programs: begun, ended and forgotten in any order.
add_executable(lifecycle_app ${CMAKE_CURRENT_LIST_DIR}/lifecycle_app.cc ${CMAKE_CURRENT_LIST_DIR}/lifecycle_ways.cc)
target_link_libraries(lifecycle_app PRIVATE weft_test_traffic)

weft_test(lifecycle_test LABELS kernel core kernels
  SOURCES lifecycle_test.cc lifecycle_answers_test.cc lifecycle_broken_test.cc lifecycle_carried_test.cc lifecycle_headers_test.cc lifecycle_http2_test.cc lifecycle_idle_test.cc lifecycle_lengths_test.cc lifecycle_resets_test.cc lifecycle_retraced_test.cc lifecycle_ring_test.cc lifecycle_streams_test.cc
    lifecycle_telemetry_test.cc lifecycle_scene.cc
  DEPENDS weft_test_agent)
weft_test(membership_test LABELS kernel core kernels SOURCES membership_test.cc lifecycle_scene.cc DEPENDS weft_test_agent)
weft_test(reasons_test LABELS kernel core kernels SOURCES reasons_test.cc lifecycle_scene.cc DEPENDS weft_test_agent)
weft_test(overflow_test LABELS kernel core SOURCES overflow_test.cc lifecycle_scene.cc DEPENDS weft_test_agent)
weft_test(policy_test LABELS kernel core kernels
  SOURCES policy_test.cc policy_http2_test.cc policy_sets_test.cc policy_scene.cc lifecycle_scene.cc
  DEPENDS weft_test_agent weft_policy_control)
foreach(test lifecycle_test membership_test overflow_test policy_test reasons_test)
  add_dependencies(${test} lifecycle_app)
  set_tests_properties(${test} PROPERTIES RESOURCE_LOCK weft_kernel)
endforeach()
# Under the flavour that keeps connections in a hash, on kernels that have kprobes.
foreach(test lifecycle_test membership_test)
  add_test(NAME ${test}_kprobe COMMAND ${test})
  set_tests_properties(${test}_kprobe PROPERTIES LABELS "kernel;kernels" RESOURCE_LOCK weft_kernel TIMEOUT 300
    ENVIRONMENT WEFT_TEST_CAPTURE=kprobe)
endforeach()
