# SPDX-License-Identifier: Apache-2.0
# The whole agent with real clients, servers and receivers. One Python script a test; tests/e2e/lib starts the agent.
function(weft_e2e name script)
  cmake_parse_arguments(ARG "" "TIMEOUT" "LABELS;ARGUMENTS" ${ARGN})
  if(NOT ARG_TIMEOUT)
    set(ARG_TIMEOUT 300)
  endif()
  add_test(NAME ${name} COMMAND /usr/bin/python3 ${CMAKE_SOURCE_DIR}/tests/e2e/${script}.py ${CMAKE_BINARY_DIR} ${ARG_ARGUMENTS})
  set_tests_properties(${name} PROPERTIES LABELS "e2e;${ARG_LABELS}" TIMEOUT ${ARG_TIMEOUT} RESOURCE_LOCK weft_kernel
    ENVIRONMENT "WEFTD=$<TARGET_FILE:weftd>;PYTHONDONTWRITEBYTECODE=1;WEFT_TEST_GO_BUILT=${CMAKE_BINARY_DIR}/go_programs")
endfunction()

if(TARGET weftd)
  weft_e2e(clients clients_test LABELS core)
  # The agent is loaded once for each flavour, which takes an emulated machine a minute and more.
  weft_e2e(flavours flavours_test LABELS core smoke kernels TIMEOUT 900)
  weft_e2e(fionread fionread_test LABELS core kernels)
  # Needs the tls module, which the machines of tools/vm have.
  weft_e2e(ktls ktls_test LABELS kernels)
  weft_e2e(refusals refusals_test LABELS core kernels)
  weft_e2e(smoke_curl clients_test LABELS core smoke kernels ARGUMENTS
    Curl.test_keep_alive Curl.test_chunked_both_ways Curl.test_name_and_query_in_the_span)
  # Of HTTP/2 and Kafka what shows that a kernel does it all: for Linux 6.1 probes in libraries are perf events.
  weft_e2e(http2_kernels http2_test LABELS kernels ARGUMENTS Http2.test_grpc_unary Http2.test_curl
    Http2.test_nghttp_with_many_streams_and_padding)
  weft_e2e(kafka_kernels kafka_consumers_test LABELS kernels ARGUMENTS Consumers.test_from_a_request_to_a_request)
  # With exactly the four capabilities that docs/kernel-requirements.md names.
  weft_e2e(capabilities attach_test LABELS core kernels ARGUMENTS
    Attach.test_open_connections_are_injected_from_the_second_exchange_on Attach.test_new_process_is_noticed)
  set_property(TEST capabilities APPEND PROPERTY ENVIRONMENT
    "WEFT_TEST_PREFIX=setpriv --inh-caps=-all,+bpf,+perfmon,+net_admin,+sys_ptrace --bounding-set=-all,+bpf,+perfmon,+net_admin,+sys_ptrace")
  add_test(NAME install COMMAND /usr/bin/python3 ${CMAKE_CURRENT_LIST_DIR}/install_test.py ${CMAKE_BINARY_DIR})
  set_tests_properties(install PROPERTIES LABELS "e2e;core" TIMEOUT 120)
  weft_e2e(clients_full clients_full_test LABELS full)
  # Go: the installed toolchain and the oldest one that is known; with all versions and ways to build, and with the
  # numbers that are promised, in the full run.
  weft_e2e(go_attribution go_attribution_test LABELS go TIMEOUT 900 ARGUMENTS local/normal 1.20.14/cgo-pie-stripped)
  weft_e2e(go_tls go_tls_test LABELS go TIMEOUT 600 ARGUMENTS local/normal 1.20.14/cgo-pie-stripped)
  weft_e2e(go_http2 go_http2_test LABELS go TIMEOUT 900 ARGUMENTS local/normal 1.20.14/cgo-pie-stripped)
  # The other ways to build them, with fewer requests.
  weft_e2e(go_builds go_attribution_test LABELS go TIMEOUT 600 ARGUMENTS
    local/cgo local/cgo-pie-stripped 1.20.14/normal 1.20.14/cgo)
  set_property(TEST go_builds APPEND PROPERTY ENVIRONMENT "WEFT_E2E_SCALE=0.1" "WEFT_TEST_GO_WAYS=direct parallel depth raw pool")
  weft_e2e(go_tls_builds go_tls_test LABELS go TIMEOUT 600 ARGUMENTS
    local/stripped local/pie local/cgo 1.20.14/normal Tls.test_programs)
  set_property(TEST go_tls_builds APPEND PROPERTY ENVIRONMENT "WEFT_E2E_SCALE=0.2")
  weft_e2e(go_life go_life_test LABELS go TIMEOUT 600)
  weft_e2e(go_followed go_followed_test LABELS go)
  weft_e2e(go_killed go_killed_test LABELS go)
  weft_e2e(go_fasthttp go_attribution_test LABELS go TIMEOUT 600 ARGUMENTS local/normal/go_fasthttp)
  add_test(NAME go_offsets COMMAND /usr/bin/python3 ${CMAKE_CURRENT_LIST_DIR}/go_offsets_test.py)
  set_tests_properties(go_offsets PROPERTIES LABELS "e2e;go" TIMEOUT 300)
  # Linux 6.1 has no uprobe_multi. tools/check builds the program before and says so where it cannot: nothing compiles in
  # an emulated machine.
  weft_e2e(go_kernels go_life_test LABELS kernels_go TIMEOUT 600 ARGUMENTS Life.test_executes_itself)
  set_property(TEST go_kernels APPEND PROPERTY ENVIRONMENT "WEFT_TEST_GO_PROGRAM=${CMAKE_BINARY_DIR}/go_front")
  set(go_programs)
  foreach(version 1.20.14 1.21.13 1.23.12 1.26.0 1.27.4)
    foreach(how normal stripped pie cgo)
      list(APPEND go_programs ${version}/${how})
    endforeach()
  endforeach()
  weft_e2e(go_matrix go_attribution_test LABELS full TIMEOUT 7200 ARGUMENTS ${go_programs})
  set_property(TEST go_matrix APPEND PROPERTY ENVIRONMENT "WEFT_TEST_GO_PROCS=1,2,8")
  weft_e2e(go_tls_matrix go_tls_test LABELS full TIMEOUT 3600 ARGUMENTS ${go_programs})
  # net/http's HTTP/2 is another package since Go 1.27.
  weft_e2e(go_http2_newest go_http2_test LABELS full TIMEOUT 1800 ARGUMENTS 1.27.4/normal)
  weft_e2e(go_counts go_attribution_test LABELS full TIMEOUT 1800 ARGUMENTS local/normal)
  set_property(TEST go_counts APPEND PROPERTY ENVIRONMENT "WEFT_E2E_SCALE=10")
  weft_e2e(turn_priority turn_priority_test LABELS core)
  weft_e2e(receive receive_test LABELS core kernels)
  weft_e2e(http2 http2_test LABELS core)
  weft_e2e(open_streams open_streams_test LABELS core)
  weft_e2e(upgrade upgrade_test LABELS core)
  weft_e2e(http2_abuse http2_abuse_test LABELS core)
  weft_e2e(grpc grpc_test LABELS core TIMEOUT 600)
  weft_e2e(grpc_core grpc_core_test LABELS core)
  weft_e2e(grpc_life grpc_life_test LABELS core)
  weft_e2e(grpc_proxy grpc_proxy_test LABELS core)
  weft_e2e(grpc_full grpc_full_test LABELS full TIMEOUT 1800)
  weft_e2e(grpc_java grpc_java_test LABELS full grpcjava TIMEOUT 1800)
  # Per front as many as are promised together.
  weft_e2e(grpc_java_counts grpc_java_test LABELS full grpcjava TIMEOUT 3600 ARGUMENTS WhoseCall)
  set_property(TEST grpc_java_counts APPEND PROPERTY ENVIRONMENT "WEFT_E2E_SCALE=8")
  weft_e2e(kafka kafka_test LABELS core TIMEOUT 600)
  weft_e2e(kafka_callers kafka_callers_test LABELS core TIMEOUT 600)
  weft_e2e(kafka_consumers kafka_consumers_test LABELS core TIMEOUT 600)
  weft_e2e(kafka_baggage kafka_baggage_test LABELS core)
  weft_e2e(late_tables late_tables_test LABELS core)
  weft_e2e(servers servers_test LABELS core)
  weft_e2e(openssl openssl_test LABELS core)
  weft_e2e(openssl_http2 openssl_http2_test LABELS core)
  weft_e2e(openssl_leaver openssl_leaver_test LABELS core)
  # Node with OpenSSL inside, as its makers build it, or with Debian's.
  weft_e2e(openssl_node openssl_node_test LABELS full)
  weft_e2e(forwarders forwarders_test LABELS core)
  weft_e2e(instrumented instrumented_test LABELS core)
  weft_e2e(response_header response_header_test LABELS core)
  weft_e2e(attach attach_test LABELS core)
  weft_e2e(misuse misuse_test LABELS core)
  weft_e2e(crash crash_test LABELS core kernels)
  weft_e2e(service service_test LABELS core)
  weft_e2e(policy policy_test LABELS core)
  weft_e2e(propagation propagation_test LABELS core)
  weft_e2e(record record_test LABELS core)
  weft_e2e(short_lived short_lived_test LABELS core)
  weft_e2e(sampling sampling_test LABELS core)
  weft_e2e(threshold threshold_test LABELS core)
  weft_e2e(receivers receivers_test LABELS core)
  weft_e2e(zipkin peers_test LABELS zipkin ARGUMENTS Zipkin)
  weft_e2e(otelcol peers_test LABELS otelcol ARGUMENTS OpenTelemetryCollector)
  weft_e2e(jaeger peers_test LABELS jaeger ARGUMENTS Jaeger)
  weft_e2e(prometheus peers_test LABELS prometheus ARGUMENTS Prometheus)
  weft_e2e(kafka_go_callers kafka_go_callers_test LABELS full kafka TIMEOUT 1800)
  weft_e2e(kafka_go_consumers kafka_go_consumers_test LABELS full go TIMEOUT 1800)
  weft_e2e(kafka_go_one kafka_go_consumers_test LABELS go TIMEOUT 300 ARGUMENTS Segmentio.test_one_at_a_time
    Franz.test_one_at_a_time)
  weft_e2e(kafka_broker kafka_broker_test LABELS kafka TIMEOUT 900 ARGUMENTS RealBroker)
  weft_e2e(kafka_topics kafka_broker_test LABELS full kafka TIMEOUT 900 ARGUMENTS Topics)
  weft_e2e(kafka_restart kafka_broker_test LABELS full kafka TIMEOUT 900 ARGUMENTS Restart)
  weft_e2e(kafka_soak kafka_soak_test LABELS soak kafka TIMEOUT 3600)
  # Compiles node-rdkafka, which takes minutes.
  weft_e2e(kafka_clients kafka_clients_test LABELS full kafka TIMEOUT 3600)
endif()
