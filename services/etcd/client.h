#ifndef MSGPROC_SERVICES_ETCD_CLIENT_H_
#define MSGPROC_SERVICES_ETCD_CLIENT_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "etcd/rpc.grpc.pb.h"
#include "grpcpp/security/credentials.h"
#include "services/etcd/loop.h"
#include "services/etcd/open_calls.h"
#include "services/etcd/watch_call.h"

namespace msgproc::etcd {

// Talks to one of a cluster's members at a time, and to the next one once that
// fails. Shows user and password where there are any, and again whenever etcd
// does not take its token any more: a member that was restarted has forgotten
// all tokens.
//
// Everything is called on the loop's thread, answers included. Only etcd
// decides what a call means; nothing is tried again here.
class Client {
 public:
  struct Options {
    std::vector<std::string> endpoints;  // host:port each.
    // Asked before each connection. Empty: plaintext.
    std::function<std::shared_ptr<grpc::ChannelCredentials>()> credentials;
    // Empty: etcd is not told who asks.
    std::string user;
    std::function<std::string()> password;
    // Of each call but watches.
    absl::Duration timeout = absl::Seconds(2);

    // With a timeout that leaves a lease time to be kept alive.
    Options ForLease(absl::Duration lease) const;
  };
  template <typename Response>
  using Then = std::function<void(const grpc::Status&, const Response&)>;

  // `loop` outlives it.
  Client(Options options, Loop* loop);
  // Ends all calls and waits for that; the loop has stopped before.
  ~Client();
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  // A serializable one needs no leader; everything else fails at once where
  // the member knows of none.
  void Range(const etcdserverpb::RangeRequest& request,
             Then<etcdserverpb::RangeResponse> then);
  void Txn(const etcdserverpb::TxnRequest& request,
           Then<etcdserverpb::TxnResponse> then);
  void Grant(const etcdserverpb::LeaseGrantRequest& request,
             Then<etcdserverpb::LeaseGrantResponse> then);
  void Revoke(const etcdserverpb::LeaseRevokeRequest& request,
              Then<etcdserverpb::LeaseRevokeResponse> then);
  void KeepAlive(const etcdserverpb::LeaseKeepAliveRequest& request,
                 Then<etcdserverpb::LeaseKeepAliveResponse> then);

  // Neither is called before it returns. Drop it once it is not wanted any
  // more.
  std::shared_ptr<WatchCall> Watch(
      const etcdserverpb::WatchCreateRequest& request,
      WatchCall::OnResponse on_response, WatchCall::OnEnded on_ended);

  // A watch was refused within its stream, for what may be the token's fault.
  void ForgetToken() { token_.clear(); }

  // The member that is asked now.
  const std::string& endpoint() const { return options_.endpoints[current_]; }

  // Changes with every connection: watches are still on the former one.
  uint64_t connections() const { return connections_; }

 private:
  struct Connection;
  template <typename Request, typename Response>
  struct UnaryCall;
  template <typename Request, typename Response, typename Start>
  void Call(const Request& request, bool needs_leader, Start start,
            Then<Response> then);
  // Runs `then` once there is a token, or none is needed.
  void WithToken(std::function<void(const grpc::Status&)> then);
  void OnToken(const std::shared_ptr<Connection>& connection,
               const grpc::Status& status, const std::string& token);
  void Connect();
  // Goes on to the next member if that is what the status asks for, or gets a
  // new token.
  void Judge(const std::shared_ptr<Connection>& connection,
             const grpc::Status& status);
  void Prepare(grpc::ClientContext* context, bool needs_leader) const;

  const Options options_;
  Loop* const loop_;
  size_t current_ = 0;
  uint64_t connections_ = 0;
  std::shared_ptr<Connection> connection_;
  std::string token_;
  // What waits for a token that was asked for.
  std::vector<std::function<void(const grpc::Status&)>> waiting_;
  OpenCalls open_;
};

}  // namespace msgproc::etcd

#endif  // MSGPROC_SERVICES_ETCD_CLIENT_H_
