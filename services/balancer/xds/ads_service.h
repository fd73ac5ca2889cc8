#ifndef MSGPROC_SERVICES_BALANCER_XDS_ADS_SERVICE_H_
#define MSGPROC_SERVICES_BALANCER_XDS_ADS_SERVICE_H_

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "envoy/service/discovery/v3/ads.grpc.pb.h"
#include "services/balancer/fleet.h"
#include "services/balancer/open_reactors.h"
#include "services/balancer/xds/ads_stream.h"
#include "services/balancer/xds/host_resolver.h"
#include "services/base/identity/authenticator.h"
#include "services/base/log_throttle.h"

namespace msgproc::balancer {

// Aggregated discovery (ADS): how any gRPC client finds a processor with
// xds:///processors and no library of ours. Each client gets endpoints of its
// own, as GetServer would answer it, and hears at once when they change.
// Thread-safe.
class AdsService final : public envoy::service::discovery::v3::
                             AggregatedDiscoveryService::CallbackService {
 public:
  // `fleet` outlives the service.
  explicit AdsService(Fleet* fleet);
  ~AdsService() override;

  // From here on streams without good credentials are UNAUTHENTICATED. Before
  // the first one; `authenticator` outlives the service.
  void RequireCredentials(const base::Authenticator* authenticator) {
    authenticator_ = authenticator;
  }

  grpc::ServerBidiReactor<envoy::service::discovery::v3::DiscoveryRequest,
                          envoy::service::discovery::v3::DiscoveryResponse>*
  StreamAggregatedResources(grpc::CallbackServerContext* context) override;

  // The fleet has changed: every client is sent what that means to it. What it
  // is not to use any more is on its way when this returns.
  void Review();

  // Ends every stream, also those to come, UNAVAILABLE: the balancer stops.
  void EndAll() { streams_.EndAll(); }

  size_t streams() const { return streams_.size(); }
  uint64_t responses(ResourceType type) const {
    return responses_[static_cast<size_t>(type)].load(
        std::memory_order_relaxed);
  }
  // Responses that a client could not use.
  uint64_t refused(ResourceType type) const {
    return refused_[static_cast<size_t>(type)].load(std::memory_order_relaxed);
  }

 private:
  using Counts = std::array<std::atomic<uint64_t>, kResourceTypes>;

  AdsStream::Host MakeHost();
  void NoteRefused(const AdsState::Refusal& refusal, const AdsStream& stream);

  Fleet* const fleet_;
  // Null: everybody may ask.
  const base::Authenticator* authenticator_ = nullptr;
  Counts responses_{};
  Counts refused_{};
  base::LogThrottle refused_log_;

  OpenReactors<AdsStream> streams_;

  // Of the streams, so behind what they report to. The resolver calls Review,
  // and is the first to go.
  std::unique_ptr<HostResolver> resolver_;
  const AdsStream::Host host_;
};

}  // namespace msgproc::balancer

#endif  // MSGPROC_SERVICES_BALANCER_XDS_ADS_SERVICE_H_
