// SPDX-License-Identifier: Apache-2.0
// weft doctor: what this kernel allows; and where an agent runs, whether its exporters work and what its processes
// could change. Needs no agent.
#include "cli/doctor.h"

#include <fmt/format.h>

#include "cli/command.h"
#include "cli/exporter_findings.h"
#include "cli/remedies.h"
#include "exporter/console/cells.h"

namespace weft::cli {
namespace {

struct Look {
  const char* name;
  Tone tone;
};
Look look_of(Probe::State state) {
  switch (state) {
    case Probe::State::works:
      return {"works", Tone::good};
    case Probe::State::limited:
      return {"limited", Tone::warn};
    case Probe::State::missing:
      return {"missing", Tone::bad};
  }
  return {"missing", Tone::bad};
}

std::string findings_text(const std::vector<Probe>& findings, const Screen& screen) {
  std::string out;
  unsigned name_width = 0;
  for (const Probe& probe : findings) name_width = std::max(name_width, cell_width(printable(probe.name)));
  for (const Probe& probe : findings) {
    const Look look = look_of(probe.state);
    out += fmt::format("  {}  {}  {}\n", toned(left_cell(look.name, 7), look.tone, screen.color),
                       left_cell(printable(probe.name), name_width), printable(probe.finding));
    const std::string indent(name_width + 13, ' ');
    if (!probe.effect.empty()) out += indent + "so: " + printable(probe.effect) + "\n";
    if (!probe.remedy.empty()) out += indent + "to get more: " + printable(probe.remedy) + "\n";
  }
  return out;
}

Json findings_json(const std::vector<Probe>& findings) {
  Json rows = Json::array();
  for (const Probe& probe : findings) {
    rows.push_back({{"name", probe.name},
                    {"state", look_of(probe.state).name},
                    {"finding", probe.finding},
                    {"effect", probe.effect},
                    {"remedy", probe.remedy}});
  }
  return rows;
}

}  // namespace

std::string doctor_text(const KernelReport& report, const Screen& screen) {
  const std::string out = toned(printable("kernel " + report.release), Tone::strong, screen.color) + "\n" +
                          findings_text(report.probes, screen) + "\n";
  if (report.usable) return out + toned("weftd can run here.", Tone::good, screen.color) + "\n";
  return out + toned(printable("weftd cannot run here: " + report.reason), Tone::bad, screen.color) + "\n";
}

Json doctor_json(const KernelReport& report) {
  return {{"release", report.release},
          {"usable", report.usable},
          {"reason", report.reason},
          {"probes", findings_json(report.probes)}};
}

std::string exporters_text(const std::vector<Probe>& exporters, const Screen& screen) {
  if (exporters.empty()) return "";
  return "\n" + toned("where spans go", Tone::strong, screen.color) + "\n" + findings_text(exporters, screen);
}

void add_doctor(CLI::App& app, Context& context) {
  auto& command =
      add_query(app, context, "doctor",
                "what this kernel and these privileges allow, each tried for real; needs no agent, and says "
                "whether the exporters of one that runs work and what its processes could change",
                "sudo weft doctor");
  command.callback([&context] {
    KernelReport report = probe_kernel();
    try_programs(report);
    const auto status = fetch_json_if_any(context, "/v1/status");
    const auto processes = fetch_json_if_any(context, "/v1/processes");
    const auto exporters = status ? exporter_findings(*status) : std::vector<Probe>();
    const auto found = processes ? remedies(*processes) : std::vector<Remedy>();
    if (context.format == Format::table) {
      print(doctor_text(report, screen()) + exporters_text(exporters, screen()) + remedies_text(found, screen()));
    } else {
      Json json = doctor_json(report);
      json["exporters"] = findings_json(exporters);
      json["remedies"] = remedies_json(found);
      print(machine_text(json, context.format));
    }
    context.exit_code = report.usable ? kOk : kNo;
  });
}

}  // namespace weft::cli
