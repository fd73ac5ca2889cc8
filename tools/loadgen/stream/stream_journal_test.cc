#include "tools/loadgen/stream/stream_journal.h"

#include <optional>

#include "gtest/gtest.h"

namespace msgproc::loadgen {
namespace {

TEST(StreamJournalTest, ResultsBelongToTheServerThatTheyCameFrom) {
  StreamJournal journal;
  journal.Connected(0, "a", "host:1", 0, std::nullopt);
  journal.Disconnected(100);
  journal.Connected(200, "b", "host:2", 30, 150);
  const StreamJournal::Entries entries =
      journal.EndPhase(1000, 50, std::nullopt);
  ASSERT_EQ(entries.servers.size(), 2U);
  EXPECT_EQ(entries.servers.at("a").messages, 30U);
  EXPECT_EQ(entries.servers.at("a").streams, 0U);
  EXPECT_EQ(entries.servers.at("a").address, "host:1");
  EXPECT_EQ(entries.servers.at("b").messages, 20U);
  EXPECT_EQ(entries.servers.at("b").streams, 1U);
  EXPECT_EQ(entries.interruptions.count, 1U);
  EXPECT_EQ(entries.interruptions.longest, 50);
}

TEST(StreamJournalTest, APhaseDoesNotSeeWhatWasBefore) {
  StreamJournal journal;
  journal.Connected(0, "a", "host:1", 0, std::nullopt);
  journal.Disconnected(100);
  journal.Connected(200, "a", "host:1", 30, 100);
  journal.BeginPhase(40);
  const StreamJournal::Entries entries =
      journal.EndPhase(1000, 100, std::nullopt);
  EXPECT_EQ(entries.servers.at("a").messages, 60U);
  EXPECT_EQ(entries.interruptions.count, 0U);
}

TEST(StreamJournalTest, AnInterruptionThatLastsIsCountedToTheEnd) {
  StreamJournal journal;
  journal.Connected(0, "a", "host:1", 0, std::nullopt);
  journal.Disconnected(100);
  EXPECT_EQ(journal.EndPhase(1100, 0, 50).interruptions.longest, 1000);
}

TEST(StreamJournalTest, AServerWithoutAnIdGoesByItsAddress) {
  StreamJournal journal;
  journal.Connected(0, "", "host:1", 0, std::nullopt);
  EXPECT_EQ(journal.EndPhase(10, 5, std::nullopt).servers.count("host:1"), 1U);
}

TEST(StreamJournalTest, TheFirstFailureIsTheOneReported) {
  StreamJournal journal;
  EXPECT_TRUE(journal.failure().ok());
  journal.Failed(absl::NotFoundError("no such handler"));
  journal.Failed(absl::CancelledError("and so on"));
  EXPECT_EQ(journal.failure().code(), absl::StatusCode::kNotFound);
}

}  // namespace
}  // namespace msgproc::loadgen
