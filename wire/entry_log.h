#ifndef MSGPROC_WIRE_ENTRY_LOG_H_
#define MSGPROC_WIRE_ENTRY_LOG_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "absl/strings/string_view.h"
#include "common/check.h"
#include "wire/segment.h"

namespace msgproc::wire {

// Bytes of a segment that make part of a frame.
struct Piece {
  SegmentRef segment;
  const char* data = nullptr;
  size_t size = 0;
};

// Encoded entries (`repeated` fields of a frame: messages or results, with
// their tags) at contiguous positions, kept until they are released.
//
// Encoded protobuf concatenates, so any run of entries is a frame body: what is
// kept for sending again is the very bytes that were sent, and a frame is
// written without copying them. The client keeps messages in one of these until
// their results arrive, the server results until they are received.
//
//   position:  first_position()          next_position()
//                |  released later          |  appended next
//                [ segment ][ segment ][ segment   ]
//                              ^ Cursor: what a stream has been given
//
// Not thread-safe, but for the pieces it hands out: they may be read and let go
// on any thread.
class EntryLog {
 public:
  // A place in a log: the next entry to be taken. Valid until that entry is
  // released.
  class Cursor {
   public:
    uint64_t position() const { return position_; }

   private:
    friend class EntryLog;
    uint64_t position_ = 0;
    uint64_t segment_ = 0;  // Counted from the log's first segment ever.
    size_t offset_ = 0;     // In that segment.
  };

  // What Take took.
  struct Taken {
    uint64_t entries = 0;
    size_t bytes = 0;
  };

  // The first entry will stand at `first_position`.
  explicit EntryLog(uint64_t first_position = 1)
      : first_position_(first_position), next_position_(first_position) {}
  EntryLog(EntryLog&&) = default;
  EntryLog& operator=(EntryLog&&) = default;

  // Appends an entry of so many bytes and returns where to write it. The entry
  // must be one encoded length-delimited field with a one-byte tag, written
  // before anything else is called.
  char* Append(size_t bytes) { return Append(bytes, 1); }

  // The same for a run of entries, one behind the other, of so many bytes
  // together.
  char* Append(size_t bytes, uint64_t entries) {
    Held* tail = held_.size() > head_ ? &held_.back() : nullptr;
    if (tail == nullptr || tail->segment->capacity() - tail->size < bytes) {
      tail = &AddSegment(bytes);
    }
    char* const entry = tail->segment->data() + tail->size;
    tail->size += bytes;
    tail->entries += entries;
    next_position_ += entries;
    bytes_ += bytes;
    return entry;
  }

  // Appends all of `other` (positions are this log's own) and leaves it empty,
  // at the position behind. Segments with little in them are copied, others
  // change hands.
  void Splice(EntryLog* other);

  // Lets go of the entries up to and including `position`; those of a segment
  // leave memory together.
  void ReleaseThrough(uint64_t position);

  // Takes the entries from `position` on out again. Nobody may have pieces of
  // them, nor a cursor behind it.
  void Truncate(uint64_t position);

  // Empties the log and starts anew at `first_position`, ready to hold as much
  // as it did.
  void Reset(uint64_t first_position);

  // The place of an entry, first_position() to next_position(). Costs a walk
  // over the entries of one segment.
  Cursor At(uint64_t position) const;

  // Appends to `pieces` what makes up the next entries: at most `max_entries`
  // and `max_bytes`, but one entry always fits. Moves the cursor behind them.
  Taken Take(Cursor* cursor, uint64_t max_entries, size_t max_bytes,
             std::vector<Piece>* pieces) const;

  // The encoded entry (without tag and length) at the cursor, which moves
  // behind it. The cursor must not be at next_position().
  absl::string_view Next(Cursor* cursor) const;

  uint64_t first_position() const { return first_position_; }
  uint64_t next_position() const { return next_position_; }
  bool empty() const { return first_position_ == next_position_; }
  // Bytes of entries that are held; those released but sharing a segment with
  // others count as held.
  size_t bytes() const { return bytes_; }

 private:
  struct Held {
    SegmentRef segment;
    uint64_t first = 0;    // Position of the first entry.
    uint64_t entries = 0;  // How many it holds.
    size_t size = 0;       // Bytes filled.
  };

  Held& AddSegment(size_t bytes);
  const Held& HeldAt(uint64_t segment) const {
    MSGPROC_DCHECK_LE(dropped_, segment);
    MSGPROC_DCHECK(segment < end_segment());
    return held_[static_cast<size_t>(segment - dropped_) + head_];
  }
  // A cursor behind the last entry may see its segment leave before the next.
  void SkipDropped(Cursor* cursor) const {
    if (cursor->segment_ >= dropped_) return;
    cursor->segment_ = dropped_;
    cursor->offset_ = 0;
  }
  uint64_t end_segment() const { return dropped_ + held_.size() - head_; }
  void DropFront();

  std::vector<Held> held_;  // From head_ on; what stands before it is empty.
  size_t head_ = 0;
  uint64_t dropped_ = 0;  // Segments that have left the front.
  uint64_t first_position_;
  uint64_t next_position_;
  size_t bytes_ = 0;
  size_t next_capacity_ = 0;
};

}  // namespace msgproc::wire

#endif  // MSGPROC_WIRE_ENTRY_LOG_H_
