#ifndef MSGPROC_SERVICES_PROCESSOR_SESSION_MEMORY_BUDGET_H_
#define MSGPROC_SERVICES_PROCESSOR_SESSION_MEMORY_BUDGET_H_

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "common/check.h"
#include "common/mutex.h"
#include "common/state_dump.h"

namespace msgproc::processor {

// How much all sessions together may hold, and who waits when it is too much.
// Holders say what they hold; what is decided follows from the sum, from how
// many hold something, and from what was decided before, so that it does not
// flutter at a bound.
//
// Each may hold as much as everybody's equal share of the budget, and kFloor
// always. Who holds more is not given more while the sum is high, anonymous
// ones first: where the sum exceeds the budget somebody exceeds the share.
// Thread-safe.
class MemoryBudget {
 public:
  static constexpr size_t kFloor = 64 << 10;
  // Changes that are smaller are not told.
  static constexpr size_t kGrain = 16 << 10;

  enum class Level {
    kFree,
    kHigh,  // Anonymous holders beyond their share are given no more.
    kFull,  // Nor are others; detached sessions go, and no new ones come.
  };

  // What is held, by kind.
  struct Held {
    size_t sessions = 0;  // By the session itself.
    size_t messages = 0;  // Accepted, and waiting.
    size_t batches = 0;   // With handlers.
    size_t results = 0;
    size_t reading = 0;  // The frame that may be on its way.
    size_t writing = 0;  // The frame that the client has not taken.

    size_t sum() const {
      return sessions + messages + batches + results + reading + writing;
    }
  };
  struct Kind {
    absl::string_view name;
    size_t Held::*bytes;
  };
  static constexpr std::array<Kind, 6> kKinds = {{
      {"sessions", &Held::sessions},
      {"messages", &Held::messages},
      {"batches", &Held::batches},
      {"results", &Held::results},
      {"reading", &Held::reading},
      {"writing", &Held::writing},
  }};

  // `bytes` 0: there is no budget, and nobody waits.
  explicit MemoryBudget(size_t bytes) : bytes_(bytes) {}
  MemoryBudget(const MemoryBudget&) = delete;
  MemoryBudget& operator=(const MemoryBudget&) = delete;

  // What one holder holds. Its own lock guards it. Ends before the budget.
  class Share {
   public:
    // `budget` may be null. `base`: what it takes while it holds nothing.
    Share(MemoryBudget* budget, size_t base) : budget_(budget) {
      told_by_kind_.sessions = base;
      if (budget_ != nullptr) budget_->Change({}, told_by_kind_, 0);
    }
    ~Share() {
      if (budget_ == nullptr) return;
      budget_->Change(told_by_kind_, {}, told_ > 0 ? -1 : 0);
    }
    Share(const Share&) = delete;
    Share& operator=(const Share&) = delete;

    // Beside its base, which is the session's.
    void Set(Held held) {
      MSGPROC_DCHECK_EQ(held.sessions, 0U);
      if (budget_ == nullptr) return;
      held.sessions = told_by_kind_.sessions;
      if (!WorthTelling(held)) return;
      // What is left of it is not worth being told.
      if (held.sum() - held.sessions < kGrain) {
        held = {.sessions = held.sessions};
      }
      const size_t before = std::exchange(told_, held.sum() - held.sessions);
      budget_->Change(std::exchange(told_by_kind_, held), held,
                      (told_ > 0 ? 1 : 0) - (before > 0 ? 1 : 0));
    }
    bool MayGrow(bool anonymous) const {
      return budget_ == nullptr || budget_->MayGrow(told_, anonymous);
    }
    // Whether it is to be read. `may_free`: what is read may let it hold less,
    // and will bring about `more`. Then it is read beyond its share as well, as
    // long as on the whole it does not grow.
    bool MayRead(bool anonymous, bool may_free, size_t more) {
      if (MayGrow(anonymous)) {
        least_ = SIZE_MAX;
        return true;
      }
      least_ = std::min(least_, told_);
      return may_free && told_ - least_ + more <= kFloor;
    }
    // How much of it may be results before its handlers pause.
    size_t ResultRoom(bool anonymous) const {
      return budget_ == nullptr || budget_->Free(anonymous)
                 ? SIZE_MAX
                 : budget_->FairShare();
    }

   private:
    // Whether the whole has changed, or what kind it is of.
    bool WorthTelling(const Held& held) const {
      const auto changed = [](size_t a, size_t b) {
        return (a > b ? a - b : b - a) >= kGrain;
      };
      return changed(held.sum(), told_by_kind_.sum()) ||
             std::any_of(kKinds.begin(), kKinds.end(), [&](const Kind& kind) {
               return changed(held.*kind.bytes, told_by_kind_.*kind.bytes);
             });
    }

    MemoryBudget* const budget_;
    size_t told_ = 0;  // Beside the base.
    Held told_by_kind_;
    // The least that it held since it may not grow.
    size_t least_ = SIZE_MAX;
  };

  // Whether one that holds `bytes` may be given more.
  bool MayGrow(size_t bytes, bool anonymous) const {
    return Free(anonymous) || bytes <= FairShare();
  }
  bool Full() const { return level() == Level::kFull; }
  // Decides anew. To be called now and then: of two changes at the same time
  // the older one may have decided last.
  void Refresh();

  // What who may not come is told: UNAVAILABLE, marked as kMemory.
  absl::Status Refused() const;

  size_t bytes() const { return bytes_; }
  size_t used() const { return used_.load(std::memory_order_relaxed); }
  // For people: of kinds that change at the same time, some may be older.
  Held held() const;
  size_t holders() const { return holders_.load(std::memory_order_relaxed); }
  Level level() const { return level_.load(std::memory_order_relaxed); }
  // How often the level has changed: who waits may have missed that.
  uint64_t changes() const { return changes_.load(std::memory_order_relaxed); }
  size_t FairShare() const;

  StateDump Dump() const;

  // What follows `level` where `used` bytes of `budget` are in use.
  static Level Next(Level level, size_t used, size_t budget);

 private:
  // Whether there is more for everybody.
  bool Free(bool anonymous) const {
    const Level level = this->level();
    return level == Level::kFree || (level == Level::kHigh && !anonymous);
  }
  void Change(const Held& from, const Held& to, int holders);

  const size_t bytes_;
  std::atomic<size_t> used_{0};
  std::array<std::atomic<size_t>, kKinds.size()> used_by_kind_{};
  std::atomic<size_t> holders_{0};
  std::atomic<Level> level_{Level::kFree};
  std::atomic<uint64_t> changes_{0};
  Mutex mutex_;  // Who changes the level.
};

}  // namespace msgproc::processor

#endif  // MSGPROC_SERVICES_PROCESSOR_SESSION_MEMORY_BUDGET_H_
