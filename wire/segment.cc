#include "wire/segment.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstdlib>
#include <new>

#include "common/mutex.h"

// Not every compiler brings the header along.
#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/asan_interface.h>

#include "common/check.h"
#else
#define ASAN_POISON_MEMORY_REGION(address, size) ((void)(address), (void)(size))
#define ASAN_UNPOISON_MEMORY_REGION(address, size) \
  ((void)(address), (void)(size))
#endif

namespace msgproc::wire {

// The segments of one size that are kept, last in first out: the last one is
// the likeliest to be in a cache still.
class Segment::Shelf {
 public:
  // Null: of this size none is kept.
  static Shelf* For(size_t capacity) {
    if (!std::has_single_bit(capacity) || capacity < kLeastKept ||
        capacity > kMostKept) {
      return nullptr;
    }
    return &shelves_[static_cast<size_t>(std::countr_zero(capacity) -
                                         std::countr_zero(kLeastKept))];
  }

  // Null: there is none.
  Segment* Take() {
    MutexLock lock(&mutex_);
    Segment* const segment = first_;
    if (segment == nullptr) return nullptr;
    MSGPROC_CHECK_GT(segments_, 0U);
    first_ = std::exchange(segment->next_, nullptr);
    --segments_;
    return segment;
  }

  // False: it is full.
  bool Put(Segment* segment) {
    MutexLock lock(&mutex_);
    if ((segments_ + 1) * segment->capacity_ > kKeptBytes) return false;
    MSGPROC_CHECK(segment->next_ == nullptr);
    segment->next_ = std::exchange(first_, segment);
    ++segments_;
    return true;
  }

  size_t segments() {
    MutexLock lock(&mutex_);
    return segments_;
  }

 private:
  static constexpr size_t kShelves =
      std::countr_zero(kMostKept) - std::countr_zero(kLeastKept) + 1;
  // Constant initialised and never destroyed: gRPC lets go of slices until the
  // process ends.
  static std::array<Shelf, kShelves> shelves_;

  Mutex mutex_;
  Segment* first_ MSGPROC_GUARDED_BY(mutex_) = nullptr;
  size_t segments_ MSGPROC_GUARDED_BY(mutex_) = 0;
};

constinit std::array<Segment::Shelf, Segment::Shelf::kShelves>
    Segment::Shelf::shelves_{};

Segment* Segment::New(size_t capacity) {
  Shelf* const shelf = Shelf::For(capacity);
  Segment* const kept = shelf == nullptr ? nullptr : shelf->Take();
  if (kept != nullptr) {
    ASAN_UNPOISON_MEMORY_REGION(kept->data(), capacity);
    kept->references_.store(1, std::memory_order_relaxed);
    return kept;
  }
  void* memory = std::malloc(sizeof(Segment) + capacity);
  if (memory == nullptr) throw std::bad_alloc();
  return new (memory) Segment(capacity);
}

size_t Segment::KeptOf(size_t capacity) {
  Shelf* const shelf = Shelf::For(capacity);
  return shelf == nullptr ? 0 : shelf->segments();
}

void Segment::LetGo() {
  Shelf* const shelf = Shelf::For(capacity_);
  if (shelf != nullptr) {
    // Whoever still reads from it is found as if it had been freed.
    ASAN_POISON_MEMORY_REGION(data(), capacity_);
    if (shelf->Put(this)) return;
    ASAN_UNPOISON_MEMORY_REGION(data(), capacity_);
  }
  this->~Segment();
  std::free(this);
}

}  // namespace msgproc::wire
