#ifndef MSGPROC_TOOLS_LOADGEN_TESTING_GOLDEN_H_
#define MSGPROC_TOOLS_LOADGEN_TESTING_GOLDEN_H_

#include <cstdlib>
#include <fstream>
#include <sstream>
#include <string>

#include "gtest/gtest.h"

namespace msgproc::loadgen {

// Compares `text` with tools/loadgen/report/testdata/`name`. To accept a
// change, run the test with --test_env=UPDATE_GOLDEN=$PWD
// --spawn_strategy=local and read the difference.
inline void ExpectGolden(const std::string& name, const std::string& text) {
  const std::string path = "tools/loadgen/report/testdata/" + name;
  if (const char* workspace = std::getenv("UPDATE_GOLDEN")) {
    std::ofstream(std::string(workspace) + "/" + path) << text;
  }
  std::ifstream file(path);
  ASSERT_TRUE(file) << path;
  std::ostringstream expected;
  expected << file.rdbuf();
  EXPECT_EQ(text, expected.str());
}

}  // namespace msgproc::loadgen

#endif  // MSGPROC_TOOLS_LOADGEN_TESTING_GOLDEN_H_
