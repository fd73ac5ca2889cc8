#include "services/balancer/balancer_service.h"

#include "absl/status/status.h"
#include "services/base/grpc_status.h"

namespace msgproc::balancer {
namespace {

grpc::ServerUnaryReactor* Answer(grpc::CallbackServerContext* context,
                                 const absl::Status& status,
                                 base::MethodMetrics* metrics) {
  metrics->Started();
  metrics->MessageReceived();
  if (status.ok()) metrics->MessageSent();
  metrics->Handled(static_cast<int>(status.code()));
  grpc::ServerUnaryReactor* const reactor = context->DefaultReactor();
  reactor->Finish(base::ToGrpcStatus(status));
  return reactor;
}

}  // namespace

BalancerService::BalancerService(ServerLookup* lookup,
                                 base::MethodMetricsPage* metrics)
    : lookup_(lookup),
      get_server_(metrics->Add("unary", "msgproc.v1.Balancer", "GetServer")),
      list_servers_(
          metrics->Add("unary", "msgproc.v1.Balancer", "ListServers")) {}

absl::Status BalancerService::Admit(
    const grpc::CallbackServerContext& context) const {
  if (authenticator_ == nullptr) return absl::OkStatus();
  return base::RefuseAnonymous(authenticator_->Authenticate(context),
                               "balancer");
}

grpc::ServerUnaryReactor* BalancerService::GetServer(
    grpc::CallbackServerContext* context, const v1::GetServerRequest* request,
    v1::GetServerResponse* response) {
  absl::Status admission = Admit(*context);
  if (!admission.ok()) return Answer(context, admission, get_server_);
  return Answer(context, lookup_->GetServer(*request, response), get_server_);
}

grpc::ServerUnaryReactor* BalancerService::ListServers(
    grpc::CallbackServerContext* context,
    const v1::ListServersRequest* /*request*/,
    v1::ListServersResponse* response) {
  absl::Status admission = Admit(*context);
  if (!admission.ok()) return Answer(context, admission, list_servers_);
  lookup_->ListServers(response);
  return Answer(context, absl::OkStatus(), list_servers_);
}

}  // namespace msgproc::balancer
