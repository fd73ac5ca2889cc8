#include "services/processor/store/failed_results.h"

#include <vector>

#include "common/check.h"
#include "services/processor/executors/batch.h"
#include "wire/coding.h"
#include "wire/entry.h"
#include "wire/entry_log.h"
#include "wire/frame.h"
#include "wire/pieces.h"

namespace msgproc::processor {

std::string WithFailures(absl::string_view results, const Failures& failures) {
  wire::EntryLog log;
  wire::FieldReader reader(results);
  while (!reader.Done()) {
    uint32_t tag = 0;
    absl::string_view body;
    wire::ResultView result;
    const bool parsed = reader.ReadTag(&tag) && reader.ReadBytes(&body) &&
                        wire::ParseResult(body, &result);
    MSGPROC_CHECK(parsed);
    const auto failure = failures.find(result.sequence);
    if (failure == failures.end()) {
      wire::AppendEncoded(&log, body);
    } else {
      AppendFailure(&log, result.sequence, failure->second);
    }
  }
  std::vector<wire::Piece> pieces;
  auto cursor = log.At(log.first_position());
  log.Take(&cursor, UINT64_MAX, SIZE_MAX, &pieces);
  std::string with_failures;
  wire::AppendPieces(pieces, &with_failures);
  return with_failures;
}

}  // namespace msgproc::processor
