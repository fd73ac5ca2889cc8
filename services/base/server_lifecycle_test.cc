// A server's process from start to end, with real signals.
#include <sys/resource.h>

#include <csignal>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "services/base/testing/certificates.h"
#include "services/base/testing/child_process.h"
#include "services/base/testing/eventually.h"

namespace msgproc::server {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::MatchesRegex;
using ::testing::Not;

class ServerLifecycleTest : public ::testing::Test {
 protected:
  // Runs the program with `flags`.
  ChildProcess& Run(std::vector<std::string> flags = {}) {
    flags.insert(flags.begin(), "services/base/testing/lifecycle_program");
    child_ = std::make_unique<ChildProcess>(flags);
    return *child_;
  }
  // And waits until it serves.
  ChildProcess& Serve(const std::vector<std::string>& flags = {}) {
    ChildProcess& child = Run(flags);
    EXPECT_TRUE(child.EventuallyPrints("serving")) << child.Output();
    return child;
  }

 private:
  std::unique_ptr<ChildProcess> child_;
};

TEST_F(ServerLifecycleTest, TheFirstSignalDrainsAndExitsZero) {
  for (const int signal : {SIGTERM, SIGINT}) {
    ChildProcess& child = Serve({"--drain_timeout=7s"});
    child.Signal(signal);
    EXPECT_EQ(child.Wait(), 0) << child.Output();
    EXPECT_THAT(child.Output(),
                AllOf(HasSubstr("draining for 7s"), HasSubstr("drained")));
  }
}

TEST_F(ServerLifecycleTest, TheSecondSignalExitsAtOnce) {
  for (const int signal : {SIGTERM, SIGINT}) {
    ChildProcess& child = Serve({"--stuck"});
    child.Signal(SIGTERM);
    ASSERT_TRUE(child.EventuallyPrints("draining for"));
    child.Signal(signal);
    EXPECT_EQ(child.Wait(), 128 + signal);
  }
}

TEST_F(ServerLifecycleTest, EveryHangUpReloads) {
  ChildProcess& child = Serve();
  child.Signal(SIGHUP);
  ASSERT_TRUE(child.EventuallyPrints("reloaded 1"));
  child.Signal(SIGHUP);
  ASSERT_TRUE(child.EventuallyPrints("reloaded 2"));
  child.Signal(SIGTERM);
  EXPECT_EQ(child.Wait(), 0);
}

TEST_F(ServerLifecycleTest, ABrokenPipeIsIgnored) {
  ChildProcess& child = Serve();
  std::ifstream status(absl::StrCat("/proc/", child.pid(), "/status"));
  uint64_t ignored = 0;
  for (std::string line; std::getline(status, line);) {
    absl::string_view rest = line;
    if (absl::ConsumePrefix(&rest, "SigIgn:\t")) {
      EXPECT_TRUE(absl::SimpleHexAtoi(rest, &ignored));
    }
  }
  EXPECT_NE(ignored & (uint64_t{1} << (SIGPIPE - 1)), 0u);
}

TEST_F(ServerLifecycleTest, RaisesItsDescriptorLimitAsFarAsItMay) {
  rlimit saved{};
  getrlimit(RLIMIT_NOFILE, &saved);
  rlimit lowered = saved;
  lowered.rlim_cur = 256;
  setrlimit(RLIMIT_NOFILE, &lowered);
  ChildProcess& child = Serve();
  setrlimit(RLIMIT_NOFILE, &saved);
  rlimit limit{};
  ASSERT_EQ(prlimit(child.pid(), RLIMIT_NOFILE, nullptr, &limit), 0);
  EXPECT_EQ(limit.rlim_cur, saved.rlim_max);
}

TEST_F(ServerLifecycleTest, WritesItsAddressesOnceItServes) {
  const std::string file = NewTestFolder() + "/address";
  Serve({"--address_file=" + file});
  EXPECT_TRUE(Eventually([&] { return !ReadTestFile(file).empty(); }));
  EXPECT_THAT(ReadTestFile(file),
              MatchesRegex("grpc=nowhere\nhttp=127.0.0.1:[1-9][0-9]*\n"));
}

TEST_F(ServerLifecycleTest, WhatItWasToldWronglyExits2AndOtherFailures1) {
  EXPECT_EQ(Run({"--http_address=nonsense"}).Wait(), 2);
  EXPECT_EQ(Run({"--http_address=192.0.2.1:0"}).Wait(), 2);
  EXPECT_EQ(Run({"--log_level=loud"}).Wait(), 2);
  EXPECT_EQ(Run({"--unknown"}).Wait(), 2);
  EXPECT_EQ(Run({"--address_file=/no/such/folder/x"}).Wait(), 2);
  const std::string file = NewTestFolder() + "/address";
  ChildProcess first(
      {"services/base/testing/lifecycle_program", "--address_file=" + file});
  ASSERT_TRUE(Eventually([&] { return !ReadTestFile(file).empty(); }));
  const std::string addresses = ReadTestFile(file);
  const std::string http = addresses.substr(addresses.rfind('=') + 1);
  ChildProcess& second =
      Run({"--http_address", std::string(absl::StripAsciiWhitespace(http))});
  EXPECT_EQ(second.Wait(), 1);
  EXPECT_THAT(second.Output(), HasSubstr("Address already in use"));
}

TEST_F(ServerLifecycleTest, HelpAndVersionExitZeroAndServeNothing) {
  ChildProcess& help = Run({"--help"});
  EXPECT_EQ(help.Wait(), 0);
  EXPECT_TRUE(help.EventuallyPrints("--stuck=false"));
  ChildProcess& version = Run({"--version"});
  EXPECT_EQ(version.Wait(), 0);
  EXPECT_TRUE(version.EventuallyPrints("msgproc-idle 0."));
  EXPECT_THAT(version.Output(), Not(HasSubstr("serving")));
}

TEST_F(ServerLifecycleTest, LogsJsonOnDemand) {
  ChildProcess& child = Serve({"--log_format=json"});
  EXPECT_THAT(child.Output(), HasSubstr("\"msg\":\"serving\",\"server\":"
                                        "\"msgproc-idle\""));
}

}  // namespace
}  // namespace msgproc::server
