#include "services/processor/registration/record_writer.h"

#include <cstdint>
#include <utility>

#include "services/etcd/server_record.h"

namespace msgproc::processor {
namespace {

// A change of the sessions by one in this many cannot wait.
constexpr uint64_t kMuch = 50;

uint64_t Distance(uint64_t a, uint64_t b) { return a > b ? a - b : b - a; }

}  // namespace

bool RecordWriter::Offer(absl::Time now, const v1::RegisterRequest& report,
                         bool urgent) {
  const uint64_t change = Distance(report.sessions(), taken_.sessions());
  const bool much = change > 0 && change * kMuch >= taken_.sessions();
  const bool differs = report.state() != taken_.state() ||
                       report.cordoned() != taken_.cordoned();
  const absl::Duration age = now - taken_at_;
  if (!urgent && !differs && !(much && age >= kTick) && age < interval_) {
    return false;
  }
  std::string record = etcd::WriteServerRecord(report);
  if (record == record_) return false;
  taken_at_ = now;
  taken_ = report;
  record_ = std::move(record);
  return true;
}

}  // namespace msgproc::processor
