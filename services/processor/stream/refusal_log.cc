#include "services/processor/stream/refusal_log.h"

#include <cstddef>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "common/utf8.h"
#include "services/base/log.h"

namespace msgproc::processor {
namespace {

// Of a text with what the client chose in it.
constexpr size_t kMaxLoggedBytes = 512;

bool IsAccessDecision(Rejection rule) {
  return rule == Rejection::kUnauthenticated ||
         rule == Rejection::kPermissionDenied;
}

// A name in a token is another client than the same name in a certificate, and
// none is an address.
std::string Who(const base::Principal& principal, absl::string_view address) {
  if (principal.anonymous()) {
    // Without the port, which is another for each connection.
    return absl::StrCat("at ", address.substr(0, address.rfind(':')));
  }
  return absl::StrCat(static_cast<int>(principal.source), " ", principal.name);
}

}  // namespace

absl::optional<uint64_t> RefusalLog::Admit(Rejection rule,
                                           const base::Principal& principal,
                                           const StreamPeer& peer) {
  if (!IsAccessDecision(rule)) return rules_[static_cast<size_t>(rule)].Admit();
  const std::string who = Who(principal, peer.address);
  MutexLock lock(&mutex_);
  return principals_.Admit(who, clock_->Now());
}

void RefusalLog::Log(const absl::Status& status,
                     const base::Principal& principal, const StreamPeer& peer) {
  const Rejection rule = ProcessorCounters::RejectionOf(status);
  const auto suppressed = Admit(rule, principal, peer);
  if (!suppressed.has_value()) return;
  base::LogWarning("request refused",
                   {{"rule", RejectionName(rule)},
                    {"what", TruncateUtf8(status.message(), kMaxLoggedBytes)},
                    {"principal", principal.name},
                    {"peer", peer.address},
                    {"forwarded_for", peer.forwarded_for},
                    {"trace_id", peer.trace_id},
                    {"suppressed", *suppressed}});
}

}  // namespace msgproc::processor
