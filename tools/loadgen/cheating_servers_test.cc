// The program against servers that cheat: it catches each, and says so.

#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "tools/loadgen/testing/cheating_server.h"
#include "tools/loadgen/testing/loadgen_program.h"

namespace msgproc::loadgen {
namespace {

using nlohmann::json;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;
using Kind = Cheat::Kind;

struct Seen {
  Ended ended;
  json report;
  absl::Duration froze_for;
};

// One load against one cheat.
Seen Load(const Cheat& cheat, std::vector<std::string> flags) {
  const CheatingServer server(cheat);
  const std::string file = testing::TempDir() + "/cheat.json";
  flags.push_back("--target=" + server.address());
  flags.push_back("--json=" + file);
  Seen seen;
  seen.ended = RunProgram(std::move(flags));
  seen.report = json::parse(ReadFile(file), nullptr, false);
  seen.froze_for = server.froze_for();
  EXPECT_FALSE(seen.report.is_discarded()) << seen.ended.error;
  EXPECT_EQ(seen.report.value("exit_code", -1), seen.ended.exit_code);
  return seen;
}

class CheatingServersTest : public testing::Test {
 protected:
  void SetUp() override {
    const char* sanitizer = std::getenv("MSGPROC_SANITIZER");
    if (sanitizer != nullptr && std::string(sanitizer) == "tsan") {
      GTEST_SKIP() << "the cheating server's gRPC threads are foreign to it";
    }
  }
};

TEST_F(CheatingServersTest, AnHonestOneIsNotAccused) {
  const Seen closed = Load({}, {"--n=5000"});
  EXPECT_EQ(closed.ended.exit_code, 0) << closed.ended.out;
  EXPECT_EQ(closed.report.at("answered"), 5000);
  const Seen open =
      Load({}, {"--rate=500", "--duration=1s", "--slo=unsent<=0"});
  EXPECT_EQ(open.report.at("answered"), 500) << open.ended.out;
  EXPECT_EQ(open.report.at("unsent"), 0);
  EXPECT_THAT(open.ended.out, Not(HasSubstr("UNSENT")));
}

TEST_F(CheatingServersTest, ASilentOneLosesEverything) {
  for (const char* rate : {"--rate=0", "--rate=1000"}) {
    const Seen seen =
        Load({Kind::kSilent},
             {rate, "--n=100", "--stall_timeout=300ms", "--slo=p50<100ms"});
    EXPECT_EQ(seen.ended.exit_code, 1);
    EXPECT_EQ(seen.report.at("lost"), 100);
    EXPECT_EQ(seen.report.at("answered"), 0);
    EXPECT_THAT(seen.ended.out,
                AllOf(HasSubstr("100 lost"), HasSubstr("--stall_timeout"),
                      HasSubstr("[MISSED] p50<100ms")));
  }
}

TEST_F(CheatingServersTest, OneThatFallsSilentLaterIsCaughtWithItsLoss) {
  const Seen seen =
      Load({Kind::kSilent, 700}, {"--n=1000", "--stall_timeout=300ms"});
  EXPECT_EQ(seen.ended.exit_code, 1);
  EXPECT_EQ(seen.report.at("lost"), 300);
}

TEST_F(CheatingServersTest, OneThatIsFrozenAtTheStartMissesItsObjective) {
  const Seen seen = Load({Kind::kFreezes, 0, absl::Milliseconds(400)},
                         {"--rate=1000", "--duration=1s", "--slo=p90<100ms"});
  EXPECT_EQ(seen.report.at("answered"), 1000);
  EXPECT_GE(seen.report.at("latency_us").at("max"), 390'000);
  EXPECT_GE(seen.report.at("latency_us").at("p90"), 290'000);
  EXPECT_THAT(seen.ended.out, HasSubstr("[MISSED] p90<100ms"));
}

TEST_F(CheatingServersTest, OneThatIsFrozenInTheMiddleMissesItsObjective) {
  // The window is full meanwhile: what could not even be sent counts too.
  const Seen seen = Load({Kind::kFreezes, 300, absl::Milliseconds(400)},
                         {"--rate=1000", "--duration=1s",
                          "--max_outstanding=50", "--slo=p90<100ms"});
  EXPECT_EQ(seen.report.at("answered"), 1000);
  EXPECT_GE(seen.report.at("latency_us").at("p90"), 290'000);
  EXPECT_GT(seen.report.at("generator").at("held"), 200);
  EXPECT_THAT(seen.ended.out, HasSubstr("[MISSED] p90<100ms"));
}

TEST_F(CheatingServersTest, OneThatIsFrozenUntilAfterTheEndIsExitFour) {
  for (const char* arrivals : {"--nopoisson", "--poisson"}) {
    const Seen seen =
        Load({Kind::kFreezes, 350, absl::Seconds(2)},
             {"--rate=1000", "--duration=1s", "--max_outstanding=50", arrivals,
              "--seed=7", "--slo=p50<100ms"});
    EXPECT_EQ(seen.ended.exit_code, 4) << seen.ended.out;
    const uint64_t sent = seen.report.at("messages");
    const uint64_t unsent = seen.report.at("unsent");
    EXPECT_EQ(seen.report.at("answered"), sent);
    EXPECT_GE(sent, 390);
    EXPECT_LE(sent, 420);
    EXPECT_NEAR(static_cast<double>(sent + unsent), 1000, 100);
    // Those due in the last 0.6 s waited until the freeze was over, at 2.3 s.
    EXPECT_GE(seen.report.at("latency_us").at("p50"), 1'300'000);
    EXPECT_FALSE(seen.report.at("generator").at("kept_schedule"));
    EXPECT_THAT(seen.ended.out,
                AllOf(HasSubstr("UNSENT"), HasSubstr("never sent"),
                      HasSubstr("[MISSED] p50<100ms")));
  }
}

TEST_F(CheatingServersTest, LinesThatWereDueAndNotSentAreExitFourToo) {
  const std::string lines = testing::TempDir() + "/lines.txt";
  std::string text;
  for (int i = 0; i < 1000; ++i) absl::StrAppend(&text, "line ", i, "\n");
  WriteFile(lines, text);
  const Seen seen =
      Load({Kind::kFreezes, 350, absl::Seconds(2)},
           {"--rate=1000", "--duration=900ms", "--max_outstanding=50",
            "--input=" + lines, "--slo=p50<100ms"});
  EXPECT_EQ(seen.ended.exit_code, 4) << seen.ended.out;
  const uint64_t sent = seen.report.at("messages");
  const uint64_t unsent = seen.report.at("unsent");
  EXPECT_EQ(sent + unsent, 900);
  EXPECT_GE(seen.report.at("latency_us").at("p50"), 1'300'000);
}

TEST_F(CheatingServersTest, OneThatDoublesIsCaughtWithEachDouble) {
  const Seen seen = Load({Kind::kDoubles, 70}, {"--n=100"});
  EXPECT_EQ(seen.ended.exit_code, 1) << seen.ended.out;
  EXPECT_EQ(seen.report.at("answered"), 100);
  EXPECT_EQ(seen.report.at("duplicated"), 30);
  EXPECT_EQ(seen.report.at("verdict"), "FAILED");
  EXPECT_THAT(seen.ended.out,
              AllOf(HasSubstr("30 duplicated"),
                    HasSubstr("the result of message 71 twice")));
}

TEST_F(CheatingServersTest, OneThatReordersIsCaught) {
  const Seen seen =
      Load({Kind::kReorders, 100},
           {"--n=1000", "--stall_timeout=1s", "--give_up_after=500ms"});
  EXPECT_EQ(seen.ended.exit_code, 1) << seen.ended.out;
}

TEST_F(CheatingServersTest, OneThatChangesAByteIsCaught) {
  const Seen seen = Load({Kind::kWrongPayload, 600}, {"--n=1000"});
  EXPECT_EQ(seen.ended.exit_code, 1);
  EXPECT_EQ(seen.report.at("wrong"), 400);
  EXPECT_THAT(seen.ended.out, HasSubstr("stream 0, message 601"));
}

TEST_F(CheatingServersTest, OneThatClosesEarlyIsCaught) {
  const Seen seen =
      Load({Kind::kClosesEarly, 100},
           {"--n=1000", "--stall_timeout=1s", "--give_up_after=500ms"});
  EXPECT_EQ(seen.ended.exit_code, 1) << seen.ended.out;
  EXPECT_EQ(seen.report.at("answered"), 100);
  EXPECT_GT(seen.report.at("lost"), 0);
}

TEST_F(CheatingServersTest, OneThatDripsMissesItsObjectiveOrTheSchedule) {
  const Cheat drip{Kind::kDrips, 0, absl::Milliseconds(20)};
  const Seen closed = Load(drip, {"--n=50", "--slo=throughput>1k"});
  EXPECT_EQ(closed.ended.exit_code, 3) << closed.ended.out;
  const Seen open = Load(drip, {"--rate=1000", "--duration=500ms",
                                "--max_outstanding=10", "--slo=p90<100ms"});
  EXPECT_EQ(open.ended.exit_code, 4) << open.ended.out;
  EXPECT_EQ(static_cast<uint64_t>(open.report.at("messages")) +
                static_cast<uint64_t>(open.report.at("unsent")),
            500);
  EXPECT_THAT(open.ended.out, HasSubstr("[MISSED] p90<100ms"));
}

// A server frozen for T within D at an even rate R: of the R*D messages those
// due during the freeze wait for what is left of it, so (1 - q) of all waited
// longer than T - (1 - q) * D.
TEST_F(CheatingServersTest, PercentilesOfAFrozenServerAreWhatArithmeticSays) {
  constexpr double kSeconds = 2;
  for (const char* window :
       {"--max_outstanding=10000", "--max_outstanding=20"}) {
    const Seen seen = Load({Kind::kFreezes, 500, absl::Milliseconds(900)},
                           {"--rate=1000", "--duration=2s", window});
    ASSERT_EQ(seen.report.at("answered"), 2000) << seen.ended.out;
    const double frozen = absl::ToDoubleSeconds(seen.froze_for);
    for (const auto& [name, quantile] :
         {std::pair("p90", 0.9), {"p99", 0.99}, {"p999", 0.999}}) {
      const double expected = frozen - (1 - quantile) * kSeconds;
      const double found =
          static_cast<double>(seen.report.at("latency_us").at(name)) / 1e6;
      // Never less, but for the histogram's error and a message's interval.
      EXPECT_GE(found, expected * (1 - 1.0 / 1024) - 0.002) << name << window;
      // What the machine adds after the freeze is the server's delay as well.
      EXPECT_LE(found, expected + 0.5) << name << window;
    }
  }
}

}  // namespace
}  // namespace msgproc::loadgen
