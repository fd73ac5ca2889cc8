#include "services/base/server_flags.h"

#include <cstdlib>
#include <fstream>
#include <string>
#include <vector>

#include "absl/flags/reflection.h"
#include "absl/status/statusor.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "services/base/flag_parser.h"
#include "services/base/setting_name.h"
#include "services/base/wrong_settings.h"

namespace msgproc::base {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::MatchesRegex;
using ::testing::Not;

class ServerFlagsTest : public ::testing::Test {
 protected:
  ServerFlagsTest() { SetDefaultAddresses("127.0.0.1:50051", "[::1]:8051"); }
  ~ServerFlagsTest() override { unsetenv("BUILD_WORKING_DIRECTORY"); }

  static absl::StatusOr<ServerOptions> Options() {
    WrongSettings wrong;
    ServerOptions options = ServerOptionsFromFlags(&wrong);
    if (!wrong.empty()) return wrong.AsStatus(AsFlag);
    return options;
  }
  static void ExpectError(const std::vector<std::string>& arguments,
                          const ::testing::Matcher<std::string>& message) {
    const absl::Status status = ParseFlags(arguments);
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(std::string(status.message()), message);
  }
  static void ExpectRefused(const std::vector<std::string>& arguments,
                            const ::testing::Matcher<std::string>& message) {
    const absl::FlagSaver restore;
    ASSERT_TRUE(ParseFlags(arguments).ok());
    const absl::Status status = Options().status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(std::string(status.message()), message);
  }

  static std::string TestFile(const std::string& name,
                              const std::string& content) {
    std::string path = ::testing::TempDir() + "/" + name;
    std::ofstream(path) << content;
    return path;
  }

  const absl::FlagSaver restore_;
};

TEST_F(ServerFlagsTest, TheDefaultsAreTheServersOwn) {
  ASSERT_TRUE(ParseFlags({}).ok());
  const auto options = Options();
  ASSERT_TRUE(options.ok()) << options.status();
  EXPECT_EQ(options->listen_address, "127.0.0.1:50051");
  EXPECT_EQ(options->http_address, "[::1]:8051");
  EXPECT_EQ(options->address_file, "");
  EXPECT_FALSE(options->credentials.insecure);
  EXPECT_EQ(options->log_format, LogFormat::kText);
}

TEST_F(ServerFlagsTest, AnAddressThatIsNoneLeavesTheOptionAtItsDefault) {
  ASSERT_TRUE(ParseFlags({"--listen_address=50051", "--http_address=x"}).ok());
  WrongSettings wrong;
  const ServerOptions options = ServerOptionsFromFlags(&wrong);
  EXPECT_THAT(std::string(wrong.AsStatus().message()),
              AllOf(HasSubstr("--listen_address: the address \"50051\""),
                    HasSubstr("--http_address: the address \"x\"")));
  EXPECT_EQ(options.listen_address, ServerOptions().listen_address);
  EXPECT_EQ(options.http_address, ServerOptions().http_address);
}

TEST_F(ServerFlagsTest, AFlagMayBeWrittenInEveryUsualWay) {
  ASSERT_TRUE(ParseFlags({"--listen_address=*:1", "--http_address", "*:2",
                          "-drain_timeout=1m", "--insecure", "--log_format",
                          "json", "--log_level=debug"})
                  .ok());
  auto options = Options();
  ASSERT_TRUE(options.ok()) << options.status();
  EXPECT_EQ(options->listen_address, "*:1");
  EXPECT_EQ(options->http_address, "*:2");
  EXPECT_EQ(options->drain_timeout, absl::Minutes(1));
  EXPECT_TRUE(options->credentials.insecure);
  EXPECT_EQ(options->log_format, LogFormat::kJson);
  EXPECT_EQ(options->log_level, LogLevel::kDebug);
  ASSERT_TRUE(ParseFlags({"--noinsecure", "--http_address="}).ok());
  options = Options();
  EXPECT_FALSE(options->credentials.insecure);
  EXPECT_EQ(options->http_address, "");
}

TEST_F(ServerFlagsTest, AMistakeIsNamedWithWhatWasProbablyMeant) {
  ExpectError({"--listen_adress=x"},
              HasSubstr("--listen_adress; did you mean --listen_address?"));
  ExpectError({"--something_else_entirely"},
              HasSubstr("unknown flag --something_else_entirely"));
  ExpectError({"--nolisten_address"}, HasSubstr("--nolisten_address"));
  ExpectError({"stray"}, HasSubstr("unexpected argument \"stray\""));
  ExpectError({"--insecure", "false"}, HasSubstr("\"false\""));
  ExpectError({"--"}, HasSubstr("\"--\""));
  ExpectError({""}, HasSubstr("unexpected argument"));
  ExpectError({"--drain_timeout"}, HasSubstr("--drain_timeout wants a value"));
  ExpectError({"--drain_timeout=soon"},
              HasSubstr("--drain_timeout cannot be \"soon\""));
  ExpectError({"--insecure=maybe"},
              HasSubstr("--insecure cannot be \"maybe\""));
}

TEST_F(ServerFlagsTest, ABadValueIsNamedWithItsFlag) {
  ExpectRefused({"--listen_address=nonsense"},
                AllOf(HasSubstr("--listen_address"), HasSubstr("nonsense")));
  ExpectRefused({"--http_address=1"}, HasSubstr("--http_address"));
  ExpectRefused({"--drain_timeout=-1s"}, HasSubstr("negative"));
  ExpectRefused({"--stall_unready=0"}, HasSubstr("--stall_unready is 0"));
  ExpectRefused({"--stall_unhealthy=3s"}, HasSubstr("--stall_unhealthy 3s"));
  ExpectRefused({"--log_format=xml"}, HasSubstr("--log_format"));
  ExpectRefused({"--log_level=loud"}, HasSubstr("--log_level"));
}

TEST_F(ServerFlagsTest, AllThatIsWrongIsSaidAtOnce) {
  ExpectRefused({"--listen_address=nonsense", "--log_level=loud",
                 "--max_streams_per_connection=-1", "--drain_timeout=-1s",
                 "--stall_unready=1s", "--stall_unhealthy=500ms"},
                MatchesRegex("--listen_address: [^\n]*nonsense[^\n]*\n"
                             "--log_level: [^\n]*loud[^\n]*\n"
                             "--max_streams_per_connection is -1; [^\n]*\n"
                             "--drain_timeout cannot be negative: -1s\n"
                             "--stall_unready is 1s and --stall_unhealthy "
                             "500ms; [^\n]*"));
}

TEST_F(ServerFlagsTest, DefaultsAreThoseOfTheOptions) {
  ASSERT_TRUE(ParseFlags({}).ok());
  const auto options = Options();
  ASSERT_TRUE(options.ok()) << options.status();
  const ServerOptions defaults;
  EXPECT_EQ(options->max_streams_per_connection,
            defaults.max_streams_per_connection);
  EXPECT_EQ(options->max_connection_idle, defaults.max_connection_idle);
  EXPECT_EQ(options->drain_timeout, defaults.drain_timeout);
  EXPECT_EQ(options->stalls.unready, defaults.stalls.unready);
  EXPECT_EQ(options->stalls.unhealthy, defaults.stalls.unhealthy);
  // These are words on the command line.
  EXPECT_EQ(options->log_format, defaults.log_format);
  EXPECT_EQ(options->log_level, defaults.log_level);
}

TEST_F(ServerFlagsTest, PathsCountFromWhereTheUserIs) {
  setenv("BUILD_WORKING_DIRECTORY", "/home/user", 1);
  ASSERT_TRUE(ParseFlags({"--tls_cert=certs/a.pem", "--tls_key=/abs/a.key",
                          "--address_file=here", "--listen_address=unix:s"})
                  .ok());
  const auto options = Options();
  ASSERT_TRUE(options.ok()) << options.status();
  EXPECT_EQ(options->credentials.tls_cert, "/home/user/certs/a.pem");
  EXPECT_EQ(options->credentials.tls_key, "/abs/a.key");
  EXPECT_EQ(options->credentials.tls_client_ca, "");
  EXPECT_EQ(options->address_file, "/home/user/here");
  EXPECT_EQ(options->listen_address, "unix:/home/user/s");
}

TEST_F(ServerFlagsTest, HelpShowsOurFlagsAndTheirDefaultsOnly) {
  const std::string help =
      HelpText({"msgproc-x", "Does x.", "bazel run //x -- [flags]"});
  EXPECT_THAT(help,
              AllOf(HasSubstr("msgproc-x: Does x.\n"),
                    HasSubstr("bazel run //x -- [flags]"),
                    HasSubstr("--listen_address=127.0.0.1:50051"),
                    HasSubstr("--drain_timeout=30s"), HasSubstr("--version")));
  EXPECT_THAT(help, Not(HasSubstr("undefok")));
  for (size_t begin = 0; begin < help.size();) {
    const size_t end = help.find('\n', begin);
    EXPECT_LE(end - begin, 80u) << help.substr(begin, end - begin);
    begin = end + 1;
  }
}

TEST_F(ServerFlagsTest, UsageIsForTheProgramAsItWasStarted) {
  const ProgramInfo program = {"msgproc-x", "Does x.",
                               "bazel run //x -- [flags]\n  bazel run //x -- "
                               "--n=1\n  bazel run //x\nOr not."};
  EXPECT_THAT(
      HelpText(program, "msgproc-x"),
      HasSubstr(
          "Usage: msgproc-x [flags]\n  msgproc-x --n=1\n  msgproc-x\nOr not."));
  EXPECT_THAT(HelpText(program),
              HasSubstr("Usage: bazel run //x -- [flags]\n  bazel run //x"));
  const ProgramInfo own = {"own", "Is somebody's.", "own [flags]"};
  EXPECT_THAT(HelpText(own, "own"), HasSubstr("Usage: own [flags]\n"));
}

TEST_F(ServerFlagsTest, FlagsComeFromFilesAndTheEnvironmentInTheirPlace) {
  const std::string inner = TestFile("inner", "--insecure\n");
  const std::string file = TestFile("outer",
                                    "# Where it listens.\n\n"
                                    "  --listen_address=*:7  \n"
                                    "--flagfile=" +
                                        inner + "\n--log_level=debug\n");
  setenv("FLAGS_log_format", "json", 1);
  ASSERT_TRUE(ParseFlags({"--listen_address=*:1", "--flagfile", file,
                          "--log_level=error", "--fromenv=log_format",
                          "--tryfromenv=drain_timeout,log_format"})
                  .ok());
  unsetenv("FLAGS_log_format");
  const auto options = Options();
  ASSERT_TRUE(options.ok()) << options.status();
  EXPECT_EQ(options->listen_address, "*:7");
  EXPECT_TRUE(options->credentials.insecure);
  EXPECT_EQ(options->log_level, LogLevel::kError);
  EXPECT_EQ(options->log_format, LogFormat::kJson);
  EXPECT_EQ(options->drain_timeout, absl::Seconds(30));
}

TEST_F(ServerFlagsTest, AMistakeInAFlagFileIsNamedWithItsLine) {
  const std::string file = TestFile("flags", "--insecure\n--listen_adress=x\n");
  ExpectError({"--flagfile=" + file},
              AllOf(HasSubstr("flags:2: "), HasSubstr("--listen_address?")));
  ExpectError({"--flagfile=" + TestFile("stray", "insecure\n")},
              HasSubstr("stray:1: unexpected argument \"insecure\""));
  ExpectError({"--flagfile=/no/such/file"},
              HasSubstr("/no/such/file: the file cannot be read"));
  ExpectError({"--flagfile=/"}, HasSubstr("cannot be read"));
  const std::string itself = ::testing::TempDir() + "/itself";
  TestFile("itself", "--flagfile=" + itself + "\n");
  ExpectError({"--flagfile=" + itself}, HasSubstr("without end"));
  ExpectError({"--flagfile"}, HasSubstr("--flagfile wants a value"));
  ExpectError({"--fromenv=log_format"}, HasSubstr("has no FLAGS_log_format"));
  ExpectError({"--tryfromenv=log_fromat"}, HasSubstr("--log_format?"));
}

TEST_F(ServerFlagsTest, AMistakeEndsTheProgramWithExitCode2) {
  std::string name = "msgproc-x";
  std::string flag = "--wrong";
  char* argv[] = {name.data(), flag.data()};
  EXPECT_EXIT(ParseFlagsOrExit(2, argv, {"msgproc-x", "", ""}),
              ::testing::ExitedWithCode(2), "msgproc-x: unknown flag --wrong");
  std::string help = "--help";
  argv[1] = help.data();
  EXPECT_EXIT(ParseFlagsOrExit(2, argv, {"msgproc-x", "", ""}),
              ::testing::ExitedWithCode(0), "");
}

}  // namespace
}  // namespace msgproc::base
