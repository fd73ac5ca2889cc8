#ifndef MSGPROC_WIRE_RING_H_
#define MSGPROC_WIRE_RING_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "absl/base/attributes.h"
#include "common/check.h"

namespace msgproc::wire {

// A queue in one block of memory that it keeps: unlike std::deque's, a steady
// flow through it costs no allocation. Holds room for twice its longest length
// at most, until Trim. Not thread-safe.
template <typename T>
class Ring {
 public:
  void PushBack(T value) {
    if (size_ == values_.size()) Grow();
    values_[At(size_)] = std::move(value);
    ++size_;
  }

  // Takes the oldest away; there must be one.
  T PopFront() {
    MSGPROC_CHECK(!empty());
    T value = std::exchange(values_[At(0)], T());
    ++first_;
    --size_;
    return value;
  }

  // The i-th oldest, i < size().
  const T& operator[](size_t i) const {
    MSGPROC_DCHECK(i < size_);
    return values_[At(i)];
  }
  const T& front() const { return values_[At(0)]; }
  T& front() {
    MSGPROC_DCHECK(!empty());
    return values_[At(0)];
  }
  T& back() {
    MSGPROC_DCHECK(!empty());
    return values_[At(size_ - 1)];
  }
  size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }

  // Gives back the memory that a burst left behind, when empty.
  void Trim() {
    if (empty()) std::vector<T>().swap(values_);
  }

 private:
  static constexpr size_t kLeast = 16;

  size_t At(size_t i) const { return (first_ + i) & (values_.size() - 1); }

  ABSL_ATTRIBUTE_NOINLINE void Grow() {
    std::vector<T> values(std::max(kLeast, size_ * 2));
    for (size_t i = 0; i < size_; ++i) values[i] = std::move(values_[At(i)]);
    first_ = 0;
    values_.swap(values);
  }

  std::vector<T> values_;  // Its size is a power of two.
  size_t first_ = 0;       // Where the oldest is, but for whole turns.
  size_t size_ = 0;
};

}  // namespace msgproc::wire

#endif  // MSGPROC_WIRE_RING_H_
