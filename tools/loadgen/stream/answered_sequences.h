#ifndef MSGPROC_TOOLS_LOADGEN_STREAM_ANSWERED_SEQUENCES_H_
#define MSGPROC_TOOLS_LOADGEN_STREAM_ANSWERED_SEQUENCES_H_

#include <cstdint>
#include <map>

namespace msgproc::loadgen {

// Which sequences of one stream, counted from 1, have been answered. While
// answers come in order this is one number; what was left out is kept as
// ranges, so memory grows with the holes alone. Not thread-safe.
class AnsweredSequences {
 public:
  enum class Answer {
    kNext,       // In order.
    kAhead,      // Some before it are missing so far.
    kBehind,     // Was missing: out of order, yet the first of its sequence.
    kDuplicate,  // Was answered before, or is 0.
  };

  // Up to `sequence` all have been, before anything else.
  void BeginBehind(uint64_t sequence) { highest_ = sequence; }

  Answer Add(uint64_t sequence) {
    if (sequence == highest_ + 1) [[likely]] {
      highest_ = sequence;
      return Answer::kNext;
    }
    return AddOutOfOrder(sequence);
  }

  // The highest sequence answered, and how many below it were not.
  uint64_t highest() const { return highest_; }
  uint64_t missing() const { return missing_; }

 private:
  Answer AddOutOfOrder(uint64_t sequence);

  uint64_t highest_ = 0;
  uint64_t missing_ = 0;
  std::map<uint64_t, uint64_t> holes_;  // First to last missing, both included.
};

}  // namespace msgproc::loadgen

#endif  // MSGPROC_TOOLS_LOADGEN_STREAM_ANSWERED_SEQUENCES_H_
