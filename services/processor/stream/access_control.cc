#include "services/processor/stream/access_control.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "common/quoted.h"
#include "grpcpp/server_context.h"
#include "services/processor/session/refusal.h"

namespace msgproc::processor {
namespace {

absl::Status Denied(absl::string_view why) {
  return Marked(Refusal::kDenied, absl::PermissionDeniedError(why));
}

}  // namespace

AccessControl::AccessControl(Options options) : options_(std::move(options)) {
  const auto changed = [this] {
    version_.fetch_add(1, std::memory_order_release);
  };
  if (options_.authenticator != nullptr) {
    options_.authenticator->OnChange(changed);
  }
  if (options_.file != nullptr) options_.file->OnChange(changed);
}

absl::StatusOr<base::Principal> AccessControl::Authenticate(
    const grpc::ServerContextBase& call) const {
  if (options_.authenticator == nullptr) return base::Principal();
  return options_.authenticator->Authenticate(call);
}

absl::StatusOr<base::Principal> AccessControl::Refresh(
    const base::Principal& principal, absl::string_view token) const {
  if (options_.authenticator == nullptr ||
      !options_.authenticator->takes_tokens()) {
    return principal;
  }
  absl::StatusOr<base::Principal> fresh =
      options_.authenticator->VerifyToken(token);
  if (!fresh.ok() || fresh->SameAs(principal)) return fresh;
  return Denied(absl::StrCat("The refresh_token is of ", Quoted(fresh->Shown()),
                             "; the stream is of ", Quoted(principal.Shown()),
                             ": another client opens another stream."));
}

std::shared_ptr<const base::AccessRules> AccessControl::Rules() const {
  return options_.file == nullptr ? nullptr : options_.file->Current();
}

base::AccessLimits AccessControl::LimitsOf(
    const base::Principal& principal) const {
  const std::shared_ptr<const base::AccessRules> rules = Rules();
  if (rules == nullptr) return base::AccessLimits();
  const base::Grant* const grant = rules->Find(principal);
  return grant == nullptr ? base::AccessLimits() : grant->limits;
}

absl::Status AccessControl::MayUse(const base::Principal& principal,
                                   absl::string_view handler) const {
  const std::shared_ptr<const base::AccessRules> rules = Rules();
  if (rules == nullptr) return absl::OkStatus();
  const base::Grant* const grant = rules->Find(principal);
  if (grant == nullptr) {
    return Denied(absl::StrCat("No rule of this server lets ",
                               Quoted(principal.Shown()),
                               " in; rights are given in its access file."));
  }
  if (!grant->Allows(handler)) {
    return Denied(absl::StrCat(
        Quoted(principal.Shown()), " may not use the handler ", Quoted(handler),
        ", by the access rule ", Quoted(grant->rule), "."));
  }
  return absl::OkStatus();
}

absl::Status AccessControl::Recheck(const base::Principal& principal,
                                    absl::string_view handler) const {
  if (options_.authenticator != nullptr) {
    absl::Status known = options_.authenticator->Recheck(principal);
    if (!known.ok()) return known;
  }
  return MayUse(principal, handler);
}

absl::Duration AccessControl::TimeLeft(const base::Principal& principal) const {
  return options_.authenticator == nullptr
             ? absl::InfiniteDuration()
             : options_.authenticator->TimeLeft(principal);
}

}  // namespace msgproc::processor
