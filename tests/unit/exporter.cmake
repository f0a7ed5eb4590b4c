# SPDX-License-Identifier: Apache-2.0
find_package(OpenSSL REQUIRED)
find_package(Threads REQUIRED)
find_package(ZLIB REQUIRED)
find_package(PkgConfig REQUIRED)
pkg_check_modules(WEFT_HTTPLIB REQUIRED IMPORTED_TARGET cpp-httplib)
add_library(weft_test_raw_server STATIC ${CMAKE_SOURCE_DIR}/tests/support/raw_server.cc)
target_include_directories(weft_test_raw_server PUBLIC ${CMAKE_SOURCE_DIR}/tests)
target_link_libraries(weft_test_raw_server PUBLIC Threads::Threads)

weft_test(exporter_console_test LABELS unit core SOURCES exporter_console_test.cc DEPENDS weft_exporter_console)
weft_test(exporter_encode_test LABELS unit core SOURCES exporter_encode_test.cc exporter_otlp_random_test.cc
  DEPENDS weft_exporter_otlp weft_exporter_zipkin)
weft_test(exporter_queue_test LABELS unit core SOURCES exporter_queue_test.cc exporter_changes_test.cc DEPENDS weft_exporter_base)
weft_test(exporter_http_test LABELS unit core SOURCES exporter_http_test.cc
  DEPENDS weft_exporter_otlp weft_exporter_zipkin weft_test_raw_server PkgConfig::WEFT_HTTPLIB ZLIB::ZLIB)
weft_test(exporter_tls_test LABELS unit core SOURCES exporter_tls_test.cc
  DEPENDS weft_exporter_otlp weft_exporter_zipkin PkgConfig::WEFT_HTTPLIB OpenSSL::Crypto)
weft_test(exporter_metrics_test LABELS unit core SOURCES exporter_metrics_test.cc DEPENDS weft_exporter_prometheus)

# Not a test: prints what one span costs in RedMetrics.
add_executable(red_metrics_cost red_metrics_cost.cc)
target_include_directories(red_metrics_cost PRIVATE ${CMAKE_SOURCE_DIR}/tests)
target_link_libraries(red_metrics_cost PRIVATE weft_exporter_prometheus)
