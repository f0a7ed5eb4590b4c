// SPDX-License-Identifier: Apache-2.0
#include "exporter/console/trace_tree.h"

#include <algorithm>
#include <cstring>
#include <unordered_map>

namespace weft {
namespace {

constexpr std::size_t max_indent = 16;  // levels; deeper ones stay under the last

std::uint64_t key_of(const SpanId& id) {
  std::uint64_t key;
  std::memcpy(&key, id.bytes.data(), sizeof(key));
  return key;
}

struct Node {
  const Span* span = nullptr;
  const Span* parent = nullptr;
  std::vector<std::size_t> children;
  bool shown = false;
};

std::vector<Node> link_nodes(const std::vector<SpanPtr>& spans) {
  std::vector<Node> nodes;
  nodes.reserve(spans.size());
  for (const SpanPtr& span : spans) nodes.push_back({.span = span.get()});
  std::stable_sort(nodes.begin(), nodes.end(),
                   [](const Node& a, const Node& b) { return a.span->start_unix_ns < b.span->start_unix_ns; });
  std::unordered_map<std::uint64_t, std::size_t> by_id;
  for (std::size_t i = 0; i < nodes.size(); i++) by_id.emplace(key_of(nodes[i].span->span_id), i);
  for (std::size_t i = 0; i < nodes.size(); i++) {
    if (!nodes[i].span->parent_span_id.valid()) continue;
    const auto parent = by_id.find(key_of(nodes[i].span->parent_span_id));
    if (parent == by_id.end() || parent->second == i) continue;
    nodes[i].parent = nodes[parent->second].span;
    nodes[parent->second].children.push_back(i);
  }
  return nodes;
}

struct Visit {
  std::size_t node = 0;
  std::string stem;  // of the parent
  bool root = false;
  bool last = false;
};

void walk(std::vector<Node>& nodes, std::size_t root, std::vector<TreeRow>& rows) {
  std::vector<Visit> stack{{root, "", true, true}};
  while (!stack.empty()) {
    const Visit visit = std::move(stack.back());
    stack.pop_back();
    Node& node = nodes[visit.node];
    if (node.shown) continue;
    node.shown = true;
    TreeRow row{.span = node.span, .parent = visit.root ? nullptr : node.parent};
    if (!visit.root) {
      row.branch = visit.stem + (visit.last ? "└ " : "├ ");
      row.stem = visit.stem + (visit.last ? "  " : "│ ");
    }
    const bool deep = std::count_if(row.stem.begin(), row.stem.end(), [](char c) { return c == ' '; }) >=
                      static_cast<std::ptrdiff_t>(2 * max_indent);
    const std::string& child_stem = deep ? visit.stem : row.stem;
    for (auto child = node.children.rbegin(); child != node.children.rend(); ++child)
      stack.push_back({*child, child_stem, false, child == node.children.rbegin()});
    rows.push_back(std::move(row));
  }
}

}  // namespace

std::vector<TreeRow> trace_tree(const std::vector<SpanPtr>& spans) {
  std::vector<Node> nodes = link_nodes(spans);
  std::vector<TreeRow> rows;
  rows.reserve(nodes.size());
  for (std::size_t i = 0; i < nodes.size(); i++)
    if (nodes[i].parent == nullptr) walk(nodes, i, rows);
  for (std::size_t i = 0; i < nodes.size(); i++)  // parents in a circle
    if (!nodes[i].shown) walk(nodes, i, rows);
  return rows;
}

}  // namespace weft
