#include "tools/loadgen/report/run_files.h"

#include <unistd.h>

#include <fstream>
#include <sstream>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "services/base/setting_name.h"

namespace msgproc::loadgen {
namespace {

using testing::HasSubstr;

std::string At(const std::string& name) {
  return testing::TempDir() + "/" + name;
}

std::string Content(const std::string& path) {
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

Plan PlanOf(const Options& options) {
  Plan plan;
  plan.asked = options;
  return plan;
}

TEST(RunFilesTest, EveryPairOfFilesIsToldApart) {
  std::ofstream(At("f")) << "1\n2\n";
  std::string Options::*const kReads[] = {&Options::input, &Options::tls_ca,
                                          &Options::tls_cert, &Options::tls_key,
                                          &Options::token_file};
  std::string Options::*const kWrites[] = {&Options::output, &Options::json,
                                           &Options::report};
  for (const auto write : kWrites) {
    for (const auto read : kReads) {
      Options options;
      options.*read = At("f");
      options.*write = At("./f");
      EXPECT_EQ(RunFiles::Open(PlanOf(options)).status().code(),
                absl::StatusCode::kInvalidArgument);
    }
    for (const auto other : kWrites) {
      if (other == write) continue;
      Options options;
      options.*other = At("new");
      options.*write = At("./new");
      EXPECT_EQ(RunFiles::Open(PlanOf(options)).status().code(),
                absl::StatusCode::kInvalidArgument);
    }
  }
  EXPECT_EQ(Content(At("f")), "1\n2\n");
  EXPECT_NE(access(At("new").c_str(), F_OK), 0);
}

TEST(RunFilesTest, OutputsKeepWhatTheyHoldUntilTheRunBegins) {
  std::ofstream(At("old")) << "old";
  Options options;
  options.json = At("old");
  {
    const auto files = RunFiles::Open(PlanOf(options));
    ASSERT_TRUE(files.ok()) << files.status();
  }
  EXPECT_EQ(Content(At("old")), "old");
  auto files = RunFiles::Open(PlanOf(options));
  EXPECT_TRUE(files->Begin().ok());
  EXPECT_EQ(Content(At("old")), "");
}

TEST(RunFilesTest, OneThatCannotBeOpenedLeavesNothingBehind) {
  Options options;
  options.output = At("out");
  options.json = "/nowhere/report.json";
  options.input = "/dev/null";
  options.setting_name = base::AsFlag;
  const absl::Status status = RunFiles::Open(PlanOf(options)).status();
  EXPECT_THAT(std::string(status.message()),
              HasSubstr("--json: cannot open /nowhere/report.json"));
  EXPECT_NE(access(At("out").c_str(), F_OK), 0);
}

TEST(RunFilesTest, WithAnOutboxTheOutputIsGoneOnWith) {
  std::ofstream(At("results")) << "1\tone\n";
  Options options;
  options.input = "/dev/null";
  options.outbox = At("box");
  options.output = At("results");
  auto files = RunFiles::Open(PlanOf(options));
  ASSERT_TRUE(files.ok()) << files.status();
  EXPECT_TRUE(files->Begin().ok());
  EXPECT_EQ(Content(At("results")), "1\tone\n");
  char first = 0;
  EXPECT_EQ(read(files->output(), &first, 1), 1);
  EXPECT_EQ(write(files->output(), "x", 1), 1);
  options.output = At("./box");
  EXPECT_EQ(RunFiles::Open(PlanOf(options)).status().code(),
            absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace msgproc::loadgen
