// SPDX-License-Identifier: Apache-2.0
#include "e2e/apps/kafka/client.h"

#include <charconv>
#include <cstdio>
#include <cstdlib>

namespace weft::app {
namespace {

std::string_view word(std::string_view& line) {
  const std::size_t end = line.find(' ');
  const std::string_view first = line.substr(0, end);
  line.remove_prefix(end == line.npos ? line.size() : end + 1);
  return first;
}

long long number(std::string_view text) {
  long long value = 0;
  if (std::from_chars(text.data(), text.data() + text.size(), value).ptr != text.data() + text.size())
    give_up("not a number");
  return value;
}

std::optional<std::string> from_hex(std::string_view text) {
  if (text == "-") return std::nullopt;
  if (text.size() % 2 != 1 || text[0] != 'x') give_up("not bytes");
  std::string bytes;
  bytes.reserve(text.size() / 2);
  for (std::size_t at = 1; at < text.size(); at += 2) {
    unsigned char byte = 0;
    std::from_chars(text.data() + at, text.data() + at + 2, byte, 16);
    bytes += static_cast<char>(byte);
  }
  return bytes;
}

void put_hex(const std::optional<std::string>& bytes, std::string& out) {
  constexpr char digits[] = "0123456789abcdef";
  out += bytes ? " x" : " -";
  if (!bytes) return;
  for (const char c : *bytes) {
    out += digits[static_cast<unsigned char>(c) >> 4];
    out += digits[c & 15];
  }
}

}  // namespace

void give_up(std::string_view why) {
  std::fprintf(stderr, "%.*s\n", static_cast<int>(why.size()), why.data());
  std::exit(1);
}

RecordLine read_record(std::string_view line) {
  RecordLine record;
  record.partition = static_cast<int>(number(word(line)));
  record.offset = number(word(line));
  record.timestamp = number(word(line));
  record.key = from_hex(word(line));
  record.value = from_hex(word(line));
  while (!line.empty()) {
    const std::string name = from_hex(word(line)).value_or("");
    record.headers.emplace_back(name, from_hex(word(line)));
  }
  return record;
}

std::string write_record(const RecordLine& record) {
  std::string line =
      std::to_string(record.partition) + ' ' + std::to_string(record.offset) + ' ' + std::to_string(record.timestamp);
  put_hex(record.key, line);
  put_hex(record.value, line);
  for (const auto& [name, value] : record.headers) {
    put_hex(name, line);
    put_hex(value, line);
  }
  return line;
}

rd_kafka_conf_t* configuration(std::span<char*> settings) {
  rd_kafka_conf_t* const conf = rd_kafka_conf_new();
  for (const std::string_view setting : settings) {
    const std::size_t equals = setting.find('=');
    if (equals == setting.npos) give_up("a setting is NAME=VALUE");
    char why[512];
    if (rd_kafka_conf_set(conf, std::string(setting.substr(0, equals)).c_str(),
                          std::string(setting.substr(equals + 1)).c_str(), why, sizeof why) != RD_KAFKA_CONF_OK)
      give_up(why);
  }
  return conf;
}

Client make_client(rd_kafka_type_t type, rd_kafka_conf_t* settings) {
  char why[512];
  Client client(rd_kafka_new(type, settings, why, sizeof why));
  if (!client) give_up(why);
  return client;
}

}  // namespace weft::app
