// SPDX-License-Identifier: Apache-2.0
#include "cli/exporter_findings.h"

#include "cli/format.h"

namespace weft::cli {
namespace {

Probe finding_of(const Json& exporter) {
  Probe found{.name = "exporter " + text_of(exporter, "name"), .finding = "", .effect = "", .remedy = ""};
  const Json& spans = member(exporter, "spans");
  const auto endpoint = text_of(exporter, "endpoint"), error = text_of(exporter, "last_error");
  const auto sent = count_of(spans, "sent");
  std::uint64_t lost = 0;
  for (const auto& [result, count] : spans.items())
    if (result != "sent") lost += count_of(spans, result.c_str());
  if (!endpoint.empty()) found.finding = endpoint + ": ";
  if (!error.empty()) {
    found.finding += error;
    found.effect = lost ? "spans are lost: " + counts_text(spans) : "spans wait for it, and are lost when too many do";
    found.remedy = "what weftd's log says where it began to fail";
    return found;
  }
  found.state = sent && !lost ? Probe::State::works : Probe::State::limited;
  found.finding += sent || lost ? counts_text(spans) : "nothing was sent yet";
  if (lost) found.effect = "it works, and spans were lost";
  if (!sent && !lost) found.effect = "whether it works shows with the first span";
  return found;
}

}  // namespace

std::vector<Probe> exporter_findings(const Json& status) {
  std::vector<Probe> found;
  for (const Json& exporter : member(status, "exporters")) found.push_back(finding_of(exporter));
  return found;
}

}  // namespace weft::cli
