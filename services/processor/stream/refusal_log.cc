#include "services/processor/stream/refusal_log.h"

#include <cstddef>

#include "common/utf8.h"
#include "services/base/log.h"

namespace msgproc::processor {
namespace {

// Of a text with what the client chose in it.
constexpr size_t kMaxLoggedBytes = 512;

}  // namespace

void RefusalLog::Log(const absl::Status& status, absl::string_view peer,
                     absl::string_view forwarded_for) {
  const Rejection rule = ProcessorCounters::RejectionOf(status);
  const auto suppressed = throttles_[static_cast<size_t>(rule)].Admit();
  if (!suppressed.has_value()) return;
  base::LogWarning("request refused",
                   {{"rule", RejectionName(rule)},
                    {"what", TruncateUtf8(status.message(), kMaxLoggedBytes)},
                    {"peer", peer},
                    {"forwarded_for", forwarded_for},
                    {"suppressed", *suppressed}});
}

}  // namespace msgproc::processor
