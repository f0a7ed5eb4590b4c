// SPDX-License-Identifier: Apache-2.0
#include "runtime/openssl.h"

#include <array>
#include <map>
#include <optional>
#include <string_view>

#include "runtime/elf_symbols.h"
#include "runtime/function_start.h"
#include "runtime/probe_site.h"

namespace weft {
namespace {

// In the order of OpensslFunction.
constexpr std::array<std::string_view, 11> kOpensslNames = {"SSL_set_connect_state",
                                                            "SSL_set_accept_state",
                                                            "SSL_clear",
                                                            "SSL_free",
                                                            "SSL_sendfile",
                                                            "SSL_do_handshake",
                                                            "SSL_read",
                                                            "SSL_read_ex",
                                                            "SSL_write",
                                                            "SSL_write_ex",
                                                            "SSL_write_ex2"};
// Without these nothing can be followed; which others there are is a matter of the release.
constexpr std::array kNeeded = {OpensslFunction::set_connect_state,
                                OpensslFunction::set_accept_state,
                                OpensslFunction::free,
                                OpensslFunction::do_handshake,
                                OpensslFunction::read,
                                OpensslFunction::write};

using Functions = std::map<OpensslFunction, CodeRange>;

std::optional<OpensslSite> start_of(const ElfFile& file, OpensslFunction function, std::uint64_t address) {
  const auto offset = file.file_offset(address);
  if (!offset) return std::nullopt;
  return OpensslSite{.function = function, .offset = function_start(file, *offset), .above = {}};
}

// SSL_read and SSL_read_ex call one function, with the latter's arguments, before anything else: its beginning, and
// where they go on.
void take_common(const ElfFile& file, Functions& functions, OpensslFunction plain, OpensslFunction with_number,
                 std::vector<OpensslSite>& sites) {
  if (!functions.contains(with_number)) return;
  const auto common = first_call(file, functions[with_number].address);
  if (!common || common != first_call(file, functions[plain].address) || !begins_with_push(file, *common)) return;
  const auto begin = start_of(file, with_number, *common);
  if (!begin) return;
  std::vector<OpensslSite> all = {*begin};
  for (const auto function : {plain, with_number}) {
    const auto after = after_first_call(file, functions[function].address);
    if (!after) return;
    all.push_back({.function = with_number, .offset = after->offset, .above = after->above});
  }
  functions.erase(plain);
  functions.erase(with_number);
  sites.insert(sites.end(), all.begin(), all.end());
}

// The function's own beginning, and its returns if its result is to be seen. False: that cannot be.
bool take_own(const ElfFile& file, OpensslFunction function, const CodeRange& code, std::vector<OpensslSite>& sites) {
  const auto begin = start_of(file, function, code.address);
  if (!begin) return false;
  sites.push_back(*begin);
  if (function < OpensslFunction::read) return true;
  const auto returns = return_sites(file, code);
  for (const auto offset : returns) sites.push_back({.function = function, .offset = offset, .above = 0});
  return !returns.empty() && !jumps_away(file, code);
}

std::vector<OpensslSite> openssl_sites_of(const Result<ElfFile>& opened) {
  if (!opened) return {};
  const auto named = find_functions(*opened, kOpensslNames);
  Functions functions;
  for (std::size_t i = 0; i < kOpensslNames.size(); ++i)
    if (const auto found = named.find(std::string(kOpensslNames[i])); found != named.end())
      functions.emplace(static_cast<OpensslFunction>(i), found->second);
  for (const auto needed : kNeeded)
    if (!functions.contains(needed)) return {};
  std::vector<OpensslSite> sites;
  take_common(*opened, functions, OpensslFunction::read, OpensslFunction::read_ex, sites);
  // Since 3.3 SSL_write_ex is one that calls SSL_write_ex2.
  const bool ex2 = functions.contains(OpensslFunction::write_ex2);
  if (ex2) functions.erase(OpensslFunction::write_ex);
  take_common(*opened, functions, OpensslFunction::write, ex2 ? OpensslFunction::write_ex2 : OpensslFunction::write_ex,
              sites);
  for (const auto& [function, code] : functions)
    if (!take_own(*opened, function, code, sites)) return {};
  return sites;
}

}  // namespace

bool is_openssl_name(std::string_view name) { return name.starts_with("libssl") && name.find(".so") != name.npos; }

std::vector<OpensslLibrary> OpensslFinder::find(pid_t pid) {
  std::vector<OpensslLibrary> libraries;
  const auto files = mapped_files(proc_root_, pid);
  if (!files) return libraries;
  const auto program = file_id(proc_root_ + "/" + std::to_string(pid) + "/exe");
  for (const auto& file : *files) {
    const auto id = file.id();
    if (!id || (id != program && !is_openssl_name(file.name))) continue;
    auto sites = known_.of(file.path, openssl_sites_of);
    if (file.id() != id) continue;  // another file came to stand there meanwhile: of which one is this?
    if (!sites.empty()) libraries.push_back({file.path, std::move(sites)});
  }
  return libraries;
}

}  // namespace weft
