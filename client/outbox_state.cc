#include "client/outbox_state.h"

#include <algorithm>
#include <utility>

#include "common/check.h"

namespace msgproc::client {

OutboxState::OutboxState(const KeptSession& kept)
    : gone_through_(kept.received_through),
      kept_through_(kept.last_sequence()),
      welcomed_(kept.welcomed),
      store_generation_(kept.store_generation),
      taken_through_(kept_through_),
      delivered_through_(gone_through_),
      answered_(welcomed_),
      answered_generation_(store_generation_) {
  CheckInvariants();
}

void OutboxState::OnTaken(uint64_t first, uint64_t count) {
  MSGPROC_CHECK_GT(count, 0u);
  MSGPROC_CHECK_LT(taken_through_, first);
  MSGPROC_CHECK(!last_ || first + count - 1 <= *last_);
  const bool inserted = ahead_.emplace(first, first + count - 1).second;
  MSGPROC_CHECK(inserted);
  while (!ahead_.empty() && ahead_.begin()->first == taken_through_ + 1) {
    taken_through_ = ahead_.begin()->second;
    ahead_.erase(ahead_.begin());
  }
  CheckInvariants();
}

void OutboxState::OnDelivered(uint64_t through, absl::Time now) {
  MSGPROC_CHECK_LT(delivered_through_, through);
  const uint64_t going = in_flight_ ? group_.results : 0;
  if (delivered_through_ <= std::max(gone_through_, going)) delivered_at_ = now;
  delivered_through_ = through;
  CheckInvariants();
}

void OutboxState::OnWelcome(const std::string& store_generation) {
  answered_ = true;
  answered_generation_ = store_generation;
}

void OutboxState::OnClosed(uint64_t last) {
  MSGPROC_CHECK_LE(taken_through_, last);
  MSGPROC_CHECK(!last_ || last == *last_);
  last_ = last;
}

bool OutboxState::NextGroup(absl::Time now, Group* group) {
  if (in_flight_ || !status_.ok() || ended_) return false;
  Group next;
  next.first = kept_through_ + 1;
  next.through = taken_through_;
  if (delivered_through_ > gone_through_) next.results = delivered_through_;
  next.welcomed =
      answered_ && (!welcomed_ || answered_generation_ != store_generation_);
  if (next.welcomed) next.store_generation = answered_generation_;
  next.ended = last_ == delivered_through_;
  if (next.messages() == 0 && !next.welcomed && !next.ended) {
    if (next.results == 0 || (!hurry_ && now < Due())) return false;
  }
  if (next.results != 0) hurry_ = false;
  // What it delivered was kept before it was sent.
  MSGPROC_CHECK_LT(next.results, next.first);
  MSGPROC_CHECK(!next.ended || next.messages() == 0);
  in_flight_ = true;
  group_ = next;
  *group = std::move(next);
  return true;
}

void OutboxState::OnWritten() {
  MSGPROC_CHECK(in_flight_);
  in_flight_ = false;
  kept_through_ = group_.through;
  if (group_.results != 0) gone_through_ = group_.results;
  if (group_.welcomed) {
    welcomed_ = true;
    store_generation_ = std::move(group_.store_generation);
  }
  ended_ = group_.ended;
  CheckInvariants();
}

void OutboxState::OnFailed(absl::Status why) {
  MSGPROC_CHECK(in_flight_);
  MSGPROC_CHECK(!why.ok());
  in_flight_ = false;
  status_ = std::move(why);
}

void OutboxState::CheckInvariants() const {
  MSGPROC_CHECK_LE(gone_through_, delivered_through_);
  MSGPROC_CHECK_LE(delivered_through_, kept_through_);
  MSGPROC_CHECK_LE(kept_through_, taken_through_);
  MSGPROC_CHECK(welcomed_ || delivered_through_ == 0);
}

}  // namespace msgproc::client
