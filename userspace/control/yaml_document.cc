// SPDX-License-Identifier: Apache-2.0
#include "control/yaml_document.h"

#include <yaml-cpp/eventhandler.h>

#include <sstream>

namespace weft {
namespace {

// Where the root of the latest document is.
class RootMark final : public YAML::EventHandler {
 public:
  const YAML::Mark& mark() const { return mark_; }

  void OnDocumentStart(const YAML::Mark&) override { seen_ = false; }
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark& mark, YAML::anchor_t) override { note(mark); }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t) override { note(mark); }
  void OnScalar(const YAML::Mark& mark, const std::string&, YAML::anchor_t, const std::string&) override { note(mark); }
  void OnSequenceStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t, YAML::EmitterStyle::value) override {
    note(mark);
  }
  void OnSequenceEnd() override {}
  void OnMapStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t, YAML::EmitterStyle::value) override {
    note(mark);
  }
  void OnMapEnd() override {}

 private:
  void note(const YAML::Mark& mark) {
    if (!seen_) mark_ = mark;
    seen_ = true;
  }

  YAML::Mark mark_;
  bool seen_ = false;
};

}  // namespace

std::optional<YAML::Node> only_document(const std::string& text) {
  std::istringstream stream(text);
  YAML::Parser parser(stream);
  RootMark root;
  if (!parser.HandleNextDocument(root)) return std::nullopt;
  if (parser.HandleNextDocument(root)) throw YAML::ParserException(root.mark(), "a second document in one file");
  return YAML::Load(text);
}

}  // namespace weft
