#include "services/processor/store/commit_queue.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace msgproc::processor {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

// Has what the test says, and keeps what it is told.
class FakeSource final : public CommitSource {
 public:
  Claim ClaimAnew() const override { return {}; }
  SessionWrite TakeCommit(size_t max_bytes, bool with_results) override {
    taken.push_back(with_results);
    SessionWrite write = next;
    write.results = std::string(std::min<size_t>(max_bytes, 10), 'r');
    return write;
  }
  void OnCommitted(const SessionWrite& /*write*/, uint64_t epoch) override {
    told.push_back("committed " + std::to_string(epoch));
  }
  void OnNotCommitted(const SessionWrite& /*write*/, uint64_t epoch) override {
    told.push_back("not committed " + std::to_string(epoch));
  }
  void OnFenced(const SessionWrite& /*write*/) override {
    told.emplace_back("fenced");
  }

  SessionWrite next = {.epoch = 3, .first = 1, .through = 2};
  std::vector<bool> taken;
  std::vector<std::string> told;
};

class CommitQueueTest : public testing::Test {
 protected:
  void Claim(const std::string& session) {
    processor::Claim claim;
    claim.session_id = session;
    queue_.AddClaim({std::move(claim), [](const absl::StatusOr<Claimed>&) {}});
  }
  void Ready(CommitQueue::Key key) {
    queue_.OnReady(key, sources_[key], {.bytes = 1}, now_);
  }
  static std::vector<std::string> Names(const CommitQueue::Task& task) {
    std::vector<std::string> names;
    for (const auto& claim : task.claims) {
      names.push_back(claim.claim.session_id);
    }
    return names;
  }
  // The member of a task of one session.
  GroupMember Only(CommitQueue::Task* task) {
    auto members = Gather(task, 1000);
    EXPECT_THAT(members, SizeIs(1));
    return std::move(members.front());
  }
  std::vector<CommitQueue::Source> Done(const CommitQueue::Task& task,
                                        GroupMember member) {
    std::vector<GroupMember> members;
    members.push_back(std::move(member));
    return queue_.OnDone(task.group, std::move(members), now_);
  }

  absl::Time now_ = absl::UnixEpoch();
  CommitQueue queue_{{.max_groups = 2}};
  std::vector<std::shared_ptr<FakeSource>> sources_ = {
      std::make_shared<FakeSource>(), std::make_shared<FakeSource>(),
      std::make_shared<FakeSource>()};
  StoreCounters counters_;
};

TEST_F(CommitQueueTest, ThereIsNothingToDoAtFirst) {
  EXPECT_FALSE(queue_.HasTask());
  EXPECT_TRUE(queue_.NextTask().empty());
}

TEST_F(CommitQueueTest, ClaimsAndGroupsTakeTurns) {
  Claim("a");
  Ready(1);
  EXPECT_TRUE(queue_.HasTask());
  const CommitQueue::Task first = queue_.NextTask();
  EXPECT_THAT(Names(first), ElementsAre("a"));
  EXPECT_THAT(first.group, IsEmpty());
  Claim("b");
  const CommitQueue::Task second = queue_.NextTask();
  EXPECT_THAT(second.group, ElementsAre(1));
  EXPECT_THAT(second.claims, IsEmpty());
  Ready(2);
  EXPECT_THAT(Names(queue_.NextTask()), ElementsAre("b"));
  EXPECT_THAT(queue_.NextTask().group, ElementsAre(2));
  EXPECT_FALSE(queue_.HasTask());
}

TEST_F(CommitQueueTest, ASessionIsClaimedOnceInATask) {
  for (const char* session : {"a", "b", "a", "c"}) Claim(session);
  EXPECT_THAT(Names(queue_.NextTask()), ElementsAre("a", "b"));
  EXPECT_THAT(Names(queue_.NextTask()), ElementsAre("a", "c"));
}

TEST_F(CommitQueueTest, ManyClaimsAreMadeInSeveralTasks) {
  for (int i = 0; i < 300; ++i) Claim(std::to_string(i));
  EXPECT_THAT(queue_.NextTask().claims, SizeIs(256));
  EXPECT_THAT(queue_.NextTask().claims, SizeIs(44));
}

TEST_F(CommitQueueTest, WhatIsCommittedIsLetGo) {
  Ready(1);
  CommitQueue::Task task = queue_.NextTask();
  GroupMember member = Only(&task);
  EXPECT_EQ(member.epoch, 3U);
  EXPECT_THAT(sources_[1]->taken, ElementsAre(true));
  member.committed = true;
  std::vector<GroupMember> members;
  members.push_back(std::move(member));
  TellMembers(&members, &counters_);
  EXPECT_THAT(sources_[1]->told, ElementsAre("committed 3"));
  EXPECT_EQ(counters_.sessions_committed, 1U);
  EXPECT_EQ(counters_.bytes_committed, 10U);
  // What the queue had of it and what the group had.
  EXPECT_THAT(queue_.OnDone(task.group, std::move(members), now_), SizeIs(2));
  EXPECT_EQ(sources_[1].use_count(), 1);
  EXPECT_TRUE(queue_.TakeAll().sources.empty());
}

TEST_F(CommitQueueTest, WhatIsUndoneWaitsAgainWithItsSource) {
  Ready(1);
  CommitQueue::Task task = queue_.NextTask();
  GroupMember member = Only(&task);
  std::vector<GroupMember> members;
  members.push_back(std::move(member));
  TellMembers(&members, &counters_);
  EXPECT_THAT(sources_[1]->told, ElementsAre("not committed 3"));
  EXPECT_TRUE(queue_.OnDone(task.group, std::move(members), now_).empty());
  EXPECT_TRUE(queue_.HasTask());
  CommitQueue::Task again = queue_.NextTask();
  EXPECT_THAT(again.group, ElementsAre(1));
  EXPECT_EQ(Only(&again).source, sources_[1]);
}

TEST_F(CommitQueueTest, AFencedSessionHearsSoAndIsLetGo) {
  Ready(1);
  CommitQueue::Task task = queue_.NextTask();
  GroupMember member = Only(&task);
  member.part.fenced = true;
  std::vector<GroupMember> members;
  members.push_back(std::move(member));
  TellMembers(&members, &counters_);
  EXPECT_THAT(sources_[1]->told, ElementsAre("fenced"));
  EXPECT_EQ(counters_.fenced, 1U);
  EXPECT_EQ(counters_.sessions_committed, 0U);
  (void)queue_.OnDone(task.group, std::move(members), now_);
  EXPECT_FALSE(queue_.HasTask());
}

TEST_F(CommitQueueTest, WhatBecameReadyMeanwhileWaitsForTheNextGroup) {
  Ready(1);
  CommitQueue::Task task = queue_.NextTask();
  GroupMember member = Only(&task);
  Ready(1);
  EXPECT_TRUE(queue_.NextTask().empty()) << "one commit of a session at a time";
  member.committed = true;
  (void)Done(task, std::move(member));
  EXPECT_THAT(queue_.NextTask().group, ElementsAre(1));
}

TEST_F(CommitQueueTest, WhoHasNothingIsLeftOut) {
  sources_[1]->next = {.epoch = 3};
  Ready(1);
  Ready(2);
  CommitQueue::Task task = queue_.NextTask();
  EXPECT_THAT(task.group, ElementsAre(1, 2));
  const auto members = Gather(&task, 4);
  ASSERT_THAT(members, SizeIs(1));
  EXPECT_EQ(members[0].key, 2U);
  EXPECT_EQ(members[0].part.write.results, "rrrr");
  for (const SessionWrite& something :
       {SessionWrite{.trim_through = 1}, SessionWrite{.touch = true},
        SessionWrite{.finish = true}}) {
    sources_[0]->next = something;
    Ready(0);
    CommitQueue::Task next = queue_.NextTask();
    EXPECT_THAT(Gather(&next, 4), SizeIs(1));
    (void)queue_.OnDone(next.group, {}, now_);
  }
}

TEST_F(CommitQueueTest, WhoeverStopsGetsEverything) {
  Claim("a");
  Ready(1);
  const CommitQueue::Contents all = queue_.TakeAll();
  EXPECT_THAT(all.claims, SizeIs(1));
  EXPECT_THAT(all.sources, SizeIs(1));
}

TEST_F(CommitQueueTest, ClaimsOfOpenSessionsAreNotRefused) {
  CommitQueue queue({});
  queue.AddClaim({.claim = {.session_id = "new"}});
  queue.AddClaim({.claim = {.session_id = "open", .anew = true}});
  const auto refused = queue.TakeClaims();
  ASSERT_EQ(refused.size(), 1u);
  EXPECT_EQ(refused[0].claim.session_id, "new");
  ASSERT_EQ(queue.NextTask().claims.size(), 1u);
  queue.AddClaim({.claim = {.session_id = "open", .anew = true}});
  EXPECT_EQ(queue.TakeAll().claims.size(), 1u);
}

}  // namespace
}  // namespace msgproc::processor
