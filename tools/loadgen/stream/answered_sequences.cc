#include "tools/loadgen/stream/answered_sequences.h"

#include <iterator>

#include "common/check.h"

namespace msgproc::loadgen {

AnsweredSequences::Answer AnsweredSequences::AddOutOfOrder(uint64_t sequence) {
  if (sequence > highest_) {
    MSGPROC_CHECK_GT(sequence - highest_, 1u);  // Add takes the next one.
    holes_.emplace(highest_ + 1, sequence - 1);
    missing_ += sequence - 1 - highest_;
    highest_ = sequence;
    return Answer::kAhead;
  }
  const auto after = holes_.upper_bound(sequence);
  if (after == holes_.begin()) return Answer::kDuplicate;
  const auto hole = std::prev(after);
  const auto [first, last] = *hole;
  if (sequence > last) return Answer::kDuplicate;
  holes_.erase(hole);
  if (first < sequence) holes_.emplace(first, sequence - 1);
  if (sequence < last) holes_.emplace(sequence + 1, last);
  MSGPROC_CHECK_GT(missing_, 0u);
  --missing_;
  return Answer::kBehind;
}

}  // namespace msgproc::loadgen
