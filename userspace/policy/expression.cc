// SPDX-License-Identifier: Apache-2.0
#include "policy/expression.h"

#include <algorithm>

namespace weft {
namespace {

constexpr unsigned deepest = 64;  // groups within groups

ByteSet range(unsigned first, unsigned last) {
  ByteSet bytes;
  for (unsigned c = first; c <= last; ++c) bytes.set(c);
  return bytes;
}

ByteSet digits() { return range('0', '9'); }
ByteSet words() { return range('a', 'z') | range('A', 'Z') | digits() | one_byte('_'); }
ByteSet spaces() { return range('\t', '\r') | one_byte(' '); }

bool is_alphanumeric(char c) { return (words().reset('_'))[static_cast<unsigned char>(c)]; }

}  // namespace

// One pass from left to right; the first thing that is wrong is thrown and caught in parse().
class ExpressionParser {
 public:
  using Node = Expression::Node;
  using Kind = Node::Kind;

  explicit ExpressionParser(std::string_view text) : text_(text) {}

  Node whole() {
    if (text_.starts_with("(?i)")) {
      ignore_case_ = true;
      at_ = 4;
    }
    Node node = choice(0);
    if (at_ < text_.size()) fail("a closing parenthesis without its opening one");
    return node;
  }

 private:
  [[noreturn]] void fail(std::string reason) const { throw Expression::Error{at_, std::move(reason)}; }
  [[noreturn]] void fail_at(std::size_t at, std::string reason) const {
    throw Expression::Error{at, std::move(reason)};
  }
  bool more() const { return at_ < text_.size(); }
  char peek() const { return more() ? text_[at_] : '\0'; }
  bool take(char c) {
    if (!more() || text_[at_] != c) return false;
    ++at_;
    return true;
  }
  char next(const char* what) {
    if (!more()) fail(std::string("ends within ") + what);
    return text_[at_++];
  }

  Node choice(unsigned depth) {
    if (depth > deepest) fail("groups are nested too deep");
    Node node = sequence(depth);
    if (peek() != '|') return node;
    Node all{.kind = Kind::choice};
    all.parts.push_back(std::move(node));
    while (take('|')) all.parts.push_back(sequence(depth));
    return all;
  }

  Node sequence(unsigned depth) {
    Node all{.kind = Kind::sequence};
    while (more() && peek() != '|' && peek() != ')') all.parts.push_back(repeated(depth));
    return all;
  }

  Node repeated(unsigned depth) {
    Node node = atom(depth);
    const bool anchor = node.kind == Kind::start || node.kind == Kind::end;
    for (bool first = true; more() && std::string_view("?*+{").find(peek()) != std::string_view::npos; first = false) {
      if (anchor) fail("^ and $ cannot be repeated");
      if (!first && (peek() == '?' || peek() == '+'))
        fail(peek() == '?' ? "lazy repetition is not supported" : "possessive repetition is not supported");
      if (!first) fail("a repetition of a repetition needs a group");
      Node repeat{.kind = Kind::repeat};
      count(repeat);
      repeat.parts.push_back(std::move(node));
      node = std::move(repeat);
    }
    return node;
  }

  void count(Node& repeat) {
    const std::size_t begin = at_;
    const char c = next("a repetition");
    if (c != '{') {
      repeat.least = c == '+' ? 1 : 0;
      repeat.most = 1;
      repeat.unbounded = c != '?';
      return;
    }
    repeat.least = number(begin);
    repeat.most = repeat.least;
    if (take(',')) {
      repeat.unbounded = peek() == '}';
      if (!repeat.unbounded) repeat.most = number(begin);
    }
    if (!take('}')) fail_at(begin, "a count is written {n}, {n,} or {n,m} (a literal brace: \\{)");
    if (repeat.most < repeat.least) fail_at(begin, "the second count is smaller than the first");
  }

  unsigned number(std::size_t begin) {
    unsigned value = 0;
    const std::size_t first = at_;
    for (; peek() >= '0' && peek() <= '9'; ++at_) {
      value = value * 10 + static_cast<unsigned>(peek() - '0');
      if (value > Expression::exact) fail_at(begin, "counts go up to 255");
    }
    if (at_ == first) fail_at(begin, "a count is written {n}, {n,} or {n,m} (a literal brace: \\{)");
    return value;
  }

  ByteSet escape() {
    const std::size_t begin = at_ - 1;
    const char c = next("an escape");
    switch (c) {
      case 'd':
        return digits();
      case 'w':
        return words();
      case 's':
        return spaces();
      case 'D':
        return ~digits();
      case 'W':
        return ~words();
      case 'S':
        return ~spaces();
      case 't':
        return one_byte('\t');
      case 'n':
        return one_byte('\n');
      case 'r':
        return one_byte('\r');
      case 'f':
        return one_byte('\f');
      case 'v':
        return one_byte('\v');
      case 'b':
      case 'B':
        fail_at(begin, "word boundaries (\\b) are not supported");
      default:
        break;
    }
    if (c >= '1' && c <= '9') fail_at(begin, "back-references are not supported");
    if (is_alphanumeric(c)) fail_at(begin, std::string("\\") + c + " is not supported");
    return one_byte(static_cast<unsigned char>(c));
  }

  Node bytes(ByteSet set) const { return {.kind = Kind::bytes, .bytes = ignore_case_ ? folded(set) : set}; }

  Node atom(unsigned depth) {
    const std::size_t begin = at_;
    const char c = next("the expression");
    switch (c) {
      case '(':
        return group(depth, begin);
      case '[':
        return bytes(byte_class(begin));
      case '^':
        return {.kind = Kind::start};
      case '$':
        return {.kind = Kind::end};
      case '.':
        return bytes(~one_byte('\n'));
      case '\\':
        return bytes(escape());
      case '?':
      case '*':
      case '+':
      case '{':
        fail_at(begin, "there is nothing to repeat");
      default:
        break;
    }
    if (static_cast<unsigned char>(c) < 0x80) return bytes(one_byte(static_cast<unsigned char>(c)));
    Node character{.kind = Kind::sequence};  // one character of UTF-8
    character.parts.push_back(bytes(one_byte(static_cast<unsigned char>(c))));
    while ((static_cast<unsigned char>(peek()) & 0xc0) == 0x80)
      character.parts.push_back(bytes(one_byte(static_cast<unsigned char>(text_[at_++]))));
    return character;
  }

  Node group(unsigned depth, std::size_t begin) {
    if (take('?')) {
      const char c = peek();
      if (c == '=' || c == '!' || c == '<') fail_at(begin, "look-around and named groups are not supported");
      if (!take(':')) fail_at(begin, "of (?…) only (?:…), and (?i) at the beginning, are supported");
    }
    Node node = choice(depth + 1);
    if (!take(')')) fail_at(begin, "an opening parenthesis without its closing one");
    return node;
  }

  unsigned char class_byte(ByteSet& set, bool& single) {
    const char c = next("a class");
    single = true;
    if (static_cast<unsigned char>(c) >= 0x80) fail_at(at_ - 1, "only ASCII may stand in a class");
    set = c == '\\' ? escape() : one_byte(static_cast<unsigned char>(c));
    single = set.count() == 1;
    unsigned char byte = 0;
    while (single && !set[byte]) ++byte;
    return byte;
  }

  ByteSet byte_class(std::size_t begin) {
    const bool negated = take('^');
    ByteSet all;
    for (bool first = true; first || peek() != ']'; first = false) {
      if (!more()) fail_at(begin, "a class without its closing bracket");
      if (peek() == '[' && at_ + 1 < text_.size() &&
          (text_[at_ + 1] == ':' || text_[at_ + 1] == '.' || text_[at_ + 1] == '='))
        fail("classes like [:alpha:] are not supported");
      ByteSet set, last;
      bool single = false, last_single = false;
      const unsigned char low = class_byte(set, single);
      const bool to_end = at_ + 1 >= text_.size() || text_[at_ + 1] == ']';
      if (peek() == '-' && !to_end) {
        const std::size_t dash = at_++;
        const unsigned char high = class_byte(last, last_single);
        if (!single || !last_single) fail_at(dash, "a range needs one character on each side");
        if (high < low) fail_at(dash, "the range runs backwards");
        set = range(low, high);
      }
      all |= set;
    }
    take(']');
    if (ignore_case_) all = folded(all);
    return negated ? ~all : all;
  }

  std::string_view text_;
  std::size_t at_ = 0;
  bool ignore_case_ = false;
};

std::expected<Expression, Expression::Error> Expression::parse(std::string_view text) {
  try {
    Expression expression;
    expression.root_ = ExpressionParser(text).whole();
    return expression;
  } catch (Error& error) {
    return std::unexpected(std::move(error));
  }
}

std::uint32_t Expression::build(Nfa& nfa, std::uint32_t from, unsigned most) const {
  return build(nfa, from, root_, most);
}

std::uint32_t Expression::build(Nfa& nfa, std::uint32_t from, const Node& node, unsigned most) const {
  switch (node.kind) {
    case Node::Kind::bytes:
      return nfa.step(from, node.bytes);
    case Node::Kind::start:
    case Node::Kind::end: {
      const std::uint32_t to = nfa.state();
      nfa.jump(from, to, node.kind == Node::Kind::start ? Nfa::When::at_start : Nfa::When::at_end);
      return to;
    }
    case Node::Kind::sequence:
      for (const Node& part : node.parts) from = build(nfa, from, part, most);
      return from;
    case Node::Kind::choice: {
      const std::uint32_t end = nfa.state();
      for (const Node& part : node.parts) {
        const std::uint32_t begin = nfa.state();
        nfa.jump(from, begin);
        nfa.jump(build(nfa, begin, part, most), end);
      }
      return end;
    }
    case Node::Kind::repeat:
      return build_repeat(nfa, from, node, most);
  }
  return from;
}

std::uint32_t Expression::build_repeat(Nfa& nfa, std::uint32_t from, const Node& node, unsigned most) const {
  const Node& part = node.parts.front();
  unsigned least = node.least;
  bool unbounded = node.unbounded;
  if (std::max(least, unbounded ? 0 : node.most) > most) {
    least = std::min(least, most);
    unbounded = true;
  }
  for (unsigned i = 0; i < least; ++i) from = build(nfa, from, part, most);
  const std::uint32_t end = nfa.state();
  if (unbounded) {
    const std::uint32_t loop = nfa.state();
    nfa.jump(from, loop);
    nfa.jump(build(nfa, loop, part, most), loop);
    nfa.jump(loop, end);
    return end;
  }
  for (unsigned i = least; i < node.most; ++i) {
    nfa.jump(from, end);
    from = build(nfa, from, part, most);
  }
  nfa.jump(from, end);
  return end;
}

}  // namespace weft
