// SPDX-License-Identifier: Apache-2.0
// The demo's stock service: a thread pool and the catalogue as its back end. stock PORT CATALOG_PORT
#include <httplib.h>
#include <sys/socket.h>

#include <cstdlib>
#include <iostream>

int main(int argc, char** argv) {
  if (argc != 3) {
    std::cerr << "usage: stock PORT CATALOG_PORT\n";
    return 2;
  }
  const int port = std::atoi(argv[1]), catalog_port = std::atoi(argv[2]);
  httplib::Server server;
  server.Get(R"(/stock/(\w+))", [catalog_port](const httplib::Request& request, httplib::Response& response) {
    httplib::Client catalog("127.0.0.1", catalog_port);
    const auto items = catalog.Get("/items.json");
    if (!items || items->status != 200) {
      response.status = 502;
      response.set_content(R"({"error":"no catalogue"})", "application/json");
      return;
    }
    response.set_content(R"({"item":")" + request.matches[1].str() + R"(","left":7})", "application/json");
  });
  server.set_tcp_nodelay(true);
  // httplib's own choice, SO_REUSEPORT, refuses a port on which connections of an earlier run are in TIME_WAIT.
  server.set_socket_options([](socket_t socket) {
    const int on = 1;
    setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  });
  if (server.listen("127.0.0.1", port)) return 0;
  std::cerr << "stock: cannot listen on port " << port << '\n';
  return 1;
}
