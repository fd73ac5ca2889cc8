#include "services/balancer/xds/ads_state.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/check.h"
#include "common/transition.h"
#include "common/utf8.h"
#include "wire/proto_locality.h"

namespace msgproc::balancer {
namespace {

absl::string_view PhaseName(AdsState::Phase phase) {
  using Phase = AdsState::Phase;
  switch (phase) {
    case Phase::kUnsubscribed:
      return "unsubscribed";
    case Phase::kDue:
      return "due";
    case Phase::kSent:
      return "sent";
    case Phase::kAccepted:
      return "accepted";
    case Phase::kRefused:
      return "refused";
  }
  return "unknown";
}

absl::Status TooLong(absl::string_view what, size_t bytes) {
  return absl::InvalidArgumentError(
      absl::StrCat(what, " has ", bytes, " bytes; at most ",
                   AdsState::kMaxNameBytes, " are allowed"));
}

absl::Status CheckBounds(const AdsState::Request& request) {
  if (request.resource_names_size() > AdsState::kMaxNames) {
    return absl::InvalidArgumentError(absl::StrCat(
        "a request has ", request.resource_names_size(),
        " resource_names; at most ", AdsState::kMaxNames, " are allowed"));
  }
  for (const std::string& name : request.resource_names()) {
    if (name.size() > AdsState::kMaxNameBytes) {
      return TooLong("a resource name", name.size());
    }
  }
  if (request.node().id().size() > AdsState::kMaxNameBytes) {
    return TooLong("node.id", request.node().id().size());
  }
  return Validate(wire::LocalityFromProto(request.node().locality()));
}

// Of these a client may ask for all, and is told that one does not exist by a
// response without it.
bool IsWhole(ResourceType type) {
  return type == ResourceType::kListener || type == ResourceType::kCluster;
}

}  // namespace

void AdsState::ChangePhase(Subscription* subscription, Phase phase) {
  if (subscription->phase == phase) return;
  TellTransition("balancer::AdsState", PhaseName(subscription->phase),
                 PhaseName(phase));
  subscription->phase = phase;
}

bool AdsState::TakeNames(const Request& request, ResourceType type,
                         Subscription* subscription) {
  std::vector<std::string> names(request.resource_names().begin(),
                                 request.resource_names().end());
  std::sort(names.begin(), names.end());
  const bool all = names.empty() && IsWhole(type);
  const bool wants_ours =
      all || std::binary_search(names.begin(), names.end(), kXdsServiceName);
  const bool more =
      (wants_ours && !subscription->wants_ours) ||
      (IsWhole(type) &&
       !std::includes(subscription->names.begin(), subscription->names.end(),
                      names.begin(), names.end()));
  subscription->names = std::move(names);
  subscription->wants_ours = wants_ours;
  return more;
}

uint64_t AdsState::VersionOf(ResourceType type) const {
  // The others never change.
  return type == ResourceType::kEndpoints ? endpoints_version_ : 1;
}

bool AdsState::MayAnswer(ResourceType type) const {
  if (type == ResourceType::kEndpoints && !endpoints_.has_value()) return false;
  return Of(type).wants_ours || IsWhole(type);
}

absl::StatusOr<std::optional<AdsState::Refusal>> AdsState::OnRequest(
    const Request& request) {
  if (absl::Status status = CheckBounds(request); !status.ok()) return status;
  if (!request.node().id().empty()) node_id_ = request.node().id();
  if (request.node().has_locality()) {
    locality_ = wire::LocalityFromProto(request.node().locality());
  }
  const std::optional<ResourceType> type = ResourceTypeOf(request.type_url());
  // A client may ask for what this control plane does not know, and goes on
  // without.
  if (!type.has_value()) return std::nullopt;
  Subscription& subscription = Of(*type);
  const std::string& nonce = request.response_nonce();
  if (nonce.empty() || subscription.nonce.empty()) {
    // The first of this stream, whatever a former stream had.
    TakeNames(request, *type, &subscription);
    subscription.refused_version = 0;
    ChangePhase(&subscription, Phase::kDue);
    return std::nullopt;
  }
  // Overtaken by a newer response, which will be answered, too.
  if (nonce != subscription.nonce) return std::nullopt;
  std::optional<Refusal> refusal;
  if (request.has_error_detail() &&
      subscription.refused_version != subscription.sent_version) {
    subscription.refused_version = subscription.sent_version;
    refusal = Refusal{.type = *type,
                      .version = absl::StrCat(subscription.sent_version),
                      .reason = TruncateUtf8(request.error_detail().message(),
                                             kMaxReasonBytes)};
  }
  Phase next = subscription.phase;
  if (next == Phase::kSent) {
    next = request.has_error_detail() ? Phase::kRefused : Phase::kAccepted;
  }
  if (TakeNames(request, *type, &subscription)) next = Phase::kDue;
  // Not the same again.
  if (next == Phase::kDue && VersionOf(*type) == subscription.refused_version) {
    next = Phase::kRefused;
  }
  ChangePhase(&subscription, next);
  return refusal;
}

void AdsState::SetEndpoints(XdsAssignment endpoints) {
  MSGPROC_CHECK(!endpoints.serving.empty());
  if (endpoints_ == endpoints) return;
  endpoints_ = std::move(endpoints);
  ++endpoints_version_;
  Subscription& subscription = Of(ResourceType::kEndpoints);
  if (!subscription.wants_ours) return;
  MSGPROC_CHECK(subscription.phase != Phase::kUnsubscribed);
  ChangePhase(&subscription, Phase::kDue);
}

std::optional<AdsState::Response> AdsState::NextResponse() {
  // What leads to something follows it (make before break).
  for (const ResourceType type :
       {ResourceType::kCluster, ResourceType::kEndpoints,
        ResourceType::kListener, ResourceType::kRoute}) {
    Subscription& subscription = Of(type);
    if (subscription.phase != Phase::kDue || !MayAnswer(type)) continue;
    subscription.sent_version = VersionOf(type);
    subscription.nonce = absl::StrCat(++nonces_);
    MSGPROC_CHECK_GT(subscription.sent_version, 0U);
    MSGPROC_CHECK_NE(subscription.sent_version, subscription.refused_version);
    ChangePhase(&subscription, Phase::kSent);
    Response response;
    response.set_version_info(absl::StrCat(subscription.sent_version));
    response.set_type_url(std::string(TypeUrl(type)));
    response.set_nonce(subscription.nonce);
    if (subscription.wants_ours) {
      if (type != ResourceType::kEndpoints) {
        *response.add_resources() = MakeResource(type);
      } else if (endpoints_.has_value()) {  // MayAnswer knows.
        *response.add_resources() = MakeEndpoints(*endpoints_);
      }
    }
    return response;
  }
  return std::nullopt;
}

}  // namespace msgproc::balancer
