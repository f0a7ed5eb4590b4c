# SPDX-License-Identifier: Apache-2.0
# OpenSSL in programs that leave its calls by other ways than their return.
find_package(OpenSSL REQUIRED)
find_package(Threads REQUIRED)
add_executable(e2e_tls_leaver ${CMAKE_CURRENT_LIST_DIR}/apps/tls_leaver.cc)
target_include_directories(e2e_tls_leaver PRIVATE ${CMAKE_SOURCE_DIR}/tests)
target_link_libraries(e2e_tls_leaver PRIVATE OpenSSL::SSL Threads::Threads)
