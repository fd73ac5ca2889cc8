#include "services/processor/session/memory_budget.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "common/check.h"
#include "services/processor/session/refusal.h"

namespace msgproc::processor {
namespace {

absl::string_view LevelName(MemoryBudget::Level level) {
  switch (level) {
    case MemoryBudget::Level::kFree:
      return "free";
    case MemoryBudget::Level::kHigh:
      return "high";
    case MemoryBudget::Level::kFull:
      return "full";
  }
  return "unknown";
}

}  // namespace

MemoryBudget::Level MemoryBudget::Next(Level level, size_t used,
                                       size_t budget) {
  if (budget == 0) return Level::kFree;
  const size_t eighth = budget / 8;
  if (used > budget) return Level::kFull;
  if (level == Level::kFull && used > budget - eighth) return Level::kFull;
  if (used > budget - eighth) return Level::kHigh;
  if (level != Level::kFree && used > budget - 2 * eighth) return Level::kHigh;
  return Level::kFree;
}

size_t MemoryBudget::FairShare() const {
  return std::max(kFloor, bytes_ / std::max<size_t>(1, holders()));
}

absl::Status MemoryBudget::Refused() const {
  return Marked(Refusal::kMemory,
                absl::UnavailableError(absl::StrCat(
                    "No memory for a new session: sessions hold ", used(),
                    " bytes of a budget of ", bytes(), ".")));
}

MemoryBudget::Held MemoryBudget::held() const {
  Held held;
  for (size_t i = 0; i < kKinds.size(); ++i) {
    held.*kKinds[i].bytes = used_by_kind_[i].load(std::memory_order_relaxed);
  }
  return held;
}

void MemoryBudget::Change(const Held& from_held, const Held& to_held,
                          int holders) {
  // Unsigned, so that a difference below zero is subtracted.
  for (size_t i = 0; i < kKinds.size(); ++i) {
    const size_t change = to_held.*kKinds[i].bytes - from_held.*kKinds[i].bytes;
    if (change == 0) continue;
    used_by_kind_[i].fetch_add(change, std::memory_order_relaxed);
  }
  const size_t from = from_held.sum();
  const size_t to = to_held.sum();
  const size_t before = used_.fetch_add(to - from, std::memory_order_relaxed);
  MSGPROC_CHECK_GE(before, from);
  if (holders != 0) {
    holders_.fetch_add(static_cast<size_t>(holders), std::memory_order_relaxed);
  }
  const Level level = this->level();
  if (Next(level, before + (to - from), bytes_) != level) Refresh();
}

void MemoryBudget::Refresh() {
  MutexLock lock(&mutex_);
  const Level next = Next(level(), used(), bytes_);
  if (next == level()) return;
  level_.store(next, std::memory_order_relaxed);
  changes_.fetch_add(1, std::memory_order_relaxed);
}

StateDump MemoryBudget::Dump() const {
  StateDump dump("processor::MemoryBudget", {{"bytes", bytes_},
                                             {"level", LevelName(level())},
                                             {"used", used()},
                                             {"holders", holders()},
                                             {"fair_share", FairShare()},
                                             {"changes", changes()}});
  const Held held = this->held();
  for (const Kind& kind : kKinds) {
    dump.Add(absl::StrCat("used_by_", kind.name), held.*kind.bytes);
  }
  return dump;
}

}  // namespace msgproc::processor
