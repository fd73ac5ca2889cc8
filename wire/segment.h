#ifndef MSGPROC_WIRE_SEGMENT_H_
#define MSGPROC_WIRE_SEGMENT_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <utility>

#include "common/check.h"

namespace msgproc::wire {

// A block of memory that one owner fills from front to back and that slices
// being written may outlive the owner with. The count of references is
// thread-safe; everything else belongs to who fills it. What is filled never
// changes, so it may be read from other threads meanwhile.
//
// Segments of the sizes that frames come in, powers of two, are kept by the
// process when they are let go of, and given out again: at most kKeptBytes of
// each size. So a stream that sends and receives needs no memory of malloc's,
// and one that is idle holds no spare ones.
class Segment {
 public:
  static constexpr size_t kLeastKept = 2 << 10;
  static constexpr size_t kMostKept = 1 << 20;
  static constexpr size_t kKeptBytes = 1 << 20;

  // With one reference, held by the caller. Thread-safe.
  static Segment* New(size_t capacity);

  // What the process keeps of a size at present, in segments.
  static size_t KeptOf(size_t capacity);

  char* data() { return reinterpret_cast<char*>(this + 1); }
  const char* data() const { return reinterpret_cast<const char*>(this + 1); }
  size_t capacity() const { return capacity_; }

  void Ref() { references_.fetch_add(1, std::memory_order_relaxed); }
  void Unref() {
    const uint32_t before = references_.fetch_sub(1, std::memory_order_acq_rel);
    MSGPROC_CHECK_GT(before, 0U);
    if (before == 1) LetGo();
  }

 private:
  class Shelf;

  explicit Segment(size_t capacity) : capacity_(capacity) {}
  ~Segment() = default;

  void LetGo();

  std::atomic<uint32_t> references_{1};
  const size_t capacity_;
  Segment* next_ = nullptr;  // On a shelf.
};

// Holds one reference.
class SegmentRef {
 public:
  SegmentRef() = default;
  // Takes over the caller's reference.
  explicit SegmentRef(Segment* segment) : segment_(segment) {}
  SegmentRef(const SegmentRef& other) : segment_(other.segment_) {
    if (segment_ != nullptr) segment_->Ref();
  }
  SegmentRef(SegmentRef&& other) noexcept
      : segment_(std::exchange(other.segment_, nullptr)) {}
  SegmentRef& operator=(SegmentRef other) noexcept {
    std::swap(segment_, other.segment_);
    return *this;
  }
  ~SegmentRef() {
    if (segment_ != nullptr) segment_->Unref();
  }

  Segment* get() const { return segment_; }
  Segment* operator->() const { return segment_; }
  // Gives the reference to the caller.
  Segment* release() { return std::exchange(segment_, nullptr); }

 private:
  Segment* segment_ = nullptr;
};

}  // namespace msgproc::wire

#endif  // MSGPROC_WIRE_SEGMENT_H_
