#include "tools/loadgen/plan/plan.h"

#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_split.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "services/base/setting_name.h"

namespace msgproc::loadgen {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

TEST(PlanTest, WithoutFlagsTenThousandMessagesAreSent) {
  const auto plan = MakePlan(Options());
  ASSERT_TRUE(plan.ok()) << plan.status();
  EXPECT_EQ(plan->measured.messages, 10'000U);
  EXPECT_EQ(plan->measured.duration, absl::InfiniteDuration());
  EXPECT_TRUE(plan->warmup.empty());
  EXPECT_FALSE(plan->open_loop());
  EXPECT_EQ(plan->expectation, Expectation::kEcho);
}

TEST(PlanTest, ADurationAloneDoesNotLimitTheNumber) {
  Options options;
  options.duration = absl::Seconds(5);
  EXPECT_EQ(MakePlan(options)->measured.messages, Phase::kUnlimited);
  options.n = 100;
  const auto both = MakePlan(options);
  EXPECT_EQ(both->measured.messages, 100U);
  EXPECT_EQ(both->measured.duration, absl::Seconds(5));
}

TEST(PlanTest, AllLinesOfAnInputAreSentUnlessLimited) {
  Options options;
  options.input = "-";
  EXPECT_EQ(MakePlan(options)->measured.messages, Phase::kUnlimited);
  options.n = 3;
  EXPECT_EQ(MakePlan(options)->measured.messages, 3U);
}

TEST(PlanTest, QuotasAddUpToTheWhole) {
  Phase phase;
  phase.messages = 10;
  uint64_t sum = 0;
  for (int stream = 0; stream < 4; ++stream) sum += phase.Quota(stream, 4);
  EXPECT_EQ(sum, 10U);
  EXPECT_EQ(phase.Quota(0, 4), 3U);
  EXPECT_EQ(phase.Quota(3, 4), 2U);
  EXPECT_EQ(Phase().Quota(0, 4), Phase::kUnlimited);
}

TEST(PlanTest, WarmupIsATimeOrANumber) {
  EXPECT_EQ(ParseWarmup("5000")->messages, 5000U);
  EXPECT_EQ(ParseWarmup("2s")->duration, absl::Seconds(2));
  EXPECT_EQ(ParseWarmup("2s")->messages, Phase::kUnlimited);
  EXPECT_TRUE(ParseWarmup("")->empty());
  EXPECT_TRUE(ParseWarmup("0")->empty());
  EXPECT_TRUE(ParseWarmup("0s")->empty());
  EXPECT_THAT(std::string(ParseWarmup("soon").status().message()),
              HasSubstr("soon: give a length of time"));
  EXPECT_FALSE(ParseWarmup("-2s").ok());
}

TEST(PlanTest, BalancersAreAList) {
  Options options;
  options.balancer = "a:1, b:2,";
  EXPECT_THAT(MakePlan(options)->balancers, ElementsAre("a:1", "b:2"));
}

TEST(PlanTest, ASeedIsChosenUnlessGiven) {
  Options options;
  EXPECT_NE(MakePlan(options)->asked.seed, 0U);
  options.seed = 7;
  EXPECT_EQ(MakePlan(options)->asked.seed, 7U);
}

TEST(PlanTest, LatenessIsLimitedToAMillisecondOrATenthOfTheDistance) {
  Options options;
  options.rate = 100'000;
  EXPECT_EQ(MakePlan(options)->LatenessLimit(), 1'000'000);
  options.rate = 10;
  EXPECT_EQ(MakePlan(options)->LatenessLimit(), 10'000'000);
}

struct Mistake {
  std::string says;
  void (*make)(Options*);
};

class PlanMistakes : public testing::TestWithParam<Mistake> {};

TEST_P(PlanMistakes, AreNamedWithTheirFlag) {
  Options options;
  options.setting_name = base::AsFlag;
  GetParam().make(&options);
  const auto plan = MakePlan(options);
  EXPECT_EQ(plan.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(plan.status().message()), HasSubstr(GetParam().says));
}

TEST(PlanTest, AllMistakesAreNamedAtOnceALineEach) {
  Options options;
  options.setting_name = base::AsFlag;
  options.n = 0;
  options.connections = -1;
  options.rate = -5;
  options.warmup = "x";
  options.slo = "p99";
  const absl::Status status = MakePlan(options).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  const std::vector<std::string> lines = absl::StrSplit(status.message(), '\n');
  EXPECT_THAT(lines, ElementsAre(HasSubstr("--connections=-1"),
                                 HasSubstr("--n=0"), HasSubstr("--rate=-5"),
                                 HasSubstr("--warmup=x"), HasSubstr("--slo")));
}

INSTANTIATE_TEST_SUITE_P(
    All, PlanMistakes,
    testing::Values(
        Mistake{"--n=0", [](Options* o) { o->n = 0; }},
        Mistake{"--target and --balancer",
                [](Options* o) { o->target = o->balancer = "a:1"; }},
        Mistake{"--connections=0", [](Options* o) { o->connections = 0; }},
        Mistake{"--streams_per_connection=-1",
                [](Options* o) { o->streams_per_connection = -1; }},
        Mistake{"at most 100000 streams",
                [](Options* o) {
                  o->connections = 1 << 20;
                  o->streams_per_connection = 1 << 20;
                }},
        Mistake{"--max_outstanding=0",
                [](Options* o) { o->max_outstanding = 0; }},
        Mistake{"--payload_bytes=",
                [](Options* o) { o->payload_bytes = uint64_t{1} << 40; }},
        Mistake{"--duration=-1s",
                [](Options* o) { o->duration = absl::Seconds(-1); }},
        Mistake{"--rate=-5", [](Options* o) { o->rate = -5; }},
        Mistake{"--rate=nan", [](Options* o) { o->rate = NAN; }},
        Mistake{"--poisson", [](Options* o) { o->poisson = true; }},
        Mistake{"--connect_timeout=0",
                [](Options* o) { o->connect_timeout = absl::ZeroDuration(); }},
        Mistake{"--output=x", [](Options* o) { o->output = "x"; }},
        Mistake{"--warmup and --input",
                [](Options* o) {
                  o->input = "x";
                  o->warmup = "1s";
                }},
        Mistake{"--warmup=x", [](Options* o) { o->warmup = "x"; }},
        Mistake{"--slo: \"p99\"", [](Options* o) { o->slo = "p99"; }},
        Mistake{"--locality: the zone of a locality is \"a b\"",
                [](Options* o) {
                  o->balancer = "localhost:1";
                  o->locality = "eu/a b";
                }},
        Mistake{"--locality is for balancers: give --balancer",
                [](Options* o) { o->locality = "eu/a"; }},
        Mistake{"--tls_cert and --tls_key",
                [](Options* o) { o->tls_cert = "x"; }}));

TEST(PlanTest, AnOutboxIsOneStreamsOfLines) {
  Options options;
  options.outbox = "box";
  options.setting_name = base::AsFlag;
  EXPECT_THAT(std::string(MakePlan(options).status().message()),
              HasSubstr("--outbox=box keeps the lines of --input"));
  options.input = "lines";
  EXPECT_TRUE(MakePlan(options).ok());
  options.connections = 2;
  EXPECT_FALSE(MakePlan(options).ok());
  options.connections = 1;
  options.streams_per_connection = 2;
  EXPECT_FALSE(MakePlan(options).ok());
}

}  // namespace
}  // namespace msgproc::loadgen
