// SPDX-License-Identifier: Apache-2.0
// A fuzz target as an ordinary program: every file of the given folders, and some mutations of each from a fixed seed.
// For compilers without libFuzzer, and for every test run.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <random>
#include <string>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {

constexpr int mutations = 300;

// In a block of exactly that size, so that a sanitizer sees the first byte too many.
void run(const std::vector<std::uint8_t>& input) {
  const std::unique_ptr<std::uint8_t[]> exact(new std::uint8_t[input.size()]);
  std::copy(input.begin(), input.end(), exact.get());
  LLVMFuzzerTestOneInput(exact.get(), input.size());
}

std::vector<std::uint8_t> mutated(std::vector<std::uint8_t> input, std::mt19937& random) {
  static constexpr std::uint8_t telling[] = {0,   1,   0x0A, 0x0D, ' ', ':', ',',  ';',
                                             '=', '?', '&',  '%',  '@', '/', 0x7F, 0xFF};
  for (int changes = 1 + static_cast<int>(random() % 4); changes > 0 && !input.empty(); changes--) {
    const std::size_t at = random() % input.size();
    switch (random() % 4) {
      case 0:
        input[at] = static_cast<std::uint8_t>(random());
        break;
      case 1:
        input[at] = telling[random() % std::size(telling)];
        break;
      case 2:
        input.insert(input.begin() + static_cast<std::ptrdiff_t>(at), telling[random() % std::size(telling)]);
        break;
      default:
        input.resize(at);
        break;
    }
  }
  return input;
}

}  // namespace

int main(int argc, char** argv) {
  std::vector<std::filesystem::path> files;
  for (int i = 1; i < argc; i++)
    for (const auto& entry : std::filesystem::directory_iterator(argv[i]))
      if (entry.is_regular_file()) files.push_back(entry.path());
  std::sort(files.begin(), files.end());
  for (const auto& file : files) {
    std::ifstream in(file, std::ios::binary);
    const std::string text((std::istreambuf_iterator<char>(in)), {});
    const std::vector<std::uint8_t> input(text.begin(), text.end());
    std::fprintf(stderr, "%s\n", file.filename().c_str());  // the last line names the culprit
    run(input);
    std::mt19937 random(1);
    for (int i = 0; i < mutations; i++) run(mutated(input, random));
  }
  std::printf("%zu files, %d mutations each\n", files.size(), mutations);
  return files.empty() ? 1 : 0;
}
