# SPDX-License-Identifier: Apache-2.0
weft_test(unit_runtime LABELS unit core SOURCES runtime_go_test.cc runtime_go_kafka_test.cc runtime_probe_site_test.cc runtime_librdkafka_test.cc runtime_openssl_test.cc runtime_grpc_core_test.cc DEPENDS weft_runtime)
# C, as its functions are named.
add_executable(unit_openssl_inside ${CMAKE_CURRENT_LIST_DIR}/programs/openssl_inside.c)
target_compile_options(unit_openssl_inside PRIVATE -O1 -fno-sanitize=all)
target_link_options(unit_openssl_inside PRIVATE -fno-sanitize=all)
add_dependencies(unit_runtime unit_openssl_inside)
target_compile_definitions(unit_runtime PRIVATE WEFT_OPENSSL_INSIDE="$<TARGET_FILE:unit_openssl_inside>")
