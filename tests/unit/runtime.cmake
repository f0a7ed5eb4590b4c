# SPDX-License-Identifier: Apache-2.0
weft_test(unit_runtime LABELS unit core SOURCES runtime_go_test.cc runtime_go_kafka_test.cc runtime_probe_site_test.cc runtime_librdkafka_test.cc runtime_openssl_test.cc runtime_grpc_core_test.cc DEPENDS weft_runtime)
