// SPDX-License-Identifier: Apache-2.0
#include "decode/url.h"

#include <algorithm>
#include <array>
#include <cstdint>

#include "decode/text.h"

namespace weft {
namespace {

constexpr std::string_view redacted = "REDACTED";

// In the normal form of secret_parameter(), sorted.
constexpr std::string_view secret_names[] = {"accesskey",
                                             "accesskeyid",
                                             "apikey",
                                             "apisecret",
                                             "appkey",
                                             "assertion",
                                             "auth",
                                             "authcode",
                                             "authorization",
                                             "awsaccesskeyid",
                                             "bearer",
                                             "clientassertion",
                                             "code",
                                             "codeverifier",
                                             "cookie",
                                             "credential",
                                             "credentials",
                                             "csrf",
                                             "googleaccessid",
                                             "hmac",
                                             "jsessionid",
                                             "jwt",
                                             "key",
                                             "nonce",
                                             "otp",
                                             "pass",
                                             "passphrase",
                                             "passwd",
                                             "password",
                                             "phpsessid",
                                             "pin",
                                             "privatekey",
                                             "pwd",
                                             "samlart",
                                             "samlrequest",
                                             "samlresponse",
                                             "secret",
                                             "secretkey",
                                             "sess",
                                             "sessid",
                                             "session",
                                             "sessionid",
                                             "sessionkey",
                                             "sid",
                                             "sig",
                                             "sign",
                                             "signature",
                                             "ticket",
                                             "token",
                                             "xsrf"};
static_assert(std::ranges::is_sorted(secret_names));
constexpr std::string_view secret_endings[] = {"token",     "secret",    "password",  "passwd",     "apikey",
                                               "signature", "sessionid", "accesskey", "privatekey", "credential"};
constexpr std::string_view secret_beginnings[] = {"xamz", "xgoog"};

int hex_value(char c) { return is_digit(c) ? c - '0' : ascii_lower(c) - 'a' + 10; }

// Takes one character off `text`, a percent-encoded one whole. REQUIRES: there is one.
char take_decoded(std::string_view& text) {
  const bool encoded = text[0] == '%' && text.size() > 2 && is_hex(text[1]) && is_hex(text[2]);
  const char c = encoded ? static_cast<char>(hex_value(text[1]) << 4 | hex_value(text[2])) : text[0];
  text.remove_prefix(encoded ? 3 : 1);
  return c;
}

// Lower case, percent-decoded, letters and digits only. What does not fit is cut from the front, since endings decide.
class NormalName {
 public:
  explicit NormalName(std::string_view name) {
    if (name.size() > buffer_.size()) name.remove_prefix(name.size() - buffer_.size());
    while (!name.empty()) {
      const char c = take_decoded(name);
      if (is_digit(c) || is_alpha(c)) buffer_[size_++] = ascii_lower(c);
    }
  }
  std::string_view text() const { return {buffer_.data(), size_}; }

 private:
  std::array<char, 64> buffer_;
  std::size_t size_ = 0;
};

// name=value pieces parted by one of two separators; values of secret names are replaced.
void append_masked_parameters(std::string_view text, char separator, char other_separator, std::string& out) {
  while (!text.empty()) {
    std::size_t end = 0;
    while (end < text.size() && text[end] != separator && text[end] != other_separator) end++;
    const std::string_view piece = text.substr(0, end);
    const std::size_t equals = piece.find('=');
    if (equals != std::string_view::npos && equals + 1 < piece.size() && secret_parameter(piece.substr(0, equals)))
      out.append(piece.substr(0, equals + 1)).append(redacted);
    else
      out.append(piece);
    if (end < text.size()) out.push_back(text[end]);
    text.remove_prefix(std::min(end + 1, text.size()));
  }
}

// Matrix parameters only (";jsessionid=…"); the path itself is kept.
void append_masked_path(std::string_view path, std::string& out) {
  const std::size_t parameters = path.find(';');
  out.append(path.substr(0, parameters));
  if (parameters != std::string_view::npos) append_masked_parameters(path.substr(parameters), ';', '/', out);
}

}  // namespace

bool secret_parameter(std::string_view name) {
  const NormalName normal(name);
  const std::string_view text = normal.text();
  if (text.size() < 3) return false;
  return std::ranges::binary_search(secret_names, text) ||
         std::any_of(std::begin(secret_endings), std::end(secret_endings),
                     [&](std::string_view ending) { return text.ends_with(ending); }) ||
         std::any_of(std::begin(secret_beginnings), std::end(secret_beginnings),
                     [&](std::string_view beginning) { return text.starts_with(beginning); });
}

Target split_target(std::string_view method, std::string_view target) {
  Target parts;
  if (method == "CONNECT") {
    parts.authority = target.substr(target.rfind('@') + 1);
    return parts;
  }
  target = target.substr(0, target.find('#'));
  if (!target.starts_with('/')) {
    const std::size_t scheme = target.find("://");
    if (scheme != std::string_view::npos && target.find_first_of("/?") > scheme) {
      parts.scheme = target.substr(0, scheme);
      target.remove_prefix(scheme + 3);
      const std::string_view authority = target.substr(0, target.find_first_of("/?"));
      target.remove_prefix(authority.size());
      parts.authority = authority.substr(authority.rfind('@') + 1);
    }
  }
  const std::size_t question = target.find('?');
  parts.path = target.substr(0, question);
  if (question != std::string_view::npos) parts.query = target.substr(question + 1);
  return parts;
}

std::string percent_decoded(std::string_view text) {
  std::string decoded;
  while (!text.empty()) decoded.push_back(take_decoded(text));
  return decoded;
}

void append_masked_target(std::string_view method, std::string_view target, std::string& out) {
  const Target parts = split_target(method, target);
  // Also without a scheme: what is behind it would be taken for one, and its user and password be kept.
  if (!parts.scheme.empty() || (!parts.authority.empty() && method != "CONNECT"))
    out.append(parts.scheme).append("://");
  out.append(parts.authority);
  append_masked_path(parts.path, out);
  if (parts.query.empty()) return;
  out.push_back('?');
  append_masked_parameters(parts.query, '&', ';', out);
}

}  // namespace weft
