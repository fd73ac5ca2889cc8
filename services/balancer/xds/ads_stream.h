#ifndef MSGPROC_SERVICES_BALANCER_XDS_ADS_STREAM_H_
#define MSGPROC_SERVICES_BALANCER_XDS_ADS_STREAM_H_

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "absl/random/random.h"
#include "absl/status/status.h"
#include "common/mutex.h"
#include "envoy/service/discovery/v3/ads.pb.h"
#include "grpcpp/server_context.h"
#include "grpcpp/support/server_callback.h"
#include "services/balancer/fleet.h"
#include "services/balancer/xds/ads_assignment.h"
#include "services/balancer/xds/ads_state.h"

namespace msgproc::balancer {

// One client's xDS stream: AdsState and AdsAssignment, and the calls of gRPC
// that they ask for. One read in flight until it ends, one write. Owned by
// itself, until OnDone. Callbacks come from gRPC's threads, Review and End from
// any; no lock is held across a call of gRPC.
class AdsStream final : public grpc::ServerBidiReactor<
                            envoy::service::discovery::v3::DiscoveryRequest,
                            envoy::service::discovery::v3::DiscoveryResponse>,
                        public std::enable_shared_from_this<AdsStream> {
 public:
  // What the stream needs of who holds it. All outlives the stream.
  struct Host {
    Fleet* fleet;
    AdsAssignment::Resolve resolve;
    // Of one response, before it is sent.
    std::function<void(ResourceType type)> on_response;
    std::function<void(const AdsState::Refusal& refusal, const AdsStream&)>
        on_refused;
    // Called last, from OnDone.
    std::function<void(AdsStream*)> on_done;
  };

  AdsStream(const Host* host, grpc::CallbackServerContext* context);

  // Begins to read; or, with an error, ends with that at once.
  void Start(const absl::Status& admission);

  // The fleet has changed: sends what that means to this client.
  void Review();

  // Ends the stream. Only the first reason counts.
  void End(absl::Status status);

  std::string node_id() const;
  std::string peer() const { return context_->peer(); }

  void OnReadDone(bool ok) override;
  void OnWriteDone(bool ok) override;
  void OnCancel() override { End(absl::CancelledError()); }
  void OnDone() override;

 private:
  void Assign() MSGPROC_REQUIRES(mutex_);
  // Writes or finishes, whatever is next.
  void Advance();

  const Host* const host_;
  grpc::CallbackServerContext* const context_;
  // Lets go of itself in OnDone.
  std::shared_ptr<AdsStream> self_;

  // Of the read and the write in flight.
  AdsState::Request request_;
  AdsState::Response response_;

  mutable Mutex mutex_;
  AdsState state_ MSGPROC_GUARDED_BY(mutex_);
  AdsAssignment assignment_ MSGPROC_GUARDED_BY(mutex_);
  absl::InsecureBitGen random_ MSGPROC_GUARDED_BY(mutex_);
  bool write_in_flight_ MSGPROC_GUARDED_BY(mutex_) = false;
  std::optional<absl::Status> end_ MSGPROC_GUARDED_BY(mutex_);
  bool finished_ MSGPROC_GUARDED_BY(mutex_) = false;
};

}  // namespace msgproc::balancer

#endif  // MSGPROC_SERVICES_BALANCER_XDS_ADS_STREAM_H_
