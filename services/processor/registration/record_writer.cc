#include "services/processor/registration/record_writer.h"

#include <utility>

#include "services/etcd/server_record.h"
#include "services/processor/registration/session_change.h"

namespace msgproc::processor {

bool RecordWriter::Offer(absl::Time now, const v1::RegisterRequest& report,
                         bool urgent) {
  const bool much = IsMuch(taken_.sessions(), report.sessions());
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
