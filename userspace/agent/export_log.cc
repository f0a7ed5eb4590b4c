// SPDX-License-Identifier: Apache-2.0
#include "agent/export_log.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <array>
#include <string_view>

namespace weft {
namespace {

constexpr std::string_view kOtlp = "exporters.otlp";

struct Hint {
  std::string_view reason;  // ExportResult
  std::string_view text;
  std::string_view option;  // of the exporter, that has to do with it
};
constexpr std::array<Hint, 14> kHints{{{"connect", "does a receiver listen there?", "endpoint"},
                                       {"resolve", "is the name right?", "endpoint"},
                                       {"timeout", "does a receiver listen there?", "endpoint"},
                                       {"reset", "does a receiver of this protocol listen there?", "endpoint"},
                                       {"incomplete", "does a receiver of this protocol listen there?", "endpoint"},
                                       {"protocol", "does a receiver of this protocol listen there?", "endpoint"},
                                       {"tls", "do the two trust each other's certificates?", "tls"},
                                       {"http_401", "it wants other credentials", "headers"},
                                       {"http_403", "it wants other credentials", "headers"},
                                       {"http_404", "is the path right?", "endpoint"},
                                       {"http_405", "is the path right?", "endpoint"},
                                       {"http_429", "it has too much to do", ""},
                                       {"http_503", "it has too much to do, or is not ready yet", ""},
                                       {"write", "standard output takes nothing more", ""}}};

std::string hint_of(const ExportTarget& target, std::string_view reason) {
  for (const Hint& hint : kHints) {
    if (hint.reason != reason) continue;
    const bool settable =
        hint.option == "endpoint" || hint.option == "tls" || (!hint.option.empty() && target.key == kOtlp);
    return settable ? fmt::format("{} ({}.{})", hint.text, target.key, hint.option) : std::string(hint.text);
  }
  return "its own log may tell more";
}

std::string what_becomes(const ExportTarget& target, const ExportChange& change) {
  if (change.outcome == ExportResult::Outcome::retry)
    return fmt::format("tried again, and up to {} spans wait meanwhile", target.queue);
  if (change.outcome == ExportResult::Outcome::accepted) return "what it does not take is lost";
  return "these spans are lost";
}

}  // namespace

std::string shown_endpoint(const std::string& endpoint) {
  std::string url = endpoint.substr(0, endpoint.find_first_of("?#"));
  const std::size_t scheme = url.find("://");
  const std::size_t host = scheme == url.npos ? 0 : scheme + 3;
  const std::size_t at = url.substr(0, url.find('/', host)).rfind('@');
  return at == url.npos || at < host ? url : url.erase(host, at + 1 - host);
}

std::string export_line(const ExportTarget& target, const ExportChange& change) {
  const std::string who =
      target.endpoint.empty() ? target.name : target.name + " to " + shown_endpoint(target.endpoint);
  if (!change.works)
    return fmt::format("exporter {} fails: {}: {}; {}", who, change.error, hint_of(target, change.reason),
                       what_becomes(target, change));
  return change.lost ? fmt::format("exporter {} works again; {} spans were lost meanwhile", who, change.lost)
                     : fmt::format("exporter {} works again; no span was lost", who);
}

void log_export(const ExportTarget& target, const ExportChange& change) {
  const bool well = change.works && change.lost == 0;
  spdlog::log(well ? spdlog::level::info : spdlog::level::warn, "{}", export_line(target, change));
}

}  // namespace weft
