// SPDX-License-Identifier: Apache-2.0
#include "kernel/traffic/plan.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <functional>
#include <map>
#include <sstream>

#include "support/http2/frame_text.h"
#include "support/traffic/http2_messages.h"

namespace weft::test {
namespace {

const std::map<std::string, std::function<void(RunOptions&)>>& words() {
  static const std::map<std::string, std::function<void(RunOptions&)>> table{
      {"plain", [](RunOptions&) {}},
      {"tiny", [](RunOptions& o) { o.tiny_buffers = true; }},
      {"blocking", [](RunOptions&) {}},
      {"nonblocking", [](RunOptions& o) { o.nonblocking = o.send.nonblocking = true; }},
      {"slow", [](RunOptions& o) { o.slow_reader = true; }},
      {"sendfile", [](RunOptions& o) { o.send.sendfile = true; }},
      {"splice", [](RunOptions& o) { o.send.splice = true; }},
      {"zerocopy", [](RunOptions& o) { o.send.zerocopy = true; }},
      {"zerocopy-late", [](RunOptions& o) { o.send.zerocopy_late = true; }},
      {"batch", [](RunOptions& o) { o.send.batch = true; }},
      {"member-limit", [](RunOptions& o) { o.send.member_limit = true; }},
      {"plain-calls", [](RunOptions& o) { o.send.plain_calls = true; }},
      {"medium", [](RunOptions& o) { o.send.medium = true; }},
      {"short", [](RunOptions& o) { o.connection_bytes = 150'000; }},
      {"whole", [](RunOptions& o) { o.send.whole = true; }},
      {"bytes", [](RunOptions& o) { o.send.single_bytes = true; }},
      {"big-heads", [](RunOptions& o) { o.shape.big_heads = true; }},
      {"big-bodies", [](RunOptions& o) { o.shape.big_bodies = true, o.connection_bytes = 12u << 20; }},
      {"answers", [](RunOptions& o) { o.answers = Answers::one_by_one, o.send.flush_ends = true; }},
      {"pipelined", [](RunOptions& o) { o.answers = Answers::pipelined; }},
      {"reads", [](RunOptions& o) { o.varied_reads = true; }},
      {"serve", [](RunOptions& o) { o.serve = true; }},
      {"ipv6", [](RunOptions& o) { o.ipv6 = true; }},
      {"http2", [](RunOptions& o) { o.http2 = true; }},
  };
  return table;
}

}  // namespace

std::expected<void, std::string> parse_mix(const std::string& text, RunOptions& options) {
  options.mix_text = text;
  std::istringstream in(text);
  for (std::string word; std::getline(in, word, ',');) {
    const auto entry = words().find(word);
    if (entry == words().end()) {
      std::vector<std::string> names;
      for (const auto& [name, apply] : words()) names.push_back(name);
      return std::unexpected(fmt::format("mix: '{}' is unknown; one or more of {}", word, fmt::join(names, ",")));
    }
    entry->second(options);
  }
  // A preface in pieces is not recognised, and a frame whose header has left cannot grow.
  if (options.http2 && options.send.single_bytes) options.send.whole_start = http2_preface.size();
  if (options.early && options.answers == Answers::none)
    return std::unexpected("early: needs answers or pipelined in the mix");
  if (options.http2 && options.answers != Answers::none) return std::unexpected("http2: has no answers");
  return {};
}

Plan make_plan(const RunOptions& options, std::uint64_t connection) {
  Random random(options.seed, connection * 4);
  Plan plan;
  RequestShape shape = options.shape;
  if (options.serve) shape.known = plan.known = random_traceparent(random);
  if (options.tiny_buffers) plan.send_buffer_bytes = static_cast<int>(random.between(4608, 44'000));
  if (options.http2)
    plan.requests = make_http2_requests(random, shape, options.connection_bytes, options.connection_requests);
  else
    plan.requests = make_requests(random, shape, options.connection_bytes, options.connection_requests);
  if (options.answers != Answers::none) plan.responses = make_responses(random, plan.requests);
  return plan;
}

}  // namespace weft::test
