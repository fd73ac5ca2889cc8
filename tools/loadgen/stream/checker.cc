#include "tools/loadgen/stream/checker.h"

#include <bit>
#include <utility>

#include "absl/hash/hash.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "common/check.h"

namespace msgproc::loadgen {

Checker::Checker(uint64_t stream, Expectation expectation,
                 const Payloads* payloads)
    : stream_(stream), expectation_(expectation), payloads_(payloads) {
  MSGPROC_CHECK(payloads_ != nullptr);
  if (expectation_ == Expectation::kSha256) scratch_ = payloads_->NewBuffer();
}

Checker::Checker(uint64_t stream, Expectation expectation, uint64_t window)
    : stream_(stream),
      expectation_(expectation),
      payloads_(nullptr),
      hashes_(std::bit_ceil(window)) {}

void Checker::Expect(uint64_t sequence, absl::string_view line) {
  MSGPROC_CHECK(payloads_ == nullptr);
  MSGPROC_CHECK(!hashes_.empty());
  // Echoing, the most common, needs no copy.
  hashes_[sequence & (hashes_.size() - 1)] =
      expectation_ == Expectation::kEcho
          ? absl::HashOf(line)
          : absl::HashOf(absl::string_view(ExpectedResult(expectation_, line)));
}

bool Checker::Check(uint64_t sequence, uint64_t sent, absl::StatusCode code,
                    absl::string_view error, absl::string_view payload) {
  if (sequence > sent) {
    Wrong(sequence, "a result came, but no such message was sent");
    return false;
  }
  switch (answered_.Add(sequence)) {
    case AnsweredSequences::Answer::kDuplicate:
      ++tally_.duplicated;
      return false;
    case AnsweredSequences::Answer::kBehind:
      ++tally_.out_of_order;
      break;
    default:
      break;
  }
  ++tally_.answered;
  if (code != absl::StatusCode::kOk) [[unlikely]] {
    tally_.AddError(code, error);
  } else if (!IsRight(sequence, payload)) [[unlikely]] {
    Wrong(sequence, absl::StrCat("the result has ", payload.size(),
                                 " bytes that the handler cannot have made: \"",
                                 absl::CHexEscape(payload.substr(0, 48)),
                                 payload.size() > 48 ? "\"..." : "\""));
  }
  return true;
}

bool Checker::IsRight(uint64_t sequence, absl::string_view payload) {
  if (expectation_ == Expectation::kUnchecked || sequence <= unknown_through_) {
    return true;
  }
  if (payloads_ == nullptr) {
    return hashes_[sequence & (hashes_.size() - 1)] == absl::HashOf(payload);
  }
  switch (expectation_) {
    case Expectation::kEcho:
      return payloads_->IsEcho(stream_, sequence, payload);
    case Expectation::kUppercase:
      return payloads_->IsUppercase(stream_, sequence, payload);
    default:
      payloads_->Stamp(stream_, sequence, &scratch_);
      return payload == ExpectedResult(expectation_, scratch_);
  }
}

void Checker::Wrong(uint64_t sequence, absl::string_view what) {
  ++tally_.wrong;
  if (!tally_.first_wrong.empty()) return;
  tally_.first_wrong =
      absl::StrCat("stream ", stream_, ", message ", sequence, ": ", what);
}

Tally Checker::TakeTally() { return std::exchange(tally_, Tally()); }

}  // namespace msgproc::loadgen
