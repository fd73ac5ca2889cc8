#include "tools/loadgen/schedule/pacer.h"

#include <cstddef>
#include <cstdint>
#include <limits>
#include <utility>
#include <vector>

#include "gtest/gtest.h"

namespace msgproc::loadgen {
namespace {

constexpr int64_t kFarFuture = std::numeric_limits<int64_t>::max();

// Sends everything due at `now`; (stream, intended) of each.
std::vector<std::pair<int, int64_t>> SendAll(Pacer* pacer, int64_t now) {
  std::vector<std::pair<int, int64_t>> sent;
  while (const Pacer::Due* due = pacer->Earliest(now)) {
    sent.emplace_back(due->stream, due->intended);
    pacer->Sent();
  }
  return sent;
}

TEST(PacerTest, NothingIsDueBeforeItsTime) {
  Pacer pacer(1, 1e6, Arrivals::kUniform, 5000, 1);
  EXPECT_EQ(pacer.Earliest(4999), nullptr);
  EXPECT_EQ(pacer.NextTime(), 5000);
  EXPECT_NE(pacer.Earliest(5000), nullptr);
}

TEST(PacerTest, StreamsInterleaveEvenlyAtTheWholeRate) {
  Pacer pacer(2, 1e6, Arrivals::kUniform, 0, 1);
  EXPECT_EQ(SendAll(&pacer, 3999),
            (std::vector<std::pair<int, int64_t>>{
                {0, 0}, {1, 1000}, {0, 2000}, {1, 3000}}));
  EXPECT_EQ(pacer.NextTime(), 4000);
}

TEST(PacerTest, ALateCallerGetsEverythingWithItsIntendedTime) {
  Pacer pacer(1, 1e3, Arrivals::kUniform, 0, 1);
  const auto sent = SendAll(&pacer, 1'000'000'000);
  ASSERT_EQ(sent.size(), 1001U);
  EXPECT_EQ(sent[1].second, 1'000'000);
  EXPECT_EQ(sent[1000].second, 1'000'000'000);
}

TEST(PacerTest, AHeldStreamDoesNotHoldTheOthersBack) {
  Pacer pacer(2, 1e6, Arrivals::kUniform, 0, 1);
  ASSERT_EQ(pacer.Earliest(0)->stream, 0);
  pacer.Hold();
  EXPECT_EQ(pacer.held(), std::vector<int>{0});
  EXPECT_EQ(SendAll(&pacer, 5000), (std::vector<std::pair<int, int64_t>>{
                                       {1, 1000}, {1, 3000}, {1, 5000}}));
}

TEST(PacerTest, AReleasedStreamSendsWhatItMissedWithTheIntendedTimes) {
  Pacer pacer(1, 1e6, Arrivals::kUniform, 0, 1);
  ASSERT_NE(pacer.Earliest(0), nullptr);
  pacer.Hold();
  EXPECT_EQ(pacer.Earliest(2500), nullptr);
  EXPECT_EQ(pacer.NextTime(), kFarFuture);
  pacer.Release(0, 2500);
  std::vector<std::pair<int64_t, bool>> sent;
  while (const Pacer::Due* due = pacer.Earliest(3000)) {
    sent.emplace_back(due->intended, due->held);
    pacer.Sent();
  }
  // The one due after the release is late by nobody's fault but our own.
  EXPECT_EQ(sent, (std::vector<std::pair<int64_t, bool>>{
                      {0, true}, {1000, true}, {2000, true}, {3000, false}}));
}

TEST(PacerTest, WhatIsDueAtTheMomentOfTheReleaseWasHeld) {
  Pacer pacer(1, 1e6, Arrivals::kUniform, 0, 1);
  ASSERT_NE(pacer.Earliest(0), nullptr);
  pacer.Hold();
  pacer.Release(0, 0);
  ASSERT_NE(pacer.Earliest(0), nullptr);
  EXPECT_TRUE(pacer.Earliest(0)->held);
}

TEST(PacerTest, OneOfTwoHeldStreamsIsReleasedAndTheOtherStays) {
  Pacer pacer(2, 1e6, Arrivals::kUniform, 0, 1);
  for (int i = 0; i < 2; ++i) {
    ASSERT_NE(pacer.Earliest(1000), nullptr);
    pacer.Hold();
  }
  pacer.Release(0, 1000);
  EXPECT_EQ(pacer.held(), std::vector<int>{1});
  EXPECT_EQ(pacer.Earliest(1000)->stream, 0);
  pacer.Release(0, 1000);
  EXPECT_EQ(pacer.held(), std::vector<int>{1}) << "it was not held any more";
  pacer.Release(1, 1000);
  EXPECT_TRUE(pacer.held().empty());
}

TEST(PacerTest, OneMessageInAThousandYearsOverflowsNothing) {
  Pacer pacer(4, 1e-300, Arrivals::kUniform, 1000, 1);
  const auto backlogs = pacer.Backlogs(kFarFuture, [](int) { return 1; });
  ASSERT_EQ(backlogs.size(), 4U);
  // A century is shared out among the streams.
  for (int i = 0; i < 4; ++i) {
    EXPECT_NEAR(static_cast<double>(backlogs[i].oldest.next()), i * 0.75e18,
                1e15);
  }
}

TEST(PacerTest, PoissonStreamsTogetherKeepTheRate) {
  Pacer pacer(8, 1e6, Arrivals::kPoisson, 0, 42);
  EXPECT_GT(pacer.NextTime(), 0) << "none is due at the start by itself";
  const auto sent = SendAll(&pacer, 100'000'000);
  EXPECT_NEAR(static_cast<double>(sent.size()), 100'000, 2'000);
  for (size_t i = 1; i < sent.size(); ++i) {
    ASSERT_LE(sent[i - 1].second, sent[i].second);
  }
}

TEST(PacerTest, ItIsFinishedWhenEveryStreamIs) {
  Pacer pacer(2, 1e6, Arrivals::kUniform, 0, 1);
  ASSERT_NE(pacer.Earliest(0), nullptr);
  pacer.Finish();
  EXPECT_FALSE(pacer.finished());
  ASSERT_EQ(pacer.Earliest(1000)->stream, 1);
  pacer.Finish();
  EXPECT_TRUE(pacer.finished());
  EXPECT_EQ(pacer.Earliest(kFarFuture), nullptr);
}

TEST(PacerTest, WhatWasDueAndNotSentIsOwed) {
  Pacer pacer(2, 1e6, Arrivals::kUniform, 0, 1);
  ASSERT_EQ(pacer.Earliest(0)->stream, 0);
  pacer.Sent();
  ASSERT_EQ(pacer.Earliest(1000)->stream, 1);
  pacer.Hold();
  // Stream 0 is due at 2000, 4000, ..., and stream 1, held, since 1000.
  const auto backlogs =
      pacer.Backlogs(10'000, [](int stream) { return stream == 0 ? 3 : 99; });
  ASSERT_EQ(backlogs.size(), 2U);
  EXPECT_EQ(backlogs[0].oldest.next(), 2000);
  EXPECT_EQ(backlogs[0].messages, 3U);
  EXPECT_EQ(backlogs[1].oldest.next(), 1000);
  EXPECT_EQ(backlogs[1].messages, 5U);
}

TEST(PacerTest, AStreamThatHasSentItsShareOwesNothing) {
  Pacer pacer(1, 1e6, Arrivals::kUniform, 0, 1);
  ASSERT_NE(pacer.Earliest(0), nullptr);
  pacer.Finish();
  EXPECT_TRUE(pacer.Backlogs(kFarFuture, [](int) { return 0; }).empty());
}

}  // namespace
}  // namespace msgproc::loadgen
