// SPDX-License-Identifier: Apache-2.0
#include "runtime/openssl.h"

#include <array>
#include <map>
#include <string_view>

#include "runtime/elf_symbols.h"
#include "runtime/function_start.h"
#include "runtime/probe_site.h"

namespace weft {
namespace {

// In the order of OpensslFunction.
constexpr std::array<std::string_view, 10> kOpensslNames = {"SSL_set_connect_state",
                                                            "SSL_set_accept_state",
                                                            "SSL_clear",
                                                            "SSL_free",
                                                            "SSL_sendfile",
                                                            "SSL_do_handshake",
                                                            "SSL_read",
                                                            "SSL_read_ex",
                                                            "SSL_write",
                                                            "SSL_write_ex"};
// Without these nothing can be followed; which others there are is a matter of the release.
constexpr std::array kNeeded = {OpensslFunction::set_connect_state,
                                OpensslFunction::set_accept_state,
                                OpensslFunction::free,
                                OpensslFunction::do_handshake,
                                OpensslFunction::read,
                                OpensslFunction::write};

using Addresses = std::map<OpensslFunction, std::uint64_t>;

// Since 3.3 what writes have in common is given one argument more, and there is this function.
constexpr std::string_view kWriteEx2 = "SSL_write_ex2";

// SSL_read and SSL_read_ex call one function, with the latter's arguments, before anything else.
void find_common(const ElfFile& file, Addresses& functions, OpensslFunction plain, OpensslFunction with_number) {
  if (!functions.contains(with_number)) return;
  const auto common = first_call(file, functions[with_number]);
  if (!common || common != first_call(file, functions[plain]) || !begins_with_push(file, *common)) return;
  functions[with_number] = *common;
  functions.erase(plain);
}

std::vector<OpensslSite> openssl_sites_of(const Result<ElfFile>& opened) {
  if (!opened) return {};
  const auto named = find_functions(*opened, kOpensslNames);
  Addresses functions;
  for (std::size_t i = 0; i < kOpensslNames.size(); ++i)
    if (const auto found = named.find(std::string(kOpensslNames[i])); found != named.end())
      functions.emplace(static_cast<OpensslFunction>(i), found->second);
  for (const auto needed : kNeeded)
    if (!functions.contains(needed)) return {};
  find_common(*opened, functions, OpensslFunction::read, OpensslFunction::read_ex);
  if (find_functions(*opened, {&kWriteEx2, 1}).empty())
    find_common(*opened, functions, OpensslFunction::write, OpensslFunction::write_ex);
  std::vector<OpensslSite> sites;
  for (const auto& [function, address] : functions) {
    const auto offset = opened->file_offset(address);
    if (!offset) return {};
    sites.push_back({function, function_start(*opened, *offset)});
  }
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
