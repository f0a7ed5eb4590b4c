// SPDX-License-Identifier: Apache-2.0
#include "runtime/grpc_core.h"

#include <algorithm>
#include <array>
#include <map>
#include <set>
#include <span>
#include <string_view>

#include "runtime/code_walk.h"
#include "runtime/elf_symbols.h"
#include "runtime/function_start.h"

namespace weft {
namespace {

constexpr std::string_view kStartBatch = "grpc_call_start_batch";
constexpr std::string_view kContextGet = "_ZNK9grpc_core15FilterStackCall10ContextGetE18grpc_context_index";
constexpr std::string_view kUnref = "grpc_call_unref";
constexpr std::string_view kBeginWrite = "_Z23grpc_chttp2_begin_writeP21grpc_chttp2_transport";
constexpr std::string_view kCanTrackErrors = "_Z27grpc_endpoint_can_track_errP13grpc_endpoint";
// One constructor by two names.
constexpr std::string_view kFramer1 =
    "_ZN9grpc_core15HPackCompressor6FramerC1ERKNS0_19EncodeHeaderOptionsEPS0_P17grpc_slice_buffer";
constexpr std::string_view kFramer2 =
    "_ZN9grpc_core15HPackCompressor6FramerC2ERKNS0_19EncodeHeaderOptionsEPS0_P17grpc_slice_buffer";
constexpr std::string_view kCallStack = "_ZN9grpc_core15FilterStackCall10call_stackEv";
constexpr std::string_view kSetPollset =
    "_Z42grpc_call_stack_set_pollset_or_pollset_setP15grpc_call_stackP19grpc_polling_entity";
constexpr std::array kFunctions = {kStartBatch, kContextGet, kUnref,     kBeginWrite, kCanTrackErrors,
                                   kFramer1,    kFramer2,    kCallStack, kSetPollset};
constexpr std::array kCallees = {kCanTrackErrors, kFramer1, kFramer2};

constexpr std::size_t kCodeRead_bytes = 32 * 1024;
constexpr std::size_t kStub = 16;
constexpr std::int64_t kFarthest = 0xffff;

// How a function of the file is called there: at its own address, or by a stub.
class Callees {
 public:
  Callees(const ElfFile& file, const std::map<std::string, CodeRange>& functions)
      : file_(file), imports_(find_imports(file, kCallees)) {
    for (const auto name : kCallees)
      if (const auto found = functions.find(std::string(name)); found != functions.end())
        addresses_.emplace(found->second.address, name);
  }

  // Empty: another one.
  std::string_view name_of(std::uint64_t target) const {
    if (const auto found = addresses_.find(target); found != addresses_.end()) return found->second;
    const auto slot = slot_of(target);
    if (slot)
      for (const auto& [name, place] : imports_)
        if (place == *slot) return name;
    return {};
  }

 private:
  std::optional<std::uint64_t> slot_of(std::uint64_t stub) const {
    const auto offset = file_.file_offset(stub);
    if (!offset) return std::nullopt;
    std::array<std::byte, kStub> code{};
    std::optional<std::uint64_t> slot;
    walk_code(std::span(code).first(file_.read(*offset, code)),
              [&](const ZydisDecodedInstruction& in, const ZydisDecodedOperand* operands, std::size_t at) {
                ZyanU64 address = 0;
                if (in.mnemonic == ZYDIS_MNEMONIC_JMP && operands[0].type == ZYDIS_OPERAND_TYPE_MEMORY &&
                    operands[0].mem.base == ZYDIS_REGISTER_RIP &&
                    ZYAN_SUCCESS(ZydisCalcAbsoluteAddress(&in, &operands[0], stub + at, &address)))
                  slot = address;
                return in.mnemonic != ZYDIS_MNEMONIC_ENDBR64;
              });
    return slot;
  }

  const ElfFile& file_;
  std::map<std::uint64_t, std::string_view> addresses_;
  std::multimap<std::string, std::uint64_t> imports_;
};

std::vector<std::byte> code_of(const ElfFile& file, const CodeRange& function) {
  const auto offset = file.file_offset(function.address);
  if (!offset) return {};
  std::vector<std::byte> code(std::min<std::uint64_t>(function.bytes, kCodeRead_bytes));
  code.resize(file.read(*offset, code));
  return code;
}

// It returns an entry of an array within the object: `mov ARRAY(%rsi,%rdi,1),%rax`, with the index times sixteen.
std::optional<std::uint16_t> array_of(std::span<const std::byte> code) {
  std::optional<std::uint16_t> array;
  bool sixteen = false;
  const bool returned =
      walk_code(code, [&](const ZydisDecodedInstruction& in, const ZydisDecodedOperand* operands, std::size_t) {
        if (in.mnemonic == ZYDIS_MNEMONIC_SHL && operands[0].reg.value == ZYDIS_REGISTER_RSI)
          sixteen = operands[1].type == ZYDIS_OPERAND_TYPE_IMMEDIATE && operands[1].imm.value.u == 4;
        const auto& from = operands[1];
        if (in.mnemonic == ZYDIS_MNEMONIC_MOV && from.type == ZYDIS_OPERAND_TYPE_MEMORY &&
            operands[0].reg.value == ZYDIS_REGISTER_RAX && from.mem.scale == 1 &&
            std::set{from.mem.base, from.mem.index} == std::set{ZYDIS_REGISTER_RSI, ZYDIS_REGISTER_RDI} &&
            from.mem.disp.value > 0 && from.mem.disp.value <= kFarthest)
          array = static_cast<std::uint16_t>(from.mem.disp.value);
        return in.mnemonic == ZYDIS_MNEMONIC_RET || in.mnemonic == ZYDIS_MNEMONIC_CALL;
      });
  return returned && sixteen ? array : std::nullopt;
}

// Distances from the first argument: the first that is read of it, and the one of which the address is taken.
struct FromArgument {
  std::optional<std::int64_t> read, address;
};

FromArgument from_argument(std::span<const std::byte> code) {
  FromArgument found;
  walk_code(code, [&](const ZydisDecodedInstruction& in, const ZydisDecodedOperand* operands, std::size_t) {
    const auto& from = operands[1];
    if (in.operand_count_visible == 2 && from.type == ZYDIS_OPERAND_TYPE_MEMORY &&
        from.mem.base == ZYDIS_REGISTER_RDI && from.mem.index == ZYDIS_REGISTER_NONE) {
      if (in.mnemonic == ZYDIS_MNEMONIC_MOV && from.size == 64 && !found.read) found.read = from.mem.disp.value;
      if (in.mnemonic == ZYDIS_MNEMONIC_LEA && !found.address) found.address = from.mem.disp.value;
    }
    return found.address || in.mnemonic == ZYDIS_MNEMONIC_RET || in.mnemonic == ZYDIS_MNEMONIC_CALL;
  });
  return found;
}

std::optional<KeptRegister> kept_register(ZydisRegister which) {
  // In the order of KeptRegister.
  constexpr std::array kKept = {ZYDIS_REGISTER_RBX, ZYDIS_REGISTER_RBP, ZYDIS_REGISTER_R12,
                                ZYDIS_REGISTER_R13, ZYDIS_REGISTER_R14, ZYDIS_REGISTER_R15};
  const auto found = std::ranges::find(kKept, which);
  if (found == kKept.end()) return std::nullopt;
  return static_cast<KeptRegister>(found - kKept.begin());
}

// What has happened since the last call, as far as it is of use.
class SinceCall {
 public:
  void take(const ZydisDecodedInstruction& in, const ZydisDecodedOperand* operands) {
    const auto& to = operands[0];
    const auto& from = operands[1];
    if (in.operand_count_visible == 0) return;
    if (to.type == ZYDIS_OPERAND_TYPE_MEMORY && to.mem.base == ZYDIS_REGISTER_RSP &&
        to.mem.index == ZYDIS_REGISTER_NONE && in.mnemonic == ZYDIS_MNEMONIC_MOV) {
      const auto place = to.mem.disp.value;
      stored_.erase(place);
      numbers_.erase(place);
      if (from.type == ZYDIS_OPERAND_TYPE_IMMEDIATE && to.size == 8) numbers_[place] = from.imm.value.u;
      if (from.type == ZYDIS_OPERAND_TYPE_REGISTER && to.size == 32)
        if (const auto loaded = loaded_.find(wide(from.reg.value)); loaded != loaded_.end())
          stored_[place] = loaded->second;
      return;
    }
    if (to.type != ZYDIS_OPERAND_TYPE_REGISTER || !(to.actions & ZYDIS_OPERAND_ACTION_MASK_WRITE)) return;
    const auto written = wide(to.reg.value);
    std::erase_if(stored_, [&](const auto& store) { return store.second.base == written; });
    loaded_.erase(written);
    if (written == ZYDIS_REGISTER_RSI) options_.reset();
    if (from.type != ZYDIS_OPERAND_TYPE_MEMORY || from.mem.index != ZYDIS_REGISTER_NONE) return;
    if (in.mnemonic == ZYDIS_MNEMONIC_LEA && from.mem.base == ZYDIS_REGISTER_RSP && written == ZYDIS_REGISTER_RSI)
      options_ = from.mem.disp.value;
    if (in.mnemonic == ZYDIS_MNEMONIC_MOV && from.mem.base != ZYDIS_REGISTER_RSP && from.mem.base != ZYDIS_REGISTER_RIP)
      loaded_[written] = {from.mem.base, from.mem.disp.value, from.size};
  }

  // The second argument is on the stack, and begins with a number of four bytes that comes from an object; what follows
  // is false: the register that the object is in.
  struct OptionsObject {
    KeptRegister in;
    std::uint16_t number;  // where in it that is
  };
  std::optional<OptionsObject> options_object() const {
    if (!options_) return std::nullopt;
    const auto number = stored_.find(*options_);
    const auto last = numbers_.find(*options_ + 4);
    if (number == stored_.end() || number->second.bits != 32 || last == numbers_.end() || last->second != 0)
      return std::nullopt;
    const auto in = kept_register(number->second.base);
    if (!in || number->second.distance <= 0 || number->second.distance > kFarthest) return std::nullopt;
    return OptionsObject{*in, static_cast<std::uint16_t>(number->second.distance)};
  }

  // The first argument is a field of an object: which.
  std::optional<std::uint16_t> argument_field() const {
    const auto loaded = loaded_.find(ZYDIS_REGISTER_RDI);
    if (loaded == loaded_.end() || loaded->second.bits != 64 || loaded->second.distance <= 0 ||
        loaded->second.distance > kFarthest)
      return std::nullopt;
    return static_cast<std::uint16_t>(loaded->second.distance);
  }

 private:
  struct Load {
    ZydisRegister base;
    std::int64_t distance;
    unsigned bits;
  };
  static ZydisRegister wide(ZydisRegister any) {
    return ZydisRegisterGetLargestEnclosing(ZYDIS_MACHINE_MODE_LONG_64, any);
  }

  std::map<ZydisRegister, Load> loaded_;
  std::map<std::int64_t, Load> stored_;            // on the stack
  std::map<std::int64_t, std::uint64_t> numbers_;  // bytes there
  std::optional<std::int64_t> options_;
};

// A call's stack stands within the call, and in it their number before the elements, as what goes through all of them
// reads it.
std::optional<GrpcCoreCall> read_call(std::span<const std::byte> call_stack, std::span<const std::byte> each_element,
                                      std::uint16_t stream_number) {
  const auto stack = from_argument(call_stack).address;
  const auto [count, elements] = from_argument(each_element);
  if (!stack || !count || !elements || *stack <= 0 || *count < 0 || *elements <= *count ||
      *stack + *elements > kFarthest)
    return std::nullopt;
  return GrpcCoreCall{.elements = static_cast<std::uint16_t>(*stack + *elements),
                      .before = static_cast<std::uint16_t>(*elements - *count),
                      .stream_number = stream_number};
}

// grpc_chttp2_begin_write: for each stream it makes a framer for initial metadata, and another one for trailing.
// Returns where a stream has its number.
std::optional<std::uint16_t> read_begin_write(const ElfFile& file, const CodeRange& function, const Callees& callees,
                                              GrpcCoreSites& sites) {
  const auto code = code_of(file, function);
  std::set<std::uint16_t> endpoints;
  std::map<std::size_t, SinceCall::OptionsObject> framers;  // where, and the stream
  SinceCall since;
  walk_code(code, [&](const ZydisDecodedInstruction& in, const ZydisDecodedOperand* operands, std::size_t at) {
    if (in.mnemonic != ZYDIS_MNEMONIC_CALL) {
      since.take(in, operands);
      return false;
    }
    ZyanU64 target = 0;
    std::string_view callee;
    if (operands[0].type == ZYDIS_OPERAND_TYPE_IMMEDIATE &&
        ZYAN_SUCCESS(ZydisCalcAbsoluteAddress(&in, &operands[0], function.address + at, &target)))
      callee = callees.name_of(target);
    if (callee == kCanTrackErrors)
      if (const auto endpoint = since.argument_field()) endpoints.insert(*endpoint);
    if (callee == kFramer1 || callee == kFramer2)
      if (const auto stream = since.options_object()) framers.emplace(at, *stream);
    since = {};
    return false;
  });
  const auto offset = file.file_offset(function.address);
  if (!offset || endpoints.size() != 1 || framers.size() != 1) return std::nullopt;
  sites.headers = *offset + framers.begin()->first;
  sites.stream = framers.begin()->second.in;
  sites.endpoint = *endpoints.begin();
  return framers.begin()->second.number;
}

std::optional<GrpcCoreSites> grpc_core_sites_of(const ElfFile& file) {
  const auto functions = find_functions(file, kFunctions);
  const auto place = [&](std::string_view name) -> std::optional<CodeRange> {
    const auto found = functions.find(std::string(name));
    return found == functions.end() ? std::nullopt : std::optional(found->second);
  };
  const auto batch = place(kStartBatch), get = place(kContextGet), unref = place(kUnref), write = place(kBeginWrite);
  if (!batch || !get || !unref || !write) return std::nullopt;
  GrpcCoreSites sites;
  const auto array = array_of(code_of(file, *get));
  const auto batch_at = file.file_offset(batch->address), unref_at = file.file_offset(unref->address);
  if (!array || !batch_at || !unref_at) return std::nullopt;
  const auto stream_number = read_begin_write(file, *write, Callees(file, functions), sites);
  if (!stream_number) return std::nullopt;
  sites.call_context = *array;
  sites.batch = function_start(file, *batch_at);
  sites.unref = function_start(file, *unref_at);
  if (const auto stack = place(kCallStack), each = place(kSetPollset); stack && each)
    sites.served = read_call(code_of(file, *stack), code_of(file, *each), *stream_number);
  return sites;
}

}  // namespace

bool is_grpc_core_name(std::string_view name) { return name.starts_with("libgrpc") && name.find(".so") != name.npos; }

GrpcCoreFinder::Sites GrpcCoreFinder::sites_of(const Result<ElfFile>& opened) {
  if (!opened) return {};
  return {.core = grpc_core_sites_of(*opened), .server = grpc_server_sites_of(*opened)};
}

GrpcLibraries GrpcCoreFinder::find(pid_t pid) {
  GrpcLibraries libraries;
  const auto files = mapped_files(proc_root_, pid);
  if (!files) return libraries;
  const auto program = file_id(proc_root_ + "/" + std::to_string(pid) + "/exe");
  for (const auto& file : *files) {
    const auto id = file.id();
    if (!id || (id != program && !is_grpc_core_name(file.name))) continue;
    const auto sites = known_.of(file.path, sites_of);
    if (file.id() != id) continue;  // another file came to stand there meanwhile: of which one is this?
    if (sites.core) libraries.core.push_back({file.path, *sites.core});
    if (sites.server) libraries.servers.push_back({file.path, *sites.server});
  }
  return libraries;
}

}  // namespace weft
