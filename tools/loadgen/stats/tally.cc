#include "tools/loadgen/stats/tally.h"

namespace msgproc::loadgen {
namespace {

// Counts under the text, or under "..." once there are too many texts.
void Count(absl::StatusCode code, absl::string_view text, uint64_t times,
           Tally* tally) {
  auto key =
      std::make_pair(code, std::string(text.substr(0, Tally::kMaxTextBytes)));
  if (tally->errors.size() >= Tally::kMaxErrorKinds &&
      tally->errors.count(key) == 0) {
    key.second = "...";
  }
  tally->errors[std::move(key)] += times;
}

}  // namespace

void Tally::AddError(absl::StatusCode code, absl::string_view text) {
  ++failed;
  Count(code, text, 1, this);
}

void Tally::Add(const Tally& other) {
  sent += other.sent;
  answered += other.answered;
  duplicated += other.duplicated;
  failed += other.failed;
  wrong += other.wrong;
  out_of_order += other.out_of_order;
  for (const auto& [key, times] : other.errors) {
    Count(key.first, key.second, times, this);
  }
  if (first_wrong.empty()) first_wrong = other.first_wrong;
}

}  // namespace msgproc::loadgen
