// SPDX-License-Identifier: Apache-2.0
#include "discover/resource.h"

#include <cstdio>

#include "base/utf8.h"
#include "discover/service_name.h"

namespace weft {
namespace {

constexpr std::size_t kMaxAttributes = 64;
constexpr std::size_t kMaxValue_bytes = 1024;

using Pairs = std::vector<std::pair<std::string, std::string>>;

std::string_view trim(std::string_view text) {
  const std::size_t first = text.find_first_not_of(" \t");
  if (first == text.npos) return {};
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

std::optional<std::string> percent_decode(std::string_view text) {
  std::string decoded;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      decoded += text[i];
      continue;
    }
    if (i + 2 >= text.size()) return std::nullopt;
    const int high = hex_value(text[i + 1]), low = hex_value(text[i + 2]);
    if (high < 0 || low < 0) return std::nullopt;
    decoded += static_cast<char>(high * 16 + low);
    i += 2;
  }
  return decoded;
}

std::string value_of(const Pairs& pairs, std::string_view key) {
  for (const auto& [name, value] : pairs) {
    if (name == key) return value;
  }
  return {};
}

std::string first_of(std::initializer_list<std::string> candidates) {
  for (const std::string& candidate : candidates) {
    if (!candidate.empty()) return candidate;
  }
  return {};
}

std::uint64_t fnv1a(std::string_view text, std::uint64_t hash) {
  for (const char c : text) hash = (hash ^ static_cast<std::uint8_t>(c)) * 0x100000001b3u;
  return hash;
}

// The same process gets the same id whenever it is asked for, other processes other ones: host, boot, pid and start
// time in the form of a UUID of version 8 (RFC 9562 section 5.8).
std::string instance_id(const ProcessInfo& process, const HostIdentity& host) {
  const std::string identity =
      host.name + '/' + host.boot_id + '/' + std::to_string(process.pid) + '/' + std::to_string(process.start_ticks);
  const std::uint64_t high = fnv1a(identity, 0xcbf29ce484222325u);
  const std::uint64_t low = fnv1a(identity, high ^ 0x9e3779b97f4a7c15u);
  char text[37];
  std::snprintf(text, sizeof(text), "%08x-%04x-8%03x-%04x-%012llx", static_cast<unsigned>(high >> 32),
                static_cast<unsigned>(high >> 16 & 0xffff), static_cast<unsigned>(high & 0xfff),
                static_cast<unsigned>(0x8000 | (low >> 48 & 0x3fff)),
                static_cast<unsigned long long>(low & 0xffffffffffffu));
  return text;
}

std::string read_line(const ProcFiles& files, const std::string& name) {
  std::string line;
  if (std::FILE* file = std::fopen((files.root() + "/sys/kernel/" + name).c_str(), "re")) {
    char text[256];
    if (std::fgets(text, sizeof(text), file) != nullptr) line = text;
    std::fclose(file);
  }
  while (!line.empty() && line.back() == '\n') line.pop_back();
  return line;
}

void set_text(Attributes& attributes, std::string_view key, const std::string& value) {
  if (!value.empty()) attributes.set(key, to_utf8_line(std::string_view(value).substr(0, kMaxValue_bytes)));
}

}  // namespace

HostIdentity read_host_identity(const ProcFiles& files) {
  return {to_utf8_line(read_line(files, "hostname")), read_line(files, "random/boot_id")};
}

std::optional<Pairs> parse_resource_attributes(std::string_view text) {
  Pairs pairs;
  while (!text.empty()) {
    const std::size_t comma = text.find(',');
    const std::string_view member = trim(text.substr(0, comma));
    if (!member.empty()) {
      const std::size_t equals = member.find('=');
      if (equals == member.npos) return std::nullopt;
      auto key = percent_decode(trim(member.substr(0, equals)));
      auto value = percent_decode(trim(member.substr(equals + 1)));
      if (!key || !value || key->empty()) return std::nullopt;
      pairs.emplace_back(std::move(*key), std::move(*value));
    }
    if (comma == text.npos) break;
    text.remove_prefix(comma + 1);
  }
  return pairs;
}

std::shared_ptr<const Resource> make_resource(const ProcessInfo& process, const InstrumentRule* rule,
                                              const HostIdentity& host) {
  static const InstrumentRule no_rule;
  if (rule == nullptr) rule = &no_rule;
  const Pairs own = parse_resource_attributes(process.environment.otel_resource_attributes).value_or(Pairs{});

  auto resource = std::make_shared<Resource>();
  Attributes& attributes = resource->attributes;
  set_text(attributes, "service.name",
           first_of({process.environment.otel_service_name, value_of(own, "service.name"), rule->service_name,
                     program_name(process)}));
  set_text(attributes, "service.namespace", first_of({value_of(own, "service.namespace"), rule->service_namespace}));
  set_text(attributes, "service.version", value_of(own, "service.version"));
  set_text(attributes, "service.instance.id",
           first_of({value_of(own, "service.instance.id"), instance_id(process, host)}));
  set_text(attributes, "deployment.environment.name",
           first_of({value_of(own, "deployment.environment.name"), value_of(own, "deployment.environment"),
                     rule->environment}));
  set_text(attributes, "host.name", first_of({value_of(own, "host.name"), host.name}));
  attributes.set("process.pid", static_cast<std::int64_t>(process.pid));
  set_text(attributes, "process.executable.name", std::string(base_name(process.executable)));
  set_text(attributes, "container.id", first_of({process.container_id, value_of(own, "container.id")}));
  attributes.set("telemetry.sdk.name", std::string("weft"));
  set_text(attributes, "telemetry.sdk.language", std::string(language_name(process.language)));
  for (const auto& [key, value] : own) {
    if (attributes.size() >= kMaxAttributes) break;
    const std::string name = to_utf8_line(key);
    // What weft measured or is stays true, whatever the process says of itself.
    if (name.starts_with("telemetry.sdk.") || attributes.find(name) != nullptr) continue;
    set_text(attributes, name, value);
  }
  resource->service_name = attributes.text("service.name");
  return resource;
}

ResourceTable::ResourceTable(HostIdentity host, const Clock& clock, std::map<std::string, std::string> defaults)
    : host_(std::move(host)), clock_(clock), defaults_(std::move(defaults)) {}

std::shared_ptr<const Resource> ResourceTable::add(const ProcessInfo& process, const InstrumentRule* rule) {
  auto resource = make_resource(process, rule, host_);
  if (!defaults_.empty()) {
    auto completed = std::make_shared<Resource>(*resource);
    for (const auto& [key, value] : defaults_)
      if (!completed->attributes.find(key)) completed->attributes.set(key, value);
    resource = std::move(completed);
  }
  const std::scoped_lock lock(mutex_);
  entries_[process.pid] = Entry{.resource = resource};
  return resource;
}

void ResourceTable::set_instrumented(pid_t pid, bool instrumented) {
  const std::scoped_lock lock(mutex_);
  if (const auto entry = entries_.find(pid); entry != entries_.end()) entry->second.instrumented = instrumented;
}

void ResourceTable::ended(pid_t pid) {
  const std::scoped_lock lock(mutex_);
  const std::uint64_t now_ns = clock_.monotonic_ns();
  if (const auto entry = entries_.find(pid); entry != entries_.end() && entry->second.alive) {
    entry->second.alive = false;
    entry->second.ended_ns = now_ns;
    ended_.emplace_back(pid, now_ns);
  }
  while (!ended_.empty() && (ended_.size() > kMaxEnded || now_ns - ended_.front().second > kKeepEnded_ns)) {
    const auto [old_pid, old_ns] = ended_.front();
    ended_.pop_front();
    const auto entry = entries_.find(old_pid);
    if (entry != entries_.end() && !entry->second.alive && entry->second.ended_ns == old_ns) entries_.erase(entry);
  }
}

std::shared_ptr<const Resource> ResourceTable::of(pid_t tgid) {
  const std::scoped_lock lock(mutex_);
  const auto entry = entries_.find(tgid);
  return entry == entries_.end() ? nullptr : entry->second.resource;
}

bool ResourceTable::instrumented(pid_t tgid) {
  const std::scoped_lock lock(mutex_);
  const auto entry = entries_.find(tgid);
  return entry != entries_.end() && entry->second.instrumented;
}

}  // namespace weft
