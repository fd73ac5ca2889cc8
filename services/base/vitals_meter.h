#ifndef MSGPROC_SERVICES_BASE_VITALS_METER_H_
#define MSGPROC_SERVICES_BASE_VITALS_METER_H_

#include <functional>
#include <string>

#include "absl/time/time.h"
#include "common/mutex.h"
#include "msgproc/v1/balancer.pb.h"
#include "services/base/file_watcher.h"

namespace msgproc::base {

// What a server tells operators of itself, as Vitals has it. Cheap enough to be
// asked several times a second. Thread-safe.
class VitalsMeter {
 public:
  // `files`: those that it uses, certificates among them; `why_not_serving`:
  // for people. Both may be asked as long as the meter is.
  // `add`: what the server knows beside that; may be null.
  VitalsMeter(const FileWatcher* files,
              std::function<std::string()> why_not_serving,
              std::function<void(v1::Vitals*)> add = nullptr);

  v1::Vitals Read();

 private:
  const FileWatcher* const files_;
  const std::function<std::string()> why_not_serving_;
  const std::function<void(v1::Vitals*)> add_;

  Mutex mutex_;
  // Counting takes milliseconds where there are thousands: not at each Read.
  absl::Time counted_at_ MSGPROC_GUARDED_BY(mutex_) = absl::InfinitePast();
  int descriptors_ MSGPROC_GUARDED_BY(mutex_) = 0;
};

}  // namespace msgproc::base

#endif  // MSGPROC_SERVICES_BASE_VITALS_METER_H_
