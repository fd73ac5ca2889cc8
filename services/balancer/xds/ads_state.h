#ifndef MSGPROC_SERVICES_BALANCER_XDS_ADS_STATE_H_
#define MSGPROC_SERVICES_BALANCER_XDS_ADS_STATE_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "common/locality.h"
#include "envoy/service/discovery/v3/ads.pb.h"
#include "services/balancer/xds/xds_resources.h"

namespace msgproc::balancer {

// What one client has asked for over xDS, has been sent, and said of it: the
// "state of the world" variant of the protocol. Each type of resource by
// itself:
//
//                    first request        NextResponse         ACK
//  [ unsubscribed ]───────────────►[ due ]────────────►[ sent ]───►[ accepted ]
//                                   ▲ ▲ ▲                 │ NACK        │
//                   a name not asked│ │ │newer endpoints  ▼             │
//                    for before     │ │ └───────────[ refused ]         │
//                                   │ └───────────────────┘             │
//                                   └───────────────────────────────────┘
//
// A client that refused what it was sent is not sent the same again. Pure: no
// threads, no I/O. Thread-compatible.
class AdsState {
 public:
  using Request = envoy::service::discovery::v3::DiscoveryRequest;
  using Response = envoy::service::discovery::v3::DiscoveryResponse;

  // Of a request.
  static constexpr int kMaxNames = 100;
  static constexpr size_t kMaxNameBytes = 256;
  // Of what is kept of the client's words.
  static constexpr size_t kMaxReasonBytes = 512;

  enum class Phase { kUnsubscribed, kDue, kSent, kAccepted, kRefused };

  // A client that could not use what it was sent.
  struct Refusal {
    ResourceType type;
    std::string version;
    std::string reason;
  };

  // Takes what the client says. Says so when that is a refusal.
  // INVALID_ARGUMENT: a bound is exceeded, and the stream is to end.
  absl::StatusOr<std::optional<Refusal>> OnRequest(const Request& request);

  // What the client is given from here on; at least one that serves.
  void SetEndpoints(XdsAssignment endpoints);

  // Whether the client is to have endpoints.
  bool wants_endpoints() const {
    return Of(ResourceType::kEndpoints).wants_ours;
  }

  // What is to be sent, one after the other; none: nothing for now.
  std::optional<Response> NextResponse();

  // As the client calls itself, once it did.
  const std::string& node_id() const { return node_id_; }
  // Where the client is, by its own account; empty: it did not say.
  const Locality& locality() const { return locality_; }

  Phase phase(ResourceType type) const { return Of(type).phase; }

 private:
  struct Subscription {
    Phase phase = Phase::kUnsubscribed;
    // In order. Empty, of listeners and clusters: all.
    std::vector<std::string> names;
    bool wants_ours = false;
    // Of the last response.
    std::string nonce;
    uint64_t sent_version = 0;
    uint64_t refused_version = 0;
  };

  const Subscription& Of(ResourceType type) const {
    return subscriptions_[static_cast<size_t>(type)];
  }
  Subscription& Of(ResourceType type) {
    return subscriptions_[static_cast<size_t>(type)];
  }

  // Whether there is something to say to it.
  bool MayAnswer(ResourceType type) const;
  uint64_t VersionOf(ResourceType type) const;
  // Takes over what the client wants; whether it wants more than before.
  static bool TakeNames(const Request& request, ResourceType type,
                        Subscription* subscription);
  static void ChangePhase(Subscription* subscription, Phase phase);

  std::array<Subscription, kResourceTypes> subscriptions_;
  std::string node_id_;
  Locality locality_;
  std::optional<XdsAssignment> endpoints_;
  uint64_t endpoints_version_ = 0;
  uint64_t nonces_ = 0;
};

}  // namespace msgproc::balancer

#endif  // MSGPROC_SERVICES_BALANCER_XDS_ADS_STATE_H_
