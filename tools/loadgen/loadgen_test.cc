// The program itself: what it prints, what it exits with.

#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <cstdint>
#include <fstream>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/time/time.h"
#include "common/clock.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "services/base/testing/child_process.h"
#include "services/base/testing/eventually.h"
#include "tools/loadgen/target/endpoint.h"
#include "tools/loadgen/testing/loadgen_program.h"
#include "tools/loadgen/testing/silent_listener.h"
#include "tools/loadgen/testing/test_processor.h"

namespace msgproc::loadgen {
namespace {

using base::ChildProcess;
using nlohmann::json;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

class LoadgenTest : public testing::Test {
 protected:
  Ended Run(std::vector<std::string> arguments) {
    arguments.push_back("--target=" + processor_->address());
    return RunProgram(std::move(arguments));
  }
  static std::string File(const std::string& name) {
    return testing::TempDir() + "/" + name;
  }

  // One for all tests; see LoadRunTest.
  static void SetUpTestSuite() { processor_ = new TestProcessor; }
  static void TearDownTestSuite() { delete processor_; }

  static TestProcessor* processor_;
};

TestProcessor* LoadgenTest::processor_ = nullptr;

TEST_F(LoadgenTest, TenThousandMessagesAreAnsweredOnceAndReported) {
  const Ended ended = Run({"--n=10000", "--json=" + File("report.json")});
  EXPECT_EQ(ended.exit_code, 0) << ended.error;
  EXPECT_THAT(
      ended.out,
      AllOf(HasSubstr("Messages:     10,000"), HasSubstr("[OK] 10,000 results"),
            HasSubstr("0 lost, 0 duplicated, 0 failed, 0 wrong")));
  const json report = json::parse(ReadFile(File("report.json")));
  EXPECT_EQ(report.at("messages"), 10'000);
  EXPECT_EQ(report.at("answered"), 10'000);
  EXPECT_EQ(report.at("lost"), 0);
  EXPECT_GT(report.at("messages_per_second"), 0);
  EXPECT_EQ(report.at("servers").at("test-processor").at("messages"), 10'000);
  EXPECT_EQ(report.at("run").at("target"), processor_->address());
}

TEST_F(LoadgenTest, TimeoutsOfMillenniaDoNotHoldUpTheEnd) {
  const std::vector<std::string> timeouts = {"--give_up_after=100000000h",
                                             "--stall_timeout=100000000h",
                                             "--connect_timeout=100000000h"};
  EXPECT_EQ(Run(timeouts).exit_code, 0);
  // Nor a signal while nobody answers.
  SilentListener silent;
  std::vector<std::string> arguments = {kLoadgen,
                                        "--target=" + silent.address()};
  arguments.insert(arguments.end(), timeouts.begin(), timeouts.end());
  ChildProcess waiting(arguments);
  silent.AcceptOne();
  waiting.Signal(SIGINT);
  EXPECT_EQ(waiting.Wait(), 1) << waiting.Output();
  EXPECT_THAT(waiting.Output(), HasSubstr("stopped while connecting"));
}

TEST_F(LoadgenTest, BareJsonIsAllThatTheStandardOutputGets) {
  for (const std::vector<std::string>& flags :
       {std::vector<std::string>{"--json", "--n=10"},
        std::vector<std::string>{"--n=10", "--json"},
        std::vector<std::string>{"--n=10", "--json=-"}}) {
    std::vector<std::string> arguments = flags;
    arguments.insert(arguments.begin(), "--target=" + processor_->address());
    const Ended ended = RunProgram(arguments);
    EXPECT_EQ(ended.exit_code, 0) << ended.error;
    EXPECT_EQ(json::parse(ended.out).at("answered"), 10);
  }
}

TEST_F(LoadgenTest, FailedMessagesAreExitOne) {
  const Ended ended = Run({"--n=100", "--handler=flaky"});
  EXPECT_EQ(ended.exit_code, 1);
  EXPECT_THAT(ended.out, AllOf(HasSubstr("[10] INTERNAL: no luck"),
                               HasSubstr("NOT the payload")));
}

TEST_F(LoadgenTest, AHandlerThatIsNotThereIsExitOneAndNamed) {
  const Ended ended = Run({"--handler=nope"});
  EXPECT_EQ(ended.exit_code, 1);
  EXPECT_THAT(ended.error, AllOf(HasSubstr("NOT_FOUND"), HasSubstr("'nope'")));
}

TEST(LoadgenUsageTest, ATargetWhereNothingAnswersIsExitOneInBoundedTime) {
  const Ended ended =
      RunProgram({"--target=127.0.0.1:1", "--connect_timeout=200ms"});
  EXPECT_EQ(ended.exit_code, 1);
  EXPECT_THAT(ended.error, AllOf(HasSubstr("Nothing answers at 127.0.0.1:1"),
                                 HasSubstr("bazel run //services/processor"),
                                 HasSubstr("--connect_timeout")));
}

TEST(LoadgenUsageTest, WrongFlagsAreExitTwoAndNamed) {
  const std::pair<std::string, std::string> mistakes[] = {
      {"--conections=3", "did you mean --connections?"},
      {"--n=many", "--n cannot be \"many\""},
      {"--n=0", "--n=0"},
      {"--target=localhost", "is no address"},
      {"--input=/nowhere/lines.txt", "cannot open /nowhere/lines.txt"},
      {"--json=/nowhere/report.json", "cannot open /nowhere/report.json"},
      {"--slo=p99", "no comparison"},
      {"--tls_ca=/nowhere/ca.pem", "--tls_ca=/nowhere/ca.pem"},
      {"--token_file=/nowhere/token", "--token_file=/nowhere/token"},
      {"stray", "unexpected argument"},
  };
  for (const auto& [flag, says] : mistakes) {
    const Ended ended = RunProgram({flag});
    EXPECT_EQ(ended.exit_code, 2) << flag << "\n" << ended.error;
    EXPECT_THAT(ended.error, HasSubstr(says)) << flag;
  }
}

TEST_F(LoadgenTest, AMissedObjectiveIsExitThree) {
  const Ended ended = Run({"--n=1000", "--slo=p99<1ns,failed<=0"});
  EXPECT_EQ(ended.exit_code, 3);
  EXPECT_THAT(ended.out, AllOf(HasSubstr("[MISSED] p99<1ns"),
                               HasSubstr("[held] failed<=0")));
  EXPECT_EQ(Run({"--n=1000", "--slo=p99<1h"}).exit_code, 0);
}

TEST_F(LoadgenTest, AScheduleThatNobodyCanKeepIsExitFour) {
  // 100,000 messages due within a tenth of a millisecond.
  const Ended ended =
      Run({"--rate=1e9", "--n=100000", "--max_outstanding=100000"});
  EXPECT_EQ(ended.exit_code, 4) << ended.error;
  EXPECT_THAT(ended.out, HasSubstr("BEHIND"));
}

TEST_F(LoadgenTest, LinesGoInAndResultsComeOutInOrder) {
  std::vector<std::string> lines;
  for (int i = 0; i < 5000; ++i) lines.push_back(absl::StrCat("line ", i));
  const std::string text = absl::StrJoin(lines, "\n");
  std::ofstream(File("in.txt")) << text;
  const Ended ended = Run({"--input=" + File("in.txt"), "--connections=3",
                           "--output=" + File("out.txt")});
  EXPECT_EQ(ended.exit_code, 0) << ended.error;
  EXPECT_EQ(ReadFile(File("out.txt")), text + "\n");
}

TEST_F(LoadgenTest, StandardInputAndOutputCanBeUsed) {
  ChildProcess shell({"/bin/sh", "-c",
                      absl::StrCat("printf 'a\\nb' | ", kLoadgen,
                                   " --target=", processor_->address(),
                                   " --input=- --output=- >", File("results"),
                                   " 2>", File("report"))});
  EXPECT_EQ(shell.Wait(), 0);
  EXPECT_EQ(ReadFile(File("results")), "a\nb\n");
  EXPECT_THAT(ReadFile(File("report")), HasSubstr("Messages:     2"));
}

TEST_F(LoadgenTest, PathsCountFromWhereTheUserIs) {
  const std::string folder = File("elsewhere");
  mkdir(folder.c_str(), 0700);
  ChildProcess shell({"/bin/sh", "-c",
                      absl::StrCat("BUILD_WORKING_DIRECTORY=", folder, " ",
                                   kLoadgen, " --n=10 --json=report.json ",
                                   "--target=", processor_->address())});
  EXPECT_EQ(shell.Wait(), 0);
  EXPECT_EQ(json::parse(ReadFile(folder + "/report.json")).at("answered"), 10);
}

TEST_F(LoadgenTest, AnOutputThatIsTheInputIsRefusedBeforeItIsTouched) {
  const std::string file = File("numbers.txt");
  const std::string link = File("link.txt");
  WriteFile(file, "1\n2\n3\n4\n5\n");
  ASSERT_EQ(symlink(file.c_str(), link.c_str()), 0);
  for (const std::string& output : {file, link, File("./numbers.txt")}) {
    const Ended ended = Run({"--input=" + file, "--output=" + output});
    EXPECT_EQ(ended.exit_code, 2);
    EXPECT_THAT(ended.error, HasSubstr("are the same file"));
    EXPECT_EQ(ReadFile(file), "1\n2\n3\n4\n5\n");
  }
  ChildProcess shell(
      {"/bin/sh", "-c",
       absl::StrCat(kLoadgen, " --target=", processor_->address(), " --input=",
                    file, " --output=- >>", file, " 2>/dev/null")});
  EXPECT_EQ(shell.Wait(), 2);
  EXPECT_EQ(ReadFile(file), "1\n2\n3\n4\n5\n");
}

TEST_F(LoadgenTest, TwoReportsInOneFileAreRefused) {
  const std::pair<std::string, std::string> pairs[] = {
      {"--json=" + File("x"), "--report=" + File("x")},
      {"--json=" + File("./x"), "--report=" + File("x")},
      {"--json=-", "--report=-"}};
  for (const auto& [one, other] : pairs) {
    const Ended ended = Run({one, other, "--n=10"});
    EXPECT_EQ(ended.exit_code, 2) << one;
    EXPECT_THAT(ended.error, HasSubstr("are the same file"));
  }
  EXPECT_FALSE(std::ifstream(File("x")).good());
}

TEST_F(LoadgenTest, AnEmptyInputIsSaidAndExitOne) {
  WriteFile(File("empty.txt"), "");
  const Ended ended = Run({"--input=" + File("empty.txt"), "--output=-"});
  EXPECT_EQ(ended.exit_code, 1);
  EXPECT_THAT(ended.error, HasSubstr("empty.txt has no lines"));
}

TEST_F(LoadgenTest, ARunThatNeverBeginsLeavesItsOutputsAsTheyWere) {
  WriteFile(File("old.json"), "last week's");
  const Ended ended = RunProgram(
      {"--target=127.0.0.1:1", "--connect_timeout=100ms",
       "--json=" + File("old.json"), "--report=" + File("new.html")});
  EXPECT_EQ(ended.exit_code, 1);
  EXPECT_EQ(ReadFile(File("old.json")), "last week's");
  EXPECT_FALSE(std::ifstream(File("new.html")).good());
}

TEST_F(LoadgenTest, ADurationTooShortForAMessageIsExitOneAndSaid) {
  for (const char* load : {"--duration=1ns", "--duration=0.5ns --rate=10"}) {
    const Ended ended = Run(absl::StrSplit(load, ' '));
    EXPECT_EQ(ended.exit_code, 1) << load;
    EXPECT_THAT(ended.out, HasSubstr("was over before a message")) << load;
  }
}

TEST_F(LoadgenTest, LengthsOfTimeBeyondAllClocksSaturate) {
  const Ended ended = Run({"--duration=100000000h", "--n=100",
                           "--give_up_after=100000000h", "--warmup=10"});
  EXPECT_EQ(ended.exit_code, 0) << ended.error << ended.out;
  EXPECT_THAT(ended.out, HasSubstr("[OK] 100 results"));
}

TEST_F(LoadgenTest, RatesOverShortRunsAreWhatWasAsked) {
  const std::pair<std::vector<std::string>, double> runs[] = {
      {{"--rate=1", "--duration=2s"}, 1},
      {{"--rate=3", "--duration=1s"}, 3},
      {{"--rate=4", "--n=2"}, 4},
      {{"--rate=10", "--duration=300ms", "--connections=3"}, 10}};
  for (const auto& [flags, rate] : runs) {
    std::vector<std::string> all = flags;
    all.emplace_back("--json");
    all.push_back("--slo=throughput<" + absl::StrCat(rate * 1.01));
    const Ended ended = Run(all);
    EXPECT_NE(ended.exit_code, 3) << absl::StrJoin(flags, " ");
    // A result that comes late lowers it.
    EXPECT_LE(json::parse(ended.out).at("messages_per_second"), rate * 1.001);
    EXPECT_GE(json::parse(ended.out).at("messages_per_second"), rate * 0.5);
  }
}

TEST_F(LoadgenTest, TheLastMessageIsNotWaitedBeyond) {
  const absl::Time began = Clock::Monotonic()->Now();
  EXPECT_NE(Run({"--rate=0.1", "--n=1"}).exit_code, 1);
  EXPECT_LT(Clock::Monotonic()->Now() - began, absl::Seconds(8));
}

TEST(LoadgenUsageTest, CtrlCWhileConnectingIsHeardAtOnce) {
  SilentListener listener;
  ChildProcess program({kLoadgen, "--target=" + listener.address(),
                        "--connect_timeout=1h", "--n=1"});
  listener.AcceptOne();
  program.Signal(SIGINT);
  EXPECT_EQ(program.Wait(), 1);
  EXPECT_TRUE(program.EventuallyPrints("stopped while connecting"));
}

TEST_F(LoadgenTest, CtrlCReportsWhatWasDone) {
  const uint64_t before = processor_->messages_processed();
  ChildProcess program(
      {kLoadgen, "--duration=1h", "--target=" + processor_->address()});
  EXPECT_TRUE(base::Eventually(
      [before] { return processor_->messages_processed() > before + 1000; }));
  program.Signal(SIGINT);
  EXPECT_EQ(program.Wait(), 0);
  EXPECT_TRUE(program.EventuallyPrints("Stopping"));
  EXPECT_TRUE(program.EventuallyPrints("stopped by a signal"));
  EXPECT_TRUE(program.EventuallyPrints("0 lost, 0 duplicated"));
}

TEST_F(LoadgenTest, ASecondCtrlCEndsItAtOnce) {
  const uint64_t before = processor_->sessions_opened();
  ChildProcess program({kLoadgen, "--n=1", "--handler=stuck",
                        "--target=" + processor_->address()});
  EXPECT_TRUE(base::Eventually(
      [before] { return processor_->sessions_opened() == before + 1; }));
  program.Signal(SIGINT);
  EXPECT_TRUE(program.EventuallyPrints("Stopping"));
  program.Signal(SIGINT);
  EXPECT_EQ(program.Wait(), 128 + SIGINT);
}

TEST(LoadgenUsageTest, WithoutATargetItSaysWhichProcessorItUses) {
  const bool listening = SomethingListensAt(kDefaultTarget);
  const Ended ended = RunProgram({"--n=100"});
  if (listening || SomethingListensAt(kDefaultTarget)) {
    GTEST_SKIP() << "something listens at " << kDefaultTarget;
  }
  EXPECT_EQ(ended.exit_code, 0) << ended.error;
  EXPECT_THAT(ended.error, HasSubstr("embedded in loadgen"));
  EXPECT_THAT(ended.out, HasSubstr("(embedded processor)"));
}

TEST(LoadgenUsageTest, HelpShowsItsFlagsExamplesAndExitCodes) {
  const Ended ended = RunProgram({"--help"});
  EXPECT_EQ(ended.exit_code, 0);
  EXPECT_THAT(ended.out, AllOf(HasSubstr("Examples:"), HasSubstr("Exit codes:"),
                               HasSubstr("--max_outstanding=1024"),
                               Not(HasSubstr("--listen_address"))));
}

}  // namespace
}  // namespace msgproc::loadgen
