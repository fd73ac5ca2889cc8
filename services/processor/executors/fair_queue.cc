#include "services/processor/executors/fair_queue.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "common/check.h"

namespace msgproc::processor {
namespace {

constexpr absl::Duration kTidyEvery = absl::Seconds(1);

}  // namespace

void FairQueue::Push(std::unique_ptr<Batch> batch, absl::Time now) {
  MSGPROC_CHECK(batch != nullptr);
  Session& session = sessions_[batch->session_number];
  session.last_active = now;
  session.waiting.push_back(std::move(batch));
  if (session.waiting.size() == 1) turns_.push_back(&session);
  MSGPROC_DCHECK(CheckInvariants());
}

size_t FairQueue::MaxThreadsOfOne() const {
  return sessions_.size() > 1 ? (threads_ + 1) / 2 : threads_;
}

std::unique_ptr<Batch> FairQueue::Pop(absl::Time now) {
  Tidy(now);
  const size_t most = MaxThreadsOfOne();
  const auto turn = std::find_if(
      turns_.begin(), turns_.end(),
      [most](const Session* session) { return session->running < most; });
  if (turn == turns_.end()) return nullptr;
  Session* session = *turn;
  turns_.erase(turn);
  MSGPROC_CHECK(!session->waiting.empty());
  std::unique_ptr<Batch> batch = std::move(session->waiting.front());
  session->waiting.pop_front();
  ++session->running;
  if (!session->waiting.empty()) turns_.push_back(session);
  MSGPROC_DCHECK(CheckInvariants());
  return batch;
}

void FairQueue::OnDone(uint64_t session_number, absl::Time now) {
  const auto session = sessions_.find(session_number);
  MSGPROC_CHECK(session != sessions_.end());
  MSGPROC_CHECK_GT(session->second.running, 0u);
  --session->second.running;
  session->second.last_active = now;
  MSGPROC_DCHECK(CheckInvariants());
}

bool FairQueue::CheckInvariants() const {
  size_t waiting = 0;
  for (const auto& [number, session] : sessions_) {
    MSGPROC_CHECK_LE(session.running, threads_);
    if (!session.waiting.empty()) ++waiting;
  }
  MSGPROC_CHECK_EQ(waiting, turns_.size());
  for (const Session* session : turns_) {
    MSGPROC_CHECK(!session->waiting.empty());
  }
  return true;
}

void FairQueue::Tidy(absl::Time now) {
  if (now < next_tidy_) return;
  next_tidy_ = now + kTidyEvery;
  for (auto it = sessions_.begin(); it != sessions_.end();) {
    const Session& session = it->second;
    const bool gone = session.waiting.empty() && session.running == 0 &&
                      now - session.last_active > kPresence;
    it = gone ? sessions_.erase(it) : std::next(it);
  }
}

std::vector<std::unique_ptr<Batch>> FairQueue::TakeAll() {
  std::vector<std::unique_ptr<Batch>> taken;
  for (Session* session : turns_) {
    for (auto& batch : session->waiting) taken.push_back(std::move(batch));
    session->waiting.clear();
  }
  turns_.clear();
  MSGPROC_DCHECK(CheckInvariants());
  return taken;
}

StateDump FairQueue::DumpOf(uint64_t session_number, absl::Time now) const {
  StateDump dump("processor::FairQueue",
                 {{"threads", threads_},
                  {"max_threads_of_one", MaxThreadsOfOne()},
                  {"sessions", sessions_.size()},
                  {"turns", turns_.size()}});
  const auto session = sessions_.find(session_number);
  if (session == sessions_.end()) return dump;
  dump.Add("session_waiting", session->second.waiting.size());
  dump.Add("session_running", session->second.running);
  dump.Add("session_last_active", When(session->second.last_active, now));
  return dump;
}

}  // namespace msgproc::processor
