#ifndef MSGPROC_TOOLS_LOADGEN_TESTING_LOADGEN_PROGRAM_H_
#define MSGPROC_TOOLS_LOADGEN_TESTING_LOADGEN_PROGRAM_H_

#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "services/base/testing/child_process.h"

// The program as its users run it, for tests with it among their data.
namespace msgproc::loadgen {

inline constexpr char kLoadgen[] = "tools/loadgen/loadgen";

inline std::string ReadFile(const std::string& path) {
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

inline void WriteFile(const std::string& path, const std::string& text) {
  std::ofstream(path) << text;
}

struct Ended {
  int exit_code;
  std::string out;
  std::string error;
};

// By way of files, which are complete when the program has ended.
inline Ended RunProgram(std::vector<std::string> arguments,
                        const std::string& program = kLoadgen) {
  const std::string out = testing::TempDir() + "/stdout";
  const std::string error = testing::TempDir() + "/stderr";
  const std::vector<std::string> shell = {
      "/bin/sh", "-c", absl::StrCat("exec \"$0\" \"$@\" >", out, " 2>", error),
      program};
  arguments.insert(arguments.begin(), shell.begin(), shell.end());
  base::ChildProcess child(arguments);
  const int exit_code = child.Wait();
  return {exit_code, ReadFile(out), ReadFile(error)};
}

}  // namespace msgproc::loadgen

#endif  // MSGPROC_TOOLS_LOADGEN_TESTING_LOADGEN_PROGRAM_H_
