// SPDX-License-Identifier: Apache-2.0
#include "support/http1_corpus.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>

namespace weft::test {
namespace {

using Random = std::mt19937_64;

const std::vector<std::string> kWords = {"\r\n",
                                         "\r",
                                         "\n",
                                         "\r\n\r\n",
                                         " ",
                                         "\t",
                                         ":",
                                         ";",
                                         std::string(1, '\0'),
                                         "0\r\n\r\n",
                                         "chunked",
                                         "5\r\nhello",
                                         "Content-Length: 3\r\n",
                                         "Transfer-Encoding: chunked\r\n",
                                         "baggage: a=b\r\n",
                                         "traceparent: x\r\n",
                                         "HTTP/1.1",
                                         "HTTP/1.0",
                                         "GET ",
                                         "204"};

void mutate(Random& random, Http1FuzzInput& input, const std::string& other) {
  std::string& text = input.text;
  const size_t at = text.empty() ? 0 : random() % text.size(), span = random() % 12;
  switch (random() % 6) {
    case 0:
      text.erase(at, 1 + span % 3);
      break;
    case 1:
      text.insert(at, kWords[random() % kWords.size()]);
      break;
    case 2:
      if (!text.empty()) text[at] = static_cast<char>(random());
      break;
    case 3:
      text.insert(at, text.substr(random() % (text.size() + 1), span * 4));
      break;
    case 4:
      text.resize(at);
      break;
    default:
      text =
          text.substr(0, at) + other.substr(std::min(other.size(), static_cast<size_t>(random() % (other.size() + 1))));
  }
}

}  // namespace

std::vector<Http1FuzzInput> http1_corpus() {
  std::vector<std::filesystem::path> paths;
  for (const auto& entry : std::filesystem::directory_iterator(WEFT_CORPUS_DIR)) paths.push_back(entry.path());
  std::sort(paths.begin(), paths.end());
  std::vector<Http1FuzzInput> inputs;
  for (const auto& path : paths) {
    std::ifstream file(path, std::ios::binary);
    const std::string bytes((std::istreambuf_iterator<char>(file)), {});
    inputs.push_back(Http1FuzzInput::parse(reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()));
  }
  return inputs;
}

std::vector<Http1FuzzInput> http1_mutations(size_t count) {
  Random random(1);
  const std::vector<Http1FuzzInput> corpus = http1_corpus();
  std::vector<Http1FuzzInput> inputs;
  while (!corpus.empty() && inputs.size() < count) {
    Http1FuzzInput input = corpus[random() % corpus.size()];
    for (size_t i = 1 + random() % 2; i > 0; i--) mutate(random, input, corpus[random() % corpus.size()].text);
    input.cuts.resize(random() % 8);
    for (uint8_t& cut : input.cuts) cut = static_cast<uint8_t>(random() % 60);
    input.text.resize(std::min<size_t>(input.text.size(), 4096));
    inputs.push_back(input);
  }
  return inputs;
}

}  // namespace weft::test
