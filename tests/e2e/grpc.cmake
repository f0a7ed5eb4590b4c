# SPDX-License-Identifier: Apache-2.0
# gRPC of the C++ library, both sides.
find_package(Protobuf REQUIRED)
pkg_check_modules(WEFT_TEST_GRPC REQUIRED IMPORTED_TARGET grpc++ protobuf)
find_program(WEFT_TEST_GRPC_PLUGIN grpc_cpp_plugin REQUIRED)
set(peer_out ${CMAKE_CURRENT_BINARY_DIR}/grpc_peer)
set(peer_sources ${peer_out}/peer.pb.cc ${peer_out}/peer.pb.h ${peer_out}/peer.grpc.pb.cc ${peer_out}/peer.grpc.pb.h)
file(MAKE_DIRECTORY ${peer_out})
add_custom_command(OUTPUT ${peer_sources}
  COMMAND protobuf::protoc --proto_path=${CMAKE_CURRENT_LIST_DIR}/apps/grpc_peer --cpp_out=${peer_out} --grpc_out=${peer_out}
    --plugin=protoc-gen-grpc=${WEFT_TEST_GRPC_PLUGIN} peer.proto
  DEPENDS ${CMAKE_CURRENT_LIST_DIR}/apps/grpc_peer/peer.proto COMMENT "protoc peer.proto" VERBATIM)
add_library(e2e_grpc_peer_proto OBJECT ${peer_sources})
target_include_directories(e2e_grpc_peer_proto SYSTEM PUBLIC ${peer_out})
target_link_libraries(e2e_grpc_peer_proto PUBLIC PkgConfig::WEFT_TEST_GRPC)
target_compile_options(e2e_grpc_peer_proto PRIVATE -w)
add_executable(e2e_grpc_peer apps/grpc_peer/main.cc apps/grpc_peer/server.cc apps/grpc_peer/front.cc apps/grpc_peer/client.cc)
target_include_directories(e2e_grpc_peer PRIVATE ${CMAKE_SOURCE_DIR}/tests)
target_link_libraries(e2e_grpc_peer PRIVATE e2e_grpc_peer_proto fmt::fmt nlohmann_json::nlohmann_json Threads::Threads)
