// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include <string>

#include "discover/resource.h"
#include "unit/discover_fake_proc.h"

using namespace weft;

namespace {

const HostIdentity kHost{"box", "boot-1"};

ProcessInfo orders() {
  ProcessInfo info;
  info.pid = 42;
  info.start_ticks = 1000;
  info.executable = "/usr/bin/python3.11";
  info.args = {"python3", "orders.py"};
  info.language = Language::python;
  info.container_id = std::string(64, 'a');
  return info;
}

}  // namespace

TEST_CASE("resource attributes of the environment: percent-decoded, discarded whole when broken") {
  using Pairs = std::vector<std::pair<std::string, std::string>>;
  CHECK(parse_resource_attributes("") == Pairs{});
  CHECK(parse_resource_attributes("a=b,c=d") == Pairs{{"a", "b"}, {"c", "d"}});
  CHECK(parse_resource_attributes(" a = b%20%2C%3d , ,c=x=y") == Pairs{{"a", "b ,="}, {"c", "x=y"}});
  CHECK(parse_resource_attributes("a=b,c") == std::nullopt);
  CHECK(parse_resource_attributes("a=%2") == std::nullopt);
  CHECK(parse_resource_attributes("a=%zz") == std::nullopt);
  CHECK(parse_resource_attributes("=b") == std::nullopt);
}

TEST_CASE("resource: everything weft knows of a process") {
  const auto resource = make_resource(orders(), nullptr, kHost);
  const Attributes& a = resource->attributes;
  CHECK(resource->service_name == "orders");
  CHECK(a.text("service.name") == "orders");
  CHECK(a.find("service.namespace") == nullptr);
  CHECK(a.text("host.name") == "box");
  REQUIRE(a.find("process.pid") != nullptr);
  CHECK(*a.find("process.pid") == AttributeValue(std::int64_t{42}));
  CHECK(a.text("process.executable.name") == "python3.11");
  CHECK(a.text("container.id") == std::string(64, 'a'));
  CHECK(a.text("telemetry.sdk.name") == "weft");
  CHECK(a.text("telemetry.sdk.language") == "python");
}

TEST_CASE("resource: the traced process's own words win over the rule, the rule over the program") {
  const InstrumentRule rule{.service_name = "by-rule", .service_namespace = "shop", .environment = "prod"};
  ProcessInfo info = orders();
  auto resource = make_resource(info, &rule, kHost);
  CHECK(resource->service_name == "by-rule");
  CHECK(resource->attributes.text("service.namespace") == "shop");
  CHECK(resource->attributes.text("deployment.environment.name") == "prod");

  info.environment.otel_resource_attributes =
      "service.name=by-attributes,service.version=1.2,deployment.environment=dev,team=a%20b,telemetry.sdk.name=x,"
      "process.pid=1";
  resource = make_resource(info, &rule, kHost);
  CHECK(resource->service_name == "by-attributes");
  CHECK(resource->attributes.text("service.version") == "1.2");
  CHECK(resource->attributes.text("deployment.environment.name") == "dev");
  CHECK(resource->attributes.text("team") == "a b");
  CHECK(resource->attributes.text("telemetry.sdk.name") == "weft");
  CHECK(resource->attributes.text("process.pid") == "42");

  info.environment.otel_service_name = "by-name";
  CHECK(make_resource(info, &rule, kHost)->service_name == "by-name");
  info.environment.otel_service_name.clear();
  info.environment.otel_resource_attributes = "service.name=half,broken";
  CHECK(make_resource(info, &rule, kHost)->service_name == "by-rule");
}

TEST_CASE("resource: the instance id is a UUID that only the same process has") {
  const auto id = [](const ProcessInfo& info, const HostIdentity& host) {
    return make_resource(info, nullptr, host)->attributes.text("service.instance.id");
  };
  const std::string first = id(orders(), kHost);
  CHECK(first.size() == 36);
  CHECK(first[8] == '-');
  CHECK(first[14] == '8');
  CHECK(std::string("89ab").find(first[19]) != std::string::npos);
  CHECK(id(orders(), kHost) == first);
  ProcessInfo later = orders();
  later.start_ticks += 1;
  CHECK(id(later, kHost) != first);
  CHECK(id(orders(), {"box", "boot-2"}) != first);
  CHECK(id(orders(), {"other", "boot-1"}) != first);
}

TEST_CASE("resource table: an ended process is still answered for a while, then forgotten") {
  ManualClock clock;
  ResourceTable table(kHost, clock);
  CHECK(table.of(42) == nullptr);
  table.add(orders(), nullptr);
  table.set_instrumented(42, true);
  CHECK(table.instrumented(42));
  table.ended(42);
  CHECK(table.of(42)->service_name == "orders");
  clock.monotonic += ResourceTable::kKeepEnded_ns + 1;
  table.ended(43);
  CHECK(table.of(42) == nullptr);
  CHECK_FALSE(table.instrumented(42));
}

TEST_CASE("resource table: a pid that is used again is not forgotten with its former owner") {
  ManualClock clock;
  ResourceTable table(kHost, clock);
  table.add(orders(), nullptr);
  table.ended(42);
  ProcessInfo stock = orders();
  stock.args = {"python3", "stock.py"};
  table.add(stock, nullptr);
  clock.monotonic += ResourceTable::kKeepEnded_ns + 1;
  table.ended(43);
  REQUIRE(table.of(42) != nullptr);
  CHECK(table.of(42)->service_name == "stock");
}

TEST_CASE("resource table: ended processes are bounded in number") {
  ManualClock clock;
  ResourceTable table(kHost, clock);
  ProcessInfo info = orders();
  for (std::size_t i = 0; i < ResourceTable::kMaxEnded + 10; ++i) {
    info.pid = static_cast<pid_t>(100 + i);
    table.add(info, nullptr);
    table.ended(info.pid);
  }
  CHECK(table.of(100) == nullptr);
  CHECK(table.of(109) == nullptr);
  CHECK(table.of(110) != nullptr);
  CHECK(table.of(info.pid) != nullptr);
}
