#ifndef MSGPROC_SERVICES_PROCESSOR_WORKERS_TESTING_PARCELS_H_
#define MSGPROC_SERVICES_PROCESSOR_WORKERS_TESTING_PARCELS_H_

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "msgproc/v1/processor.pb.h"
#include "proto/wire/entry.h"
#include "proto/wire/entry_log.h"
#include "services/processor/workers/parcel.h"

namespace msgproc::processor {

// A parcel of messages with these payloads; sequences rise from `first`.
inline std::unique_ptr<Parcel> MakeParcel(
    HandlerBinding* binding, const std::vector<std::string>& payloads,
    uint64_t first = 1) {
  wire::EntryLog log;
  for (uint64_t i = 0; i < payloads.size(); ++i) {
    wire::AppendMessage(&log, first + i, payloads[i]);
  }
  auto parcel = std::make_unique<Parcel>();
  parcel->batch = std::make_unique<Batch>();
  parcel->batch->binding = binding;
  parcel->batch->size = payloads.size();
  parcel->messages = payloads.size();
  wire::EntryLog::Cursor cursor = log.At(1);
  log.Take(&cursor, UINT64_MAX, SIZE_MAX, &parcel->pieces);
  return parcel;
}

// The results that a batch has so far.
inline std::vector<v1::Result> ResultsOf(const wire::EntryLog& log) {
  std::vector<v1::Result> results;
  wire::EntryLog::Cursor cursor = log.At(log.first_position());
  while (cursor.position() < log.next_position()) {
    const absl::string_view body = log.Next(&cursor);
    results.emplace_back().ParseFromArray(body.data(),
                                          static_cast<int>(body.size()));
  }
  return results;
}

}  // namespace msgproc::processor

#endif  // MSGPROC_SERVICES_PROCESSOR_WORKERS_TESTING_PARCELS_H_
