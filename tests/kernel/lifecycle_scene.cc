// SPDX-License-Identifier: Apache-2.0
#include "lifecycle_scene.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sched.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <thread>

#include "support/slowness.h"
#include "support/traffic/agent.h"

namespace weft::test {
namespace {

constexpr auto kPollInterval = std::chrono::milliseconds(1);
constexpr auto kPollLimit = std::chrono::seconds(5);

template <std::size_t N>
std::string hex(const __u8 (&bytes)[N]) {
  std::string text;
  for (const __u8 byte : bytes) text += fmt::format("{:02x}", byte);
  return text;
}

std::string lower(std::string_view text) {
  std::string result(text);
  for (char& c : result)
    if (c >= 'A' && c <= 'Z') c += 'a' - 'A';
  return result;
}

}  // namespace

Scene::Scene(const KernelOptions& options) : sink_(listen_on_loopback()), app_({beside_me("lifecycle_app")}) {
  auto kernel = SharedKernel::take(as_wanted(options));
  REQUIRE_MESSAGE(kernel.has_value(), (kernel ? "" : kernel.error().message));
  kernel_.emplace(std::move(*kernel));
  port_ = static_cast<std::uint16_t>(number("main", "listen"));
}

Scene::~Scene() = default;

std::string Scene::tell(const std::string& who, const std::string& command, std::string_view text) {
  begin(who, command, text);
  return result();
}

void Scene::begin(const std::string& who, const std::string& command, std::string_view text) {
  told_ = fmt::format("{} {}", who, command);
  std::string line = fmt::format("{} {} ", who, command);
  if (text.empty()) line.pop_back();
  for (const char byte : text) line += fmt::format("{:02x}", static_cast<unsigned char>(byte));
  app_.write_line(line);
}

std::string Scene::result() {
  const auto answer = app_.read_line();
  REQUIRE_MESSAGE(answer.has_value(), "the program ended at: " << told_);
  return *answer;
}

int Scene::number(const std::string& who, const std::string& command, std::string_view text) {
  return std::stoi(tell(who, command, text));
}

Scene::Taken Scene::accepted(const std::string& who) {
  Taken taken{.peer = connect_to(port_)};
  taken.fd = number(who, "accept");
  return taken;
}

Scene::Taken Scene::take(const std::string& who, const std::string& request) {
  Taken taken = accepted(who);
  REQUIRE(send_all(taken.peer.get(), request));
  CHECK(number(who, fmt::format("recv {}", taken.fd)) == static_cast<int>(request.size()));
  return taken;
}

std::string Scene::called(const std::string& who, const std::string& text) {
  CHECK(tell(who, fmt::format("call {}", sink_.port), text) == "sent");
  return read_to_end(accept_at_sink().get());
}

void Scene::leave_network(const std::string& who) {
  const std::string thread = tell(who, "network");
  std::thread([&] {  // a namespace is a thread's
    const Fd network(must(open(fmt::format("/proc/{}/ns/net", thread).c_str(), O_RDONLY | O_CLOEXEC), "open"));
    must(setns(network.get(), CLONE_NEWNET), "setns");
    sink_ = listen_on_loopback();
  })
      .join();
}

void Scene::end_program() {
  app_.write_line("main exit");
  CHECK(app_.wait() == 0);
}

void Scene::trace(const ProcessSettings& settings) {
  const auto traced = kernel().trace(pid(), settings);
  REQUIRE_MESSAGE(traced.has_value(), (traced ? "" : traced.error().message));
}

void Scene::untrace() { kernel().untrace(pid()); }

ProcessFindings Scene::findings() { return kernel().findings()[pid()]; }

std::uint64_t Scene::entries(const std::string& map) {
  const auto maps = kernel_->counters().maps;
  REQUIRE_MESSAGE(maps.contains(map), map);
  return maps.at(map).entries;
}

bool Scene::settles(const std::function<bool()>& condition) {
  const auto until = std::chrono::steady_clock::now() + kPollLimit * slowness();
  for (;;) {
    drain();
    if (condition()) return true;
    if (std::chrono::steady_clock::now() > until) return false;
    std::this_thread::sleep_for(kPollInterval);
  }
}

bool Scene::map_becomes(const std::string& map, std::uint64_t count) {
  const bool reached = settles([&] { return entries(map) == count; });
  if (!reached) MESSAGE(map << " has " << entries(map) << " entries");
  return reached;
}

int Scene::reported(const std::string& target) {
  drain();
  int count = 0;
  for (const ReportedRequest& request : requests_)
    count += request.head.find(" " + target + " HTTP/") != request.head.npos;
  return count;
}

ReportedRequest Scene::request(const std::string& target) {
  REQUIRE_MESSAGE(reported(target) == 1, target << " was reported " << reported(target) << " times");
  for (const ReportedRequest& request : requests_)
    if (request.head.find(" " + target + " HTTP/") != request.head.npos) return request;
  return {};
}

std::vector<response_event> Scene::responses(std::uint64_t exchange_id) {
  std::vector<response_event> of_it;
  for (const response_event& response : responses())
    if (response.exchange_id == exchange_id) of_it.push_back(response);
  return of_it;
}

std::vector<response_event> Scene::responses() {
  drain();
  return responses_;
}

std::vector<block_event> Scene::blocks() {
  drain();
  return blocks_;
}

const std::vector<ReportedRequest>& Scene::requests() {
  drain();
  return requests_;
}

const std::vector<Scene::Step>& Scene::steps() {
  drain();
  return steps_;
}

std::vector<process_event> Scene::changes(process_change change) {
  drain();
  std::vector<process_event> of_it;
  for (const process_event& event : changes_)
    if (event.tgid == static_cast<__u32>(pid()) && event.change == change) of_it.push_back(event);
  return of_it;
}

void Scene::drain() {
  while (kernel().events().drain([this](EventBytes bytes) { on_event(bytes); })) {
  }
}

void Scene::on_event(EventBytes bytes) {
  event_header type{};
  std::memcpy(&type, bytes.data(), sizeof type);
  if (type.type == EVENT_REQUEST) {
    ReportedRequest request;
    std::memcpy(&request.event, bytes.data(), sizeof request.event);
    request.head.assign(reinterpret_cast<const char*>(bytes.data()) + sizeof request.event, request.event.text_bytes);
    request.baggage.assign(
        reinterpret_cast<const char*>(bytes.data()) + sizeof request.event + request.event.text_bytes,
        request.event.baggage_bytes);
    request.trace_id = hex(request.event.ids.trace_id);
    request.span_id = hex(request.event.ids.span_id);
    request.parent_span_id = hex(request.event.ids.parent_span_id);
    steps_.push_back({.begins = true, .exchange_id = request.event.exchange_id});
    requests_.push_back(std::move(request));
  } else if (type.type == EVENT_RESPONSE) {
    std::memcpy(&responses_.emplace_back(), bytes.data(), sizeof(response_event));
    steps_.push_back({.begins = false, .exchange_id = responses_.back().exchange_id});
  } else if (type.type == EVENT_BLOCK) {
    std::memcpy(&blocks_.emplace_back(), bytes.data(), sizeof(block_event));
  } else if (type.type == EVENT_PROCESS) {
    std::memcpy(&changes_.emplace_back(), bytes.data(), sizeof(process_event));
  } else if (type.type == EVENT_SOCKET) {
    socket_event socket{};
    std::memcpy(&socket, bytes.data(), sizeof socket);
    if (socket.request == SOCKET_RELEASE) kernel().release_socket(socket.connection_id);
    if (socket.request != SOCKET_RELEASE)
      kernel().enrol_socket(static_cast<pid_t>(socket.tgid), socket.fd, socket.connection_id,
                            socket.request == SOCKET_ENROL_ANSWERS);
  }
}

std::vector<std::string> header(const std::string& head, std::string_view name) {
  std::vector<std::string> values;
  for (std::size_t at = head.find("\r\n"); at != head.npos; at = head.find("\r\n", at + 2)) {
    const std::string_view line = std::string_view(head).substr(at + 2, head.find("\r\n", at + 2) - at - 2);
    if (line.size() <= name.size() || line[name.size()] != ':' || lower(line.substr(0, name.size())) != name) continue;
    std::string_view value = line.substr(name.size() + 1);
    while (value.starts_with(' ')) value.remove_prefix(1);
    values.emplace_back(value);
  }
  return values;
}

std::string get(const std::string& target, const std::string& lines) {
  return fmt::format("GET {} HTTP/1.1\r\nHost: x\r\n{}\r\n", target, lines);
}

}  // namespace weft::test
