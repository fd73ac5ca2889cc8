#include "tests/simulation/outbox.h"

#include <cstddef>
#include <utility>

#include "common/check.h"

namespace msgproc::simulation {
namespace {

constexpr absl::Duration kThread = absl::Microseconds(20);
// What a transaction takes, on average.
constexpr absl::Duration kSync = absl::Milliseconds(2);

}  // namespace

Outbox::Outbox(Host* host, const Clock* clock, Random random, File* file,
               std::function<void(const absl::Status&)> on_written)
    : host_(host),
      clock_(clock),
      random_(random),
      file_(file),
      on_written_(std::move(on_written)),
      state_(file->session) {}

void Outbox::Take(uint64_t sequence, std::string payload) {
  state_.OnTaken(sequence, 1);
  taken_.emplace(sequence, std::move(payload));
  Wake();
}

void Outbox::OnDelivered(uint64_t through) {
  state_.OnDelivered(through, clock_->Now());
  Wake();
}

void Outbox::OnWelcome(const std::string& store_generation) {
  state_.OnWelcome(store_generation);
  Wake();
}

void Outbox::OnClosed(uint64_t last) {
  state_.OnClosed(last);
  Hurry();
}

void Outbox::Hurry() {
  state_.Hurry();
  Wake();
}

void Outbox::Wake() {
  if (in_flight_) return;
  host_->After(random_.UpTo(kThread), [this] { Write(); });
}

void Outbox::Write() {
  if (in_flight_) return;
  const absl::Time now = clock_->Now();
  if (state_.NextGroup(now, &group_)) {
    in_flight_ = true;
    host_->After(random_.About(kSync), [this] { OnSynced(); });
  } else if (const absl::Time due = state_.Due();
             due != absl::InfiniteFuture() && due > now) {
    host_->After(due - now, [this] { Write(); });
  }
}

void Outbox::OnSynced() {
  absl::Status status;
  if (std::exchange(file_->fails_next, false)) {
    // Nobody knows what it has left.
    if (random_.OneIn(2)) Apply();
    status = absl::UnavailableError("the outbox's disk is full");
    in_flight_ = false;
    state_.OnFailed(status);
    return on_written_(status);
  }
  Apply();
  in_flight_ = false;
  state_.OnWritten();
  on_written_(status);
  Wake();
}

void Outbox::Apply() {
  client::KeptSession& session = file_->session;
  for (uint64_t i = group_.first; i <= group_.through; ++i) {
    auto taken = taken_.extract(i);
    MSGPROC_CHECK(!taken.empty());
    session.messages.push_back({.payload = std::move(taken.mapped())});
  }
  if (group_.results != 0) {
    const auto gone =
        static_cast<std::ptrdiff_t>(group_.results - session.received_through);
    session.messages.erase(session.messages.begin(),
                           session.messages.begin() + gone);
    session.received_through = group_.results;
  }
  if (group_.welcomed) {
    session.welcomed = true;
    session.store_generation = group_.store_generation;
  }
  file_->ended = group_.ended;
}

void Outbox::Crash() {
  if (in_flight_ && random_.OneIn(2)) Apply();
}

}  // namespace msgproc::simulation
