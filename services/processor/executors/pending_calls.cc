#include "services/processor/executors/pending_calls.h"

#include <iterator>

#include "common/check.h"

namespace msgproc::processor {

PendingCalls::Ticket PendingCalls::Add(std::unique_ptr<Batch> batch,
                                       absl::Time now) {
  MSGPROC_CHECK(batch != nullptr);
  const absl::Time due = now + timeout_;
  MSGPROC_CHECK(pending_.empty() || pending_.rbegin()->second.due <= due);
  const Ticket ticket = ++last_;
  by_session_.emplace(batch->session_number, ticket);
  pending_.emplace_hint(pending_.end(), ticket, Pending{std::move(batch), due});
  return ticket;
}

std::unique_ptr<Batch> PendingCalls::Take(Ticket ticket) {
  const auto found = pending_.find(ticket);
  return found == pending_.end() ? nullptr : Take(found);
}

std::unique_ptr<Batch> PendingCalls::Take(Pendings::iterator pending) {
  std::unique_ptr<Batch> batch = std::move(pending->second.batch);
  by_session_.erase({batch->session_number, pending->first});
  pending_.erase(pending);
  return batch;
}

std::vector<std::unique_ptr<Batch>> PendingCalls::TakeDue(absl::Time now) {
  std::vector<std::unique_ptr<Batch>> due;
  while (!pending_.empty() && pending_.begin()->second.due <= now) {
    due.push_back(Take(pending_.begin()));
  }
  return due;
}

std::vector<std::unique_ptr<Batch>> PendingCalls::TakeUnwanted(
    uint64_t session) {
  std::vector<std::unique_ptr<Batch>> unwanted;
  auto it = by_session_.lower_bound({session, 0});
  while (it != by_session_.end() && it->first == session) {
    const auto pending = pending_.find(it->second);
    MSGPROC_CHECK(pending != pending_.end());
    ++it;
    if (!pending->second.batch->Wanted()) unwanted.push_back(Take(pending));
  }
  return unwanted;
}

std::vector<std::unique_ptr<Batch>> PendingCalls::TakeAll() {
  std::vector<std::unique_ptr<Batch>> all;
  while (!pending_.empty()) all.push_back(Take(pending_.begin()));
  return all;
}

bool PendingCalls::Wanted(Ticket ticket) const {
  const auto found = pending_.find(ticket);
  return found != pending_.end() && found->second.batch->Wanted();
}

absl::Time PendingCalls::NextDue() const {
  return pending_.empty() ? absl::InfiniteFuture()
                          : pending_.begin()->second.due;
}

bool PendingCalls::CheckInvariants() const {
  MSGPROC_CHECK_EQ(pending_.size(), by_session_.size());
  absl::Time before = absl::InfinitePast();
  for (const auto& [ticket, pending] : pending_) {
    MSGPROC_CHECK_LE(ticket, last_);
    MSGPROC_CHECK_LE(before, pending.due);
    before = pending.due;
    MSGPROC_CHECK(by_session_.count({pending.batch->session_number, ticket}) ==
                  1);
  }
  return true;
}

StateDump PendingCalls::DumpOf(uint64_t session, absl::Time now) const {
  StateDump dump("processor::PendingCalls",
                 {{"timeout", timeout_},
                  {"pending", pending_.size()},
                  {"next_due", When(NextDue(), now)}});
  const auto first = by_session_.lower_bound({session, 0});
  const auto end = by_session_.lower_bound({session + 1, 0});
  dump.Add("session_pending", std::distance(first, end));
  if (first == end) return dump;
  const Pending& oldest = pending_.at(first->second);
  dump.Add("session_first_position", oldest.batch->first_position);
  dump.Add("session_next_due", When(oldest.due, now));
  return dump;
}

}  // namespace msgproc::processor
