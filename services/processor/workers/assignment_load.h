#ifndef MSGPROC_SERVICES_PROCESSOR_WORKERS_ASSIGNMENT_LOAD_H_
#define MSGPROC_SERVICES_PROCESSOR_WORKERS_ASSIGNMENT_LOAD_H_

#include <cstddef>
#include <cstdint>

#include "services/processor/workers/work_item.h"
#include "services/processor/workers/worker_table.h"

namespace msgproc::processor {

// How much work is in an assignment, and whether its last item is too much. The
// first one always fits.
class AssignmentLoad {
 public:
  static constexpr int64_t kMostNanoseconds = 250'000;
  static constexpr size_t kMostBytes = 256 << 10;

  bool Exceeds() const {
    return nanoseconds_ > kMostNanoseconds || bytes_ > kMostBytes;
  }
  void Add(const WorkItem& item) {
    nanoseconds_ += ExpectedNanoseconds(item, item.remaining());
    bytes_ += item.bytes;
  }

 private:
  int64_t nanoseconds_ = 0;
  size_t bytes_ = 0;
};

}  // namespace msgproc::processor

#endif  // MSGPROC_SERVICES_PROCESSOR_WORKERS_ASSIGNMENT_LOAD_H_
