// What a store gives back of a session, which anybody may have touched: either
// it is all that is owed, in order, or DATA_LOSS.
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "common/check.h"
#include "msgproc/v1/processor.pb.h"
#include "services/processor/store/outcomes.h"
#include "tests/fuzz/input.h"
#include "tests/fuzz/reference.h"
#include "wire/entry_log.h"

namespace msgproc::fuzz {

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  Input input(data, size);
  const uint64_t received = input.Number();
  const uint64_t committed = input.Number();
  std::vector<processor::Outcome> outcomes;
  while (!input.empty()) {
    processor::Outcome& outcome = outcomes.emplace_back();
    outcome.first = input.Number();
    outcome.through = input.Number();
    outcome.results = std::string(input.Text());
  }
  const auto log = processor::ReadOutcomes(outcomes, received, committed);
  if (!log.ok()) {
    MSGPROC_CHECK(absl::IsDataLoss(log.status()));
    return 0;
  }
  MSGPROC_CHECK_EQ(log->first_position(), received + 1);
  MSGPROC_CHECK_EQ(log->next_position(), committed + 1);
  if (log->empty()) return 0;
  wire::EntryLog::Cursor cursor = log->At(log->first_position());
  while (cursor.position() != log->next_position()) {
    const uint64_t position = cursor.position();
    v1::Result result;
    wire::ResultView view;
    const absl::string_view body = log->Next(&cursor);
    MSGPROC_CHECK(wire::ParseResult(body, &view));
    MSGPROC_CHECK_EQ(view.sequence, position);
    // An Error that cannot be read is the handler's to mend, and stored as
    // such.
    if (!view.failed) MSGPROC_CHECK(Reads(body, &result));
  }
  return 0;
}

}  // namespace msgproc::fuzz
