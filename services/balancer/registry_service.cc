#include "services/balancer/registry_service.h"

#include <algorithm>
#include <cstddef>
#include <memory>
#include <string>
#include <utility>

#include "absl/strings/str_join.h"
#include "grpc/grpc_security_constants.h"
#include "grpcpp/security/auth_context.h"
#include "services/base/log.h"
#include "services/base/socket_address.h"

namespace msgproc::balancer {

namespace {

// Of a name that the other side chose.
constexpr size_t kMaxLoggedBytes = 128;

Registrant RegistrantOf(const grpc::CallbackServerContext& context) {
  Registrant registrant;
  registrant.peer = base::DecodePeer(context.peer());
  const auto auth = context.auth_context();
  if (auth == nullptr || !auth->IsPeerAuthenticated()) return registrant;
  for (const char* property :
       {GRPC_X509_SAN_PROPERTY_NAME, GRPC_X509_CN_PROPERTY_NAME}) {
    for (const grpc::string_ref& value : auth->FindPropertyValues(property)) {
      registrant.names.emplace_back(value.data(), value.size());
    }
  }
  return registrant;
}

absl::string_view AuthorizationOf(const grpc::CallbackServerContext& context) {
  const auto shown = context.client_metadata().find("authorization");
  if (shown == context.client_metadata().end()) return "";
  return {shown->second.data(), shown->second.size()};
}

}  // namespace

RegistryService::RegistryService(Fleet* fleet, const RegistrationRights* rights,
                                 base::MethodMetricsPage* metrics)
    : fleet_(fleet),
      rights_(rights),
      metrics_(metrics->Add("bidi_stream", "msgproc.v1.Registry", "Register")) {
}

absl::string_view RegistryService::RejectionName(absl::StatusCode code) {
  switch (code) {
    case absl::StatusCode::kPermissionDenied:
      return "permission_denied";
    case absl::StatusCode::kAlreadyExists:
      return "already_exists";
    case absl::StatusCode::kInvalidArgument:
      return "invalid_argument";
    case absl::StatusCode::kResourceExhausted:
      return "resource_exhausted";
    default:
      return "other";
  }
}

uint64_t RegistryService::rejected(absl::StatusCode code) const {
  const auto found =
      std::find(kRejectionCodes.begin(), kRejectionCodes.end(), code);
  if (found == kRejectionCodes.end()) return 0;
  return rejected_[static_cast<size_t>(found - kRejectionCodes.begin())].load(
      std::memory_order_relaxed);
}

void RegistryService::NoteRejected(const absl::Status& status,
                                   const Registrant& registrant,
                                   absl::string_view server_id) {
  const auto found =
      std::find(kRejectionCodes.begin(), kRejectionCodes.end(), status.code());
  if (found == kRejectionCodes.end()) return;
  const auto index = static_cast<size_t>(found - kRejectionCodes.begin());
  rejected_[index].fetch_add(1, std::memory_order_relaxed);
  const auto suppressed = rejected_logs_[index].Admit();
  if (!suppressed.has_value()) return;
  base::LogWarning("registration denied",
                   {{"rule", RejectionName(status.code())},
                    {"server_id", server_id.substr(0, kMaxLoggedBytes)},
                    {"peer", registrant.peer},
                    {"certificate", absl::StrJoin(registrant.names, ", ")},
                    {"reason", status.message()},
                    {"suppressed", *suppressed}});
}

grpc::ServerBidiReactor<v1::RegisterRequest, v1::RegisterResponse>*
RegistryService::Register(grpc::CallbackServerContext* context) {
  const Registrant registrant = RegistrantOf(*context);
  auto stream = std::make_shared<RegisterReactor>(
      fleet_, metrics_, context, registrant.Owner(),
      [this, registrant](const absl::Status& status,
                         absl::string_view server_id) {
        NoteRejected(status, registrant, server_id);
      },
      [this](RegisterReactor* done) { streams_.Remove(done); });
  absl::Status admission =
      rights_->Check(registrant, AuthorizationOf(*context));
  if (!admission.ok()) NoteRejected(admission, registrant, "");
  if (absl::Status open = streams_.Add(stream); !open.ok()) admission = open;
  stream->Start(admission);
  return stream.get();
}

}  // namespace msgproc::balancer
