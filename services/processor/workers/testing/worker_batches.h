#ifndef MSGPROC_SERVICES_PROCESSOR_WORKERS_TESTING_WORKER_BATCHES_H_
#define MSGPROC_SERVICES_PROCESSOR_WORKERS_TESTING_WORKER_BATCHES_H_

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "msgproc/v1/processor.pb.h"
#include "services/processor/workers/worker_batch.h"
#include "wire/entry.h"
#include "wire/entry_log.h"

namespace msgproc::processor {

// A worker batch of messages with these payloads; sequences rise from `first`.
inline std::unique_ptr<WorkerBatch> MakeWorkerBatch(
    HandlerBinding* binding, const std::vector<std::string>& payloads,
    uint64_t first = 1) {
  wire::EntryLog log;
  for (uint64_t i = 0; i < payloads.size(); ++i) {
    wire::AppendMessage(&log, first + i, payloads[i]);
  }
  auto work = std::make_unique<WorkerBatch>();
  work->batch = std::make_unique<Batch>();
  work->batch->binding = binding;
  work->batch->size = payloads.size();
  work->item.batch = work.get();
  work->item.messages = payloads.size();
  wire::EntryLog::Cursor cursor = log.At(1);
  log.Take(&cursor, UINT64_MAX, SIZE_MAX, &work->pieces);
  return work;
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

#endif  // MSGPROC_SERVICES_PROCESSOR_WORKERS_TESTING_WORKER_BATCHES_H_
