// The main function of a fuzzer where there is no libFuzzer: runs every input
// of the corpus in the folder that is named, then inputs made of them, the same
// ones each time.
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <random>
#include <string>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

namespace {

// Longer ones are for libFuzzer.
constexpr size_t kMostBytes = 16 << 10;

// What runs now, for who reads of a failure.
char running[512];

void SayWhatRuns(int signal) {
  [[maybe_unused]] ssize_t written =
      write(STDERR_FILENO, running, std::strlen(running));
  std::signal(signal, SIG_DFL);
  std::raise(signal);
}

// From a block of exactly its size, so that the sanitizers see a read beyond.
void Run(const std::string& input) {
  const auto bytes = std::make_unique<uint8_t[]>(input.size());
  std::copy(input.begin(), input.end(), bytes.get());
  LLVMFuzzerTestOneInput(bytes.get(), input.size());
}

std::string Mutated(std::string input, const std::vector<std::string>& corpus,
                    std::mt19937* random) {
  const auto below = [random](size_t bound) { return (*random)() % bound; };
  for (size_t turns = 1 + below(4); turns > 0; --turns) {
    const size_t at = below(input.size() + 1);
    const std::string& other = corpus[below(corpus.size())];
    switch (below(6)) {
      case 0:
        if (at < input.size()) input[at] = static_cast<char>((*random)());
        break;
      case 1:
        if (at < input.size()) input[at] ^= static_cast<char>(1 << below(8));
        break;
      case 2:
        input.insert(at, 1, static_cast<char>((*random)()));
        break;
      case 3:
        input.erase(at, 1 + below(8));
        break;
      case 4:
        input.resize(at);
        input += other.substr(std::min(at, other.size()));
        break;
      default:
        input.insert(at, other, below(other.size() + 1), below(64));
    }
  }
  if (input.size() > kMostBytes) input.resize(kMostBytes);
  return input;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fprintf(stderr, "usage: %s CORPUS MUTATIONS\n", argv[0]);
    return 2;
  }
  std::vector<std::filesystem::path> files;
  if (std::filesystem::is_directory(argv[1])) {
    for (const auto& entry : std::filesystem::directory_iterator(argv[1])) {
      files.push_back(entry.path());
    }
  }
  if (files.empty()) {
    std::fprintf(stderr, "there is no corpus in %s\n", argv[1]);
    return 1;
  }
  std::sort(files.begin(), files.end());
  std::signal(SIGABRT, SayWhatRuns);
  std::vector<std::string> corpus;
  for (const auto& file : files) {
    std::ifstream in(file, std::ios::binary);
    corpus.emplace_back(std::istreambuf_iterator<char>(in),
                        std::istreambuf_iterator<char>());
    std::snprintf(running, sizeof(running), "while running %s\n", file.c_str());
    Run(corpus.back());
  }
  const auto mutations = static_cast<int>(std::strtol(argv[2], nullptr, 10));
  std::mt19937 random(1);
  for (int i = 0; i < mutations; ++i) {
    std::snprintf(running, sizeof(running), "while running mutation %d\n", i);
    Run(Mutated(corpus[random() % corpus.size()], corpus, &random));
  }
  std::printf("%zu inputs and %d mutations\n", corpus.size(), mutations);
  return 0;
}
