#include "services/processor/admin/select_workers.h"

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "services/processor/workers/worker_facts.h"
#include "services/processor/workers/worker_life.h"
#include "wire/proto_duration.h"

namespace msgproc::processor {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

const absl::Time kNow = absl::UnixEpoch() + absl::Hours(1);

WorkerFacts Worker(int slot, WorkerId id) {
  WorkerFacts facts;
  facts.slot = slot;
  facts.id = id;
  facts.pid = static_cast<pid_t>(1000 + id);
  facts.phase = WorkerPhase::kServing;
  facts.started = kNow - absl::Minutes(3);
  facts.since = kNow - absl::Minutes(2);
  return facts;
}

std::vector<int> Pids(const admin::v1::ListWorkersResponse& page) {
  std::vector<int> pids;
  for (const auto& worker : page.workers()) pids.push_back(worker.pid());
  return pids;
}

TEST(SelectWorkersTest, SaysWhatIsKnownOfOne) {
  WorkerFacts facts = Worker(2, 9);
  facts.restarts = 4;
  facts.load = {.held_messages = 12,
                .sessions = 3,
                .oldest = kNow - absl::Milliseconds(250)};
  facts.messages = 77;
  facts.memory = 4096;
  facts.last_exit = "signal 9 (Killed)";
  facts.exited = kNow - absl::Minutes(4);
  const auto page = SelectWorkers({}, {facts}, kNow);
  ASSERT_TRUE(page.ok());
  ASSERT_EQ(page->workers_size(), 1);
  EXPECT_EQ(page->serving(), 1u);
  const admin::v1::Worker& worker = page->workers(0);
  EXPECT_EQ(worker.slot(), 2u);
  EXPECT_EQ(worker.pid(), 1009);
  EXPECT_EQ(worker.state(), admin::v1::WORKER_STATE_SERVING);
  EXPECT_EQ(wire::FromProto(worker.age()), absl::Minutes(3));
  EXPECT_EQ(wire::FromProto(worker.state_age()), absl::Minutes(2));
  EXPECT_EQ(worker.restarts(), 4u);
  EXPECT_EQ(worker.in_flight(), 12u);
  EXPECT_EQ(worker.sessions(), 3u);
  EXPECT_EQ(worker.messages(), 77u);
  EXPECT_EQ(wire::FromProto(worker.oldest_batch()), absl::Milliseconds(250));
  EXPECT_EQ(worker.last_exit(), "signal 9 (Killed)");
  EXPECT_EQ(wire::FromProto(worker.last_exit_age()), absl::Minutes(4));
  EXPECT_EQ(worker.memory(), 4096u);
}

TEST(SelectWorkersTest, LeavesOutWhatThereIsNot) {
  const auto page = SelectWorkers({}, {WorkerFacts()}, kNow);
  ASSERT_TRUE(page.ok());
  ASSERT_EQ(page->workers_size(), 1);
  EXPECT_EQ(page->serving(), 0u);
  const admin::v1::Worker& worker = page->workers(0);
  EXPECT_EQ(worker.state(), admin::v1::WORKER_STATE_ABSENT);
  EXPECT_FALSE(worker.has_age());
  EXPECT_FALSE(worker.has_state_age());
  EXPECT_FALSE(worker.has_oldest_batch());
  EXPECT_FALSE(worker.has_last_exit_age());
}

TEST(SelectWorkersTest, EveryPhaseHasItsState) {
  std::vector<WorkerFacts> all;
  for (const WorkerPhase phase :
       {WorkerPhase::kStarting, WorkerPhase::kServing, WorkerPhase::kRetiring,
        WorkerPhase::kLeaving, WorkerPhase::kKilled, WorkerPhase::kGone}) {
    all.push_back(Worker(static_cast<int>(all.size()), 1));
    all.back().phase = phase;
  }
  const auto page = SelectWorkers({}, all, kNow);
  ASSERT_TRUE(page.ok());
  std::vector<int> states;
  for (const auto& worker : page->workers()) states.push_back(worker.state());
  EXPECT_THAT(states, ElementsAre(admin::v1::WORKER_STATE_STARTING,
                                  admin::v1::WORKER_STATE_SERVING,
                                  admin::v1::WORKER_STATE_RETIRING,
                                  admin::v1::WORKER_STATE_LEAVING,
                                  admin::v1::WORKER_STATE_KILLED,
                                  admin::v1::WORKER_STATE_ABSENT));
}

TEST(SelectWorkersTest, PagesFollowEachOther) {
  const std::vector<WorkerFacts> all = {Worker(0, 1), Worker(0, 5),
                                        Worker(1, 2), Worker(10, 3)};
  admin::v1::ListWorkersRequest request;
  request.set_page_size(2);
  auto page = SelectWorkers(request, all, kNow);
  ASSERT_TRUE(page.ok());
  EXPECT_THAT(Pids(*page), ElementsAre(1001, 1005));
  // Of all pages.
  EXPECT_EQ(page->serving(), 4u);
  EXPECT_EQ(page->next_page_token(), "0/5");
  request.set_page_token(page->next_page_token());
  page = SelectWorkers(request, all, kNow);
  ASSERT_TRUE(page.ok());
  EXPECT_THAT(Pids(*page), ElementsAre(1002, 1003));
  EXPECT_EQ(page->next_page_token(), "");
  EXPECT_EQ(page->serving(), 4u);
  // The one that the page before ended with has gone.
  request.set_page_token("0/7");
  page = SelectWorkers(request, all, kNow);
  ASSERT_TRUE(page.ok());
  EXPECT_THAT(Pids(*page), ElementsAre(1002, 1003));
  request.set_page_token("10/3");
  page = SelectWorkers(request, all, kNow);
  ASSERT_TRUE(page.ok());
  EXPECT_THAT(Pids(*page), IsEmpty());
}

TEST(SelectWorkersTest, PagesHaveABound) {
  std::vector<WorkerFacts> all;
  for (int i = 0; i < 1001; ++i) all.push_back(Worker(i, 1));
  admin::v1::ListWorkersRequest request;
  EXPECT_EQ(SelectWorkers(request, all, kNow)->workers_size(), 100);
  request.set_page_size(1002);
  const auto page = SelectWorkers(request, all, kNow);
  EXPECT_EQ(page->workers_size(), 1000);
  EXPECT_EQ(page->next_page_token(), "999/1");
}

TEST(SelectWorkersTest, ATokenOfSomebodyElsesIsRefused) {
  for (const std::string token : {"1", "a/1", "1/b", "1/2/3", "/", "1/-1"}) {
    admin::v1::ListWorkersRequest request;
    request.set_page_token(token);
    EXPECT_TRUE(
        absl::IsInvalidArgument(SelectWorkers(request, {}, kNow).status()))
        << token;
  }
}

}  // namespace
}  // namespace msgproc::processor
