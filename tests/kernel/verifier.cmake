# SPDX-License-Identifier: Apache-2.0
# What the verifier walks for each program, against the accepted numbers in tools/verifier-baseline.tsv.
if(WEFT_BPF_PROGRAMS)
  pkg_check_modules(VERIFIER_LIBBPF REQUIRED IMPORTED_TARGET libbpf)
  add_executable(verifier_numbers ${CMAKE_CURRENT_LIST_DIR}/verifier_numbers.cc)
  target_include_directories(verifier_numbers PRIVATE ${CMAKE_SOURCE_DIR}/bpf)
  target_link_libraries(verifier_numbers PRIVATE PkgConfig::VERIFIER_LIBBPF fmt::fmt)
  add_dependencies(verifier_numbers weft_bpf_objects)
  add_test(NAME verifier_report COMMAND ${CMAKE_SOURCE_DIR}/tools/verifier-report --build ${CMAKE_BINARY_DIR})
  set_tests_properties(verifier_report PROPERTIES LABELS "kernel;core;smoke;kernels" TIMEOUT 300 RUN_SERIAL TRUE)
endif()
