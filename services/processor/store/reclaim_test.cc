#include "services/processor/store/reclaim.h"

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "wire/entry.h"
#include "wire/entry_log.h"
#include "wire/pieces.h"

namespace msgproc::processor {
namespace {

using testing::HasSubstr;

std::string Results(uint64_t first, uint64_t through) {
  wire::EntryLog log(first);
  for (uint64_t i = first; i <= through; ++i) wire::AppendResult(&log, i, "r");
  std::vector<wire::Piece> pieces;
  auto cursor = log.At(first);
  log.Take(&cursor, UINT64_MAX, SIZE_MAX, &pieces);
  std::string results;
  wire::AppendPieces(pieces, &results);
  return results;
}

Claimed Kept(uint64_t first, uint64_t through) {
  return {.epoch = 7,
          .committed_through = through,
          .outcomes = {{first, through, Results(first, through)}}};
}

TEST(ReclaimTest, SaysWhatWasCommitted) {
  const Reclaimed reclaimed =
      ReadReclaimed(Kept(3, 8), {.received_through = 4});
  EXPECT_TRUE(reclaimed.ours);
  EXPECT_EQ(reclaimed.epoch, 7u);
  EXPECT_EQ(reclaimed.committed_through, 8u);
  EXPECT_EQ(reclaimed.results.first_position(), 5u);
  EXPECT_EQ(reclaimed.results.next_position(), 9u);
}

TEST(ReclaimTest, ASessionOfAnothersOrBrokenIsNotOurs) {
  Claimed another = Kept(1, 8);
  another.status = absl::AbortedError("another has it");
  EXPECT_FALSE(ReadReclaimed(another, {}).ours);
  Claimed broken = Kept(1, 8);
  broken.outcomes[0].results.pop_back();
  testing::internal::CaptureStderr();
  EXPECT_FALSE(
      ReadReclaimed(broken, {.session_id = "s", .trace_id = "0af7"}).ours);
  EXPECT_THAT(testing::internal::GetCapturedStderr(),
              HasSubstr(" session=s trace_id=0af7 why="));
}

// Answers each claim as it is told.
class FakeCommitter final : public SessionCommitter {
 public:
  const std::string& generation() const override { return generation_; }
  void ClaimSession(Claim claim, OnClaimed done) override {
    asked = std::move(claim);
    done(answer);
  }
  void OnReady(Key /*key*/, std::shared_ptr<CommitSource> /*source*/,
               const GroupCommit::Load& /*more*/) override {}
  void Submit(Key /*key*/, std::shared_ptr<CommitSource> /*source*/,
              std::unique_ptr<Batch> /*work*/) override {}

  absl::StatusOr<Claimed> answer = absl::UnavailableError("it stops");
  Claim asked;

 private:
  const std::string generation_ = "generation";
};

TEST(ReclaimTest, IsAnsweredOnceTheStoreHasAnswered) {
  FakeCommitter committer;
  int answered = 0;
  const auto ask = [&] {
    ReclaimSession(&committer,
                   {.session_id = "s", .received_through = 2, .anew = true},
                   [&](const Reclaimed& reclaimed) {
                     ++answered;
                     EXPECT_EQ(reclaimed.results.first_position(), 3u);
                   });
  };
  ask();
  EXPECT_EQ(answered, 0);
  committer.answer = Kept(1, 4);
  ask();
  EXPECT_EQ(answered, 1);
  EXPECT_EQ(committer.asked.session_id, "s");
}

}  // namespace
}  // namespace msgproc::processor
