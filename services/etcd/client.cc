#include "services/etcd/client.h"

#include <algorithm>
#include <cstdint>
#include <utility>

#include "common/channel_arguments.h"
#include "common/check.h"
#include "common/grpc_deadline.h"
#include "grpcpp/create_channel.h"
#include "services/etcd/keep_alive_call.h"

namespace msgproc::etcd {

struct Client::Connection {
  explicit Connection(const std::shared_ptr<grpc::Channel>& channel)
      : kv(channel), lease(channel), watch(channel), auth(channel) {}

  etcdserverpb::KV::Stub kv;
  etcdserverpb::Lease::Stub lease;
  etcdserverpb::Watch::Stub watch;
  etcdserverpb::Auth::Stub auth;
};

template <typename Request, typename Response>
struct Client::UnaryCall {
  std::shared_ptr<Connection> connection;
  grpc::ClientContext context;
  Request request;
  Response response;
};

namespace {

// Whether another member may do better.
bool IsMembers(grpc::StatusCode code) {
  return code == grpc::StatusCode::UNAVAILABLE ||
         code == grpc::StatusCode::DEADLINE_EXCEEDED ||
         code == grpc::StatusCode::UNKNOWN ||
         code == grpc::StatusCode::UNIMPLEMENTED;
}

// Whether the token is to blame, as etcd 3.4 says it: "invalid auth token",
// "permission denied", "revision of auth store is old", "user name is empty".
bool IsTokens(grpc::StatusCode code) {
  return code == grpc::StatusCode::UNAUTHENTICATED ||
         code == grpc::StatusCode::PERMISSION_DENIED ||
         code == grpc::StatusCode::INVALID_ARGUMENT ||
         code == grpc::StatusCode::FAILED_PRECONDITION;
}

}  // namespace

Client::Options Client::Options::ForLease(absl::Duration lease) const {
  Options options = *this;
  options.timeout = std::max(absl::Seconds(1), lease / 3);
  return options;
}

Client::Client(Options options, Loop* loop)
    : options_(std::move(options)), loop_(loop) {
  MSGPROC_CHECK(!options_.endpoints.empty());
  Connect();
}

Client::~Client() { open_.End(); }

void Client::Connect() {
  grpc::ChannelArguments arguments = OwnChannelArguments();
  LeaveRetriesToCaller(absl::Seconds(2), &arguments);
  // A fleet's list is one message.
  arguments.SetMaxReceiveMessageSize(64 << 20);
  ++connections_;
  connection_ = std::make_shared<Connection>(grpc::CreateCustomChannel(
      endpoint(),
      options_.credentials ? options_.credentials()
                           : grpc::InsecureChannelCredentials(),
      arguments));
}

void Client::Judge(const std::shared_ptr<Connection>& connection,
                   const grpc::Status& status) {
  if (status.ok() || connection != connection_) return;
  if (IsTokens(status.error_code())) token_.clear();
  if (!IsMembers(status.error_code())) return;
  current_ = (current_ + 1) % options_.endpoints.size();
  Connect();
}

void Client::Prepare(grpc::ClientContext* context, bool needs_leader) const {
  if (!token_.empty()) context->AddMetadata("token", token_);
  if (needs_leader) context->AddMetadata("hasleader", "true");
}

template <typename Request, typename Response, typename Start>
void Client::Call(const Request& request, bool needs_leader, Start start,
                  Then<Response> then) {
  WithToken([this, request, needs_leader, start = std::move(start),
             then = std::move(then)](const grpc::Status& status) {
    if (!status.ok()) return then(status, Response());
    auto call = std::make_shared<UnaryCall<Request, Response>>();
    call->connection = connection_;
    call->request = request;
    call->context.set_deadline(DeadlineAfter(options_.timeout));
    Prepare(&call->context, needs_leader);
    const uint64_t id = open_.Add(&call->context);
    auto* const raw = call.get();
    start(raw->connection.get(), &raw->context, &raw->request, &raw->response,
          [this, id, then, call](const grpc::Status& status) mutable {
            loop_->Post([this, then, status, call = std::move(call)] {
              Judge(call->connection, status);
              then(status, call->response);
            });
            open_.Remove(id);
          });
  });
}

void Client::Range(const etcdserverpb::RangeRequest& request,
                   Then<etcdserverpb::RangeResponse> then) {
  Call(
      request, !request.serializable(),
      [](Connection* to, auto* context, auto* asked, auto* answer, auto done) {
        to->kv.async()->Range(context, asked, answer, std::move(done));
      },
      std::move(then));
}

void Client::Txn(const etcdserverpb::TxnRequest& request,
                 Then<etcdserverpb::TxnResponse> then) {
  Call(
      request, true,
      [](Connection* to, auto* context, auto* asked, auto* answer, auto done) {
        to->kv.async()->Txn(context, asked, answer, std::move(done));
      },
      std::move(then));
}

void Client::Grant(const etcdserverpb::LeaseGrantRequest& request,
                   Then<etcdserverpb::LeaseGrantResponse> then) {
  Call(
      request, true,
      [](Connection* to, auto* context, auto* asked, auto* answer, auto done) {
        to->lease.async()->LeaseGrant(context, asked, answer, std::move(done));
      },
      std::move(then));
}

void Client::Revoke(const etcdserverpb::LeaseRevokeRequest& request,
                    Then<etcdserverpb::LeaseRevokeResponse> then) {
  Call(
      request, true,
      [](Connection* to, auto* context, auto* asked, auto* answer, auto done) {
        to->lease.async()->LeaseRevoke(context, asked, answer, std::move(done));
      },
      std::move(then));
}

void Client::KeepAlive(const etcdserverpb::LeaseKeepAliveRequest& request,
                       Then<etcdserverpb::LeaseKeepAliveResponse> then) {
  Call(
      request, true,
      [](Connection* to, auto* context, auto* asked, auto* answer, auto done) {
        KeepAliveCall::Start(&to->lease, context, *asked, answer,
                             std::move(done));
      },
      std::move(then));
}

void Client::WithToken(std::function<void(const grpc::Status&)> then) {
  if (options_.user.empty() || !token_.empty()) return then(grpc::Status::OK);
  waiting_.push_back(std::move(then));
  if (waiting_.size() > 1) return;
  using Authenticate = UnaryCall<etcdserverpb::AuthenticateRequest,
                                 etcdserverpb::AuthenticateResponse>;
  auto call = std::make_shared<Authenticate>();
  call->connection = connection_;
  call->request.set_name(options_.user);
  call->request.set_password(options_.password());
  call->context.set_deadline(DeadlineAfter(options_.timeout));
  const uint64_t id = open_.Add(&call->context);
  auto* const raw = call.get();
  raw->connection->auth.async()->Authenticate(
      &raw->context, &raw->request, &raw->response,
      [this, id, call](const grpc::Status& status) mutable {
        loop_->Post([this, status, call = std::move(call)] {
          OnToken(call->connection, status, call->response.token());
        });
        open_.Remove(id);
      });
}

void Client::OnToken(const std::shared_ptr<Connection>& connection,
                     const grpc::Status& status, const std::string& token) {
  Judge(connection, status);
  if (status.ok()) token_ = token;
  std::vector<std::function<void(const grpc::Status&)>> waiting;
  waiting.swap(waiting_);
  for (const auto& then : waiting) then(status);
}

std::shared_ptr<WatchCall> Client::Watch(
    const etcdserverpb::WatchCreateRequest& request,
    WatchCall::OnResponse on_response, WatchCall::OnEnded on_ended) {
  const std::shared_ptr<Connection> connection = connection_;
  auto call = std::make_shared<WatchCall>(
      loop_, &open_, std::move(on_response),
      [this, connection,
       on_ended = std::move(on_ended)](const grpc::Status& status) {
        Judge(connection, status);
        on_ended(status);
      });
  etcdserverpb::WatchRequest first;
  *first.mutable_create_request() = request;
  WithToken([this, call, connection, first](const grpc::Status& status) {
    if (!status.ok()) return call->Refuse(status);
    Prepare(call->context(), true);
    call->Start(&connection->watch, connection, first);
  });
  return call;
}

}  // namespace msgproc::etcd
