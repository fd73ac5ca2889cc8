#include "services/base/wrong_settings.h"

#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "gtest/gtest.h"

namespace msgproc::base {
namespace {

TEST(WrongSettingsTest, NothingWrongIsOk) {
  WrongSettings wrong;
  wrong.Expect(true, "lease", absl::Seconds(1), "anything");
  wrong.Add(absl::OkStatus());
  EXPECT_TRUE(wrong.empty());
  EXPECT_TRUE(wrong.AsStatus().ok());
}

TEST(WrongSettingsTest, SaysAllThatIsWrongALineEach) {
  WrongSettings wrong;
  wrong.Expect(false, "weight", 0.001, "0.01 to 1000");
  wrong.Expect(true, "workers", 7, "any number");
  wrong.Expect(false, "lease", absl::Milliseconds(1), "100ms to 1h");
  wrong.Add("{lines} needs {command}.");
  EXPECT_FALSE(wrong.empty());
  EXPECT_EQ(wrong.AsStatus(),
            absl::InvalidArgumentError("weight is 0.001; it takes 0.01 to 1000."
                                       "\nlease is 1ms; it takes 100ms to 1h."
                                       "\nlines needs command."));
}

TEST(WrongSettingsTest, AProgramSaysItInItsOwnWords) {
  WrongSettings wrong;
  wrong.Expect(false, "count", "-1", "0 to 9");
  wrong.Add("{lines} needs {command}.");
  EXPECT_EQ(wrong.AsStatus(AsFlag),
            absl::InvalidArgumentError("--count is -1; it takes 0 to 9."
                                       "\n--lines needs --command."));
}

TEST(WrongSettingsTest, EachLibrarysSettingsHaveTheirOwnFlags) {
  WrongSettings workers;
  workers.Expect(false, "count", "-1", "0 to 9");
  WrongSettings threads;
  threads.Expect(false, "count", "-2", "0 to 9");
  WrongSettings all;
  all.Add(workers, [](absl::string_view name) {
    return "--worker_" + std::string(name);
  });
  all.Add(threads, [](absl::string_view name) {
    return "--thread_" + std::string(name);
  });
  EXPECT_EQ(all.AsStatus(AsFlag),
            absl::InvalidArgumentError("--worker_count is -1; it takes 0 to 9."
                                       "\n--thread_count is -2; it takes 0 to "
                                       "9."));
}

TEST(WrongSettingsTest, WhatComesFromOutsideMayHaveBraces) {
  WrongSettings wrong;
  wrong.Add(absl::NotFoundError("no file {x"));
  EXPECT_EQ(wrong.AsStatus(AsFlag), absl::NotFoundError("no file {x"));
  wrong.Add("{y} is missing.");
  EXPECT_EQ(wrong.AsStatus(AsFlag),
            absl::InvalidArgumentError("no file {x\n--y is missing."));
}

}  // namespace
}  // namespace msgproc::base
