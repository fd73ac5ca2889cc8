#include "services/processor/store/outcomes.h"

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "wire/coding.h"
#include "wire/entry.h"
#include "wire/frame.h"

namespace msgproc::processor {
namespace {

// ProcessResponse.results, length-delimited.
constexpr uint32_t kResultsTag = 2 << 3 | 2;

absl::Status Broken(const Outcome& outcome) {
  return absl::DataLossError(absl::StrCat("The store's results ", outcome.first,
                                          " to ", outcome.through,
                                          " are broken."));
}

// Appends what stands behind `next` - 1.
absl::Status ReadOutcome(const Outcome& outcome, uint64_t next,
                         wire::EntryLog* log) {
  wire::FieldReader reader(outcome.results);
  for (uint64_t sequence = outcome.first; sequence <= outcome.through;
       ++sequence) {
    uint32_t tag = 0;
    absl::string_view body;
    wire::ResultView result;
    if (reader.Done() || !reader.ReadTag(&tag) || tag != kResultsTag ||
        !reader.ReadBytes(&body) || !wire::ParseResult(body, &result) ||
        !result.keys_are_utf8 || result.sequence != sequence) {
      return Broken(outcome);
    }
    if (sequence >= next) wire::AppendEncoded(log, body);
  }
  return reader.Done() ? absl::OkStatus() : Broken(outcome);
}

}  // namespace

absl::StatusOr<wire::EntryLog> ReadOutcomes(absl::Span<const Outcome> outcomes,
                                            uint64_t received_through,
                                            uint64_t committed_through) {
  wire::EntryLog log(received_through + 1);
  for (const Outcome& outcome : outcomes) {
    if (outcome.first > log.next_position() ||
        outcome.through < log.next_position() ||
        outcome.through > committed_through) {
      break;
    }
    absl::Status status = ReadOutcome(outcome, log.next_position(), &log);
    if (!status.ok()) return status;
  }
  if (log.next_position() == committed_through + 1) return log;
  return absl::DataLossError(
      absl::StrCat("The store lacks result ", log.next_position(),
                   ", though it has committed up to ", committed_through, "."));
}

}  // namespace msgproc::processor
