#ifndef MSGPROC_SERVICES_PROCESSOR_REGISTRATION_RECORD_WRITER_H_
#define MSGPROC_SERVICES_PROCESSOR_REGISTRATION_RECORD_WRITER_H_

#include <string>

#include "absl/time/time.h"
#include "msgproc/v1/balancer.pb.h"

namespace msgproc::processor {

// When a processor's record in a registry is written anew: each write costs
// the registry's whole cluster a disk's sync. Never where it would say the same
// as before; at once where the state differs; at most five times a second where
// the sessions have changed by much; else once an interval. Pure; not
// thread-safe.
class RecordWriter {
 public:
  // How often a report is to be offered.
  static constexpr absl::Duration kTick = absl::Milliseconds(200);

  explicit RecordWriter(absl::Duration interval) : interval_(interval) {}

  // Takes what there is to say now. `urgent`: whoever asked for it waits.
  // Whether record() is to be written.
  bool Offer(absl::Time now, const v1::RegisterRequest& report, bool urgent);

  const std::string& record() const { return record_; }

 private:
  const absl::Duration interval_;
  absl::Time taken_at_ = absl::InfinitePast();
  v1::RegisterRequest taken_;
  std::string record_;
};

}  // namespace msgproc::processor

#endif  // MSGPROC_SERVICES_PROCESSOR_REGISTRATION_RECORD_WRITER_H_
