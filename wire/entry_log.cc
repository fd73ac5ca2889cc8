#include "wire/entry_log.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <utility>

#include "common/check.h"
#include "wire/coding.h"

namespace msgproc::wire {
namespace {

// An idle socket should hold little, a busy one large runs.
constexpr size_t kMinSegmentBytes = Segment::kLeastKept;
// Below 128 KiB, where malloc would go to the kernel for each.
constexpr size_t kMaxSegmentBytes = 64 << 10;
// Up to this size copying is cheaper than holding one more segment.
constexpr size_t kCopyBytes = 4 << 10;

// What a segment for so many bytes should hold: a size that is kept, but for
// large entries, which would waste half of it.
size_t Capacity(size_t bytes) {
  return bytes > kMaxSegmentBytes ? bytes : std::bit_ceil(bytes);
}

// The size of the entry that starts here: tag (one byte), length, body.
size_t EntrySize(const char* entry, absl::string_view* body) {
  const char* at = entry + 1;
  uint64_t size = 0;
  for (int shift = 0;; shift += 7) {
    const auto byte = static_cast<uint8_t>(*at++);
    size |= static_cast<uint64_t>(byte & 0x7f) << shift;
    if (byte < 0x80) break;
  }
  *body = absl::string_view(at, size);
  return static_cast<size_t>(at - entry) + size;
}

}  // namespace

EntryLog::Held& EntryLog::AddSegment(size_t bytes) {
  next_capacity_ =
      std::clamp(next_capacity_ * 2, kMinSegmentBytes, kMaxSegmentBytes);
  Held& held = held_.emplace_back();
  held.segment =
      SegmentRef(Segment::New(Capacity(std::max(bytes, next_capacity_))));
  held.first = next_position_;
  return held;
}

void EntryLog::Splice(EntryLog* other) {
  MSGPROC_CHECK(other != this);
  for (size_t i = other->head_; i < other->held_.size(); ++i) {
    Held& from = other->held_[i];
    bytes_ += from.size;
    Held* tail = held_.size() > head_ ? &held_.back() : nullptr;
    if (from.size <= kCopyBytes || from.size * 4 < from.segment->capacity()) {
      if (tail == nullptr ||
          tail->segment->capacity() - tail->size < from.size) {
        tail = &AddSegment(from.size);
      }
      std::memcpy(tail->segment->data() + tail->size, from.segment->data(),
                  from.size);
      tail->size += from.size;
      tail->entries += from.entries;
    } else {
      Held& added = held_.emplace_back(std::move(from));
      added.first = next_position_;
    }
    const Held& now = held_.back();
    next_position_ = now.first + now.entries;
  }
  other->Reset(other->next_position_);
}

void EntryLog::DropFront() {
  MSGPROC_CHECK_LT(head_, held_.size());
  Held& front = held_[head_];
  MSGPROC_CHECK_LE(front.size, bytes_);
  bytes_ -= front.size;
  front = Held();
  ++head_;
  ++dropped_;
  if (head_ == held_.size()) {
    held_.clear();
    head_ = 0;
  } else if (head_ >= 16 && head_ * 2 >= held_.size()) {
    held_.erase(held_.begin(),
                held_.begin() + static_cast<std::ptrdiff_t>(head_));
    head_ = 0;
  }
}

void EntryLog::ReleaseThrough(uint64_t position) {
  if (position < first_position_) return;
  first_position_ = std::min(position + 1, next_position_);
  while (held_.size() > head_ &&
         held_[head_].first + held_[head_].entries <= first_position_) {
    // The last segment is kept for what comes next while it has much room.
    if (held_.size() - head_ == 1) {
      const Held& last = held_[head_];
      if (last.size * 2 < last.segment->capacity()) break;
    }
    DropFront();
  }
  if (empty()) next_capacity_ /= 2;
}

void EntryLog::Truncate(uint64_t position) {
  if (position == next_position_) return;
  const Cursor end = At(position);
  while (end_segment() > end.segment_ + 1) {
    bytes_ -= held_.back().size;
    held_.pop_back();
  }
  Held& last = held_.back();
  bytes_ -= last.size - end.offset_;
  last.size = end.offset_;
  last.entries = position - last.first;
  next_position_ = position;
  if (last.entries > 0) return;
  // Next, unlike Take, finds no segment in its way that holds nothing.
  held_.pop_back();
  if (held_.size() == head_) {
    held_.clear();
    head_ = 0;
  }
}

void EntryLog::Reset(uint64_t first_position) {
  // What held so much will hold as much again, in one segment if it can.
  if (!empty()) {
    next_capacity_ = std::bit_ceil(std::min(bytes_, kMaxSegmentBytes)) / 2;
  }
  held_.clear();
  dropped_ = 0;
  head_ = 0;
  bytes_ = 0;
  first_position_ = next_position_ = first_position;
}

EntryLog::Cursor EntryLog::At(uint64_t position) const {
  MSGPROC_CHECK_LE(first_position_, position);
  MSGPROC_CHECK_LE(position, next_position_);
  Cursor cursor;
  cursor.position_ = position;
  cursor.segment_ = end_segment();
  if (position == next_position_) {
    if (held_.size() > head_) {
      --cursor.segment_;
      cursor.offset_ = held_.back().size;
    }
    return cursor;
  }
  const auto begin = held_.begin() + static_cast<std::ptrdiff_t>(head_);
  const auto found = std::upper_bound(begin, held_.end(), position,
                                      [](uint64_t wanted, const Held& held) {
                                        return wanted < held.first;
                                      }) -
                     1;
  cursor.segment_ = dropped_ + static_cast<uint64_t>(found - begin);
  absl::string_view body;
  for (uint64_t at = found->first; at < position; ++at) {
    cursor.offset_ += EntrySize(found->segment->data() + cursor.offset_, &body);
  }
  return cursor;
}

EntryLog::Taken EntryLog::Take(Cursor* cursor, uint64_t max_entries,
                               size_t max_bytes,
                               std::vector<Piece>* pieces) const {
  MSGPROC_CHECK_LE(first_position_, cursor->position_);
  MSGPROC_CHECK_LE(cursor->position_, next_position_);
  Taken taken;
  SkipDropped(cursor);
  while (cursor->position_ < next_position_ && taken.entries < max_entries) {
    const Held& held = HeldAt(cursor->segment_);
    const char* const start = held.segment->data() + cursor->offset_;
    uint64_t entries = held.first + held.entries - cursor->position_;
    size_t size = held.size - cursor->offset_;
    if (entries == 0) {
      ++cursor->segment_;
      cursor->offset_ = 0;
      continue;
    }
    bool full = false;
    if (entries > max_entries - taken.entries ||
        size > max_bytes - taken.bytes) {
      // Not all of this segment fits: walk.
      full = true;
      const uint64_t most = std::min(entries, max_entries - taken.entries);
      entries = 0;
      size = 0;
      while (entries < most) {
        absl::string_view body;
        const size_t entry = EntrySize(start + size, &body);
        const bool first = taken.entries + entries == 0;
        if (!first &&
            entry > max_bytes - std::min(max_bytes, taken.bytes + size)) {
          break;
        }
        size += entry;
        ++entries;
      }
    }
    if (entries > 0) {
      pieces->push_back({held.segment, start, size});
      cursor->position_ += entries;
      cursor->offset_ += size;
      taken.entries += entries;
      taken.bytes += size;
    }
    if (full || taken.bytes >= max_bytes) break;
  }
  return taken;
}

absl::string_view EntryLog::Next(Cursor* cursor) const {
  MSGPROC_DCHECK_LE(first_position_, cursor->position_);
  MSGPROC_DCHECK(cursor->position_ < next_position_);
  SkipDropped(cursor);
  const Held* held = &HeldAt(cursor->segment_);
  if (cursor->position_ == held->first + held->entries) {
    ++cursor->segment_;
    cursor->offset_ = 0;
    held = &HeldAt(cursor->segment_);
  }
  absl::string_view body;
  cursor->offset_ += EntrySize(held->segment->data() + cursor->offset_, &body);
  ++cursor->position_;
  return body;
}

}  // namespace msgproc::wire
