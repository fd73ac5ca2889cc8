#include "services/processor/workers/session_ledger.h"

#include <algorithm>

#include "common/check.h"
#include "services/processor/workers/work_item.h"

namespace msgproc::processor {
namespace {

constexpr absl::Duration kFirstPause = absl::Milliseconds(10);
constexpr absl::Duration kLongestPause = absl::Seconds(1);
constexpr int kMaxDoublings = 7;
// A session that has had nothing to do for this long is no longer there, when
// workers are shared out.
constexpr absl::Duration kIdle = absl::Seconds(10);

}  // namespace

void SessionLedger::AddHeld(uint64_t worker) {
  MSGPROC_CHECK_NE(worker, 0u);
  for (auto& [id, items] : held_) {
    if (id == worker) {
      ++items;
      return;
    }
  }
  held_.emplace_back(worker, 1);
}

void SessionLedger::RemoveHeld(uint64_t worker) {
  const auto held =
      std::find_if(held_.begin(), held_.end(),
                   [worker](const auto& each) { return each.first == worker; });
  MSGPROC_CHECK(held != held_.end());
  if (--held->second == 0) held_.erase(held);
}

bool SessionLedger::HoldsOn(uint64_t worker) const {
  return std::any_of(held_.begin(), held_.end(), [worker](const auto& each) {
    return each.first == worker;
  });
}

void SessionLedger::OnOwnDeath(absl::Time now) {
  ++deaths_;
  ++own_deaths_;
  watched_until_ = now + kWatch;
  const int beyond = own_deaths_ - kFreeDeaths;
  if (beyond <= 0) return;
  not_before_ =
      now + std::min(kLongestPause,
                     kFirstPause * (1 << std::min(beyond - 1, kMaxDoublings)));
}

bool SessionLedger::CheckInvariants() const {
  MSGPROC_CHECK_GE(suspects_open, suspects.size());
  // What may share a worker, and what may not.
  for (const WorkItem* item : waiting) MSGPROC_CHECK(!item->suspect);
  for (const WorkItem* item : suspects) MSGPROC_CHECK(item->suspect);
  // A session with something to give out has its turn somewhere.
  MSGPROC_CHECK(queued || waiting.empty());
  MSGPROC_CHECK(watched || suspects.empty());
  for (const auto& [worker, items] : held_) MSGPROC_CHECK_GT(items, 0);
  MSGPROC_CHECK_LE(own_deaths_, deaths_);
  return true;
}

bool SessionLedger::Tainted(absl::Time now) {
  if (deaths_ == 0) return false;
  if (suspects_open > 0 || now < watched_until_) return true;
  deaths_ = 0;
  own_deaths_ = 0;
  return false;
}

bool SessionLedger::Forgettable(absl::Time now) {
  return waiting.empty() && suspects_open == 0 && held_.empty() && !queued &&
         !watched && !Tainted(now) && now - last_active > kIdle;
}

StateDump SessionLedger::Dump(absl::Time now) const {
  return StateDump("processor::SessionLedger",
                   {{"waiting", waiting.size()},
                    {"suspects", suspects.size()},
                    {"suspects_open", suspects_open},
                    {"workers", held_.size()},
                    {"deaths", deaths_},
                    {"own_deaths", own_deaths_},
                    {"queued", queued},
                    {"watched", watched},
                    {"watched_until", When(watched_until_, now)},
                    {"not_before", When(not_before_, now)},
                    {"last_active", When(last_active, now)},
                    {"turn", turn}});
}

}  // namespace msgproc::processor
