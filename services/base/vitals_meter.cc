#include "services/base/vitals_meter.h"

#include <algorithm>
#include <cstdint>
#include <string>
#include <utility>

#include "absl/time/clock.h"
#include "common/check.h"
#include "common/clock.h"
#include "common/proc_files.h"
#include "services/base/build_info.h"
#include "services/base/descriptor_limit.h"
#include "services/base/reloaded_files.h"
#include "wire/proto_time.h"

namespace msgproc::base {
namespace {

constexpr absl::Duration kCountAgain = absl::Seconds(5);

}  // namespace

VitalsMeter::VitalsMeter(const FileWatcher* files,
                         std::function<std::string()> why_not_serving,
                         std::function<void(v1::Vitals*)> add)
    : files_(files),
      why_not_serving_(std::move(why_not_serving)),
      add_(std::move(add)) {
  MSGPROC_CHECK(files_ != nullptr);
  MSGPROC_CHECK(why_not_serving_ != nullptr);
}

v1::Vitals VitalsMeter::Read() {
  v1::Vitals vitals;
  vitals.set_version(std::string(GetBuildInfo().version));
  *vitals.mutable_clock() = wire::ToProto(absl::Now());
  {
    MutexLock lock(&mutex_);
    const absl::Time now = Clock::Monotonic()->Now();
    if (now - counted_at_ >= kCountAgain) {
      descriptors_ = CountOpenDescriptors();
      counted_at_ = now;
    }
    if (descriptors_ > 0) {
      vitals.set_descriptors(static_cast<uint64_t>(descriptors_));
    }
  }
  vitals.set_descriptor_limit(DescriptorLimit());
  absl::Time expire = absl::InfiniteFuture();
  for (const ReloadedFiles::Stats& files : files_->Stats()) {
    expire = std::min(expire, files.expires);
  }
  if (expire < absl::InfiniteFuture()) {
    *vitals.mutable_certificates_expire() = wire::ToProto(expire);
  }
  vitals.set_why_not_serving(why_not_serving_());
  if (add_ != nullptr) add_(&vitals);
  return vitals;
}

}  // namespace msgproc::base
