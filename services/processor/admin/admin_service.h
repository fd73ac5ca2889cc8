#ifndef MSGPROC_SERVICES_PROCESSOR_ADMIN_ADMIN_SERVICE_H_
#define MSGPROC_SERVICES_PROCESSOR_ADMIN_ADMIN_SERVICE_H_

#include <grpcpp/server_context.h>
#include <grpcpp/support/status.h>

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/state_dump.h"
#include "msgproc/admin/v1/admin.grpc.pb.h"
#include "msgproc/admin/v1/admin.pb.h"
#include "services/base/vitals_meter.h"
#include "services/processor/admin/watched_sessions.h"

namespace msgproc::processor {

class HostedSession;
class OpenStreams;
class ProcessorContext;
class WorkerProcessExecutor;

// The service Admin of a processor, for a gRPC server of its own. Calls run on
// that server's threads, never on those that serve streams: looking through ten
// thousand sessions takes milliseconds. Thread-safe.
class AdminService final : public admin::v1::Admin::Service {
 public:
  struct Balancers {
    size_t listed = 0;
    size_t registered = 0;
  };

  // What it looks into. All of it outlives the service.
  struct Server {
    ProcessorContext* context = nullptr;
    OpenStreams* streams = nullptr;
    // Where clients come in.
    std::string address;
    base::VitalsMeter* vitals = nullptr;
    // Null in Model I.
    WorkerProcessExecutor* workers = nullptr;
    // Balancers that it is to register with, and is registered with.
    std::function<Balancers()> balancers;
    // Cordons it or not, and returns once its balancers have heard it, or soon
    // at any rate. Returns how it was before.
    std::function<bool(bool cordoned)> cordon;
    // Empty: sessions are in memory.
    std::function<std::string()> store_generation;
    // What DumpState says of the server itself.
    std::function<std::vector<StateDump>()> dump;
  };
  explicit AdminService(Server server);

  grpc::Status GetStatus(grpc::ServerContext* context,
                         const admin::v1::GetStatusRequest* request,
                         admin::v1::GetStatusResponse* response) override;
  grpc::Status ListSessions(grpc::ServerContext* context,
                            const admin::v1::ListSessionsRequest* request,
                            admin::v1::ListSessionsResponse* response) override;
  grpc::Status GetSession(grpc::ServerContext* context,
                          const admin::v1::GetSessionRequest* request,
                          admin::v1::GetSessionResponse* response) override;
  grpc::Status MoveSessions(grpc::ServerContext* context,
                            const admin::v1::MoveSessionsRequest* request,
                            admin::v1::MoveSessionsResponse* response) override;
  grpc::Status ForgetSession(
      grpc::ServerContext* context,
      const admin::v1::ForgetSessionRequest* request,
      admin::v1::ForgetSessionResponse* response) override;
  grpc::Status ListWorkers(grpc::ServerContext* context,
                           const admin::v1::ListWorkersRequest* request,
                           admin::v1::ListWorkersResponse* response) override;
  grpc::Status SetLogLevel(grpc::ServerContext* context,
                           const admin::v1::SetLogLevelRequest* request,
                           admin::v1::SetLogLevelResponse* response) override;
  grpc::Status TraceSession(grpc::ServerContext* context,
                            const admin::v1::TraceSessionRequest* request,
                            admin::v1::TraceSessionResponse* response) override;
  grpc::Status SetCordon(grpc::ServerContext* context,
                         const admin::v1::SetCordonRequest* request,
                         admin::v1::SetCordonResponse* response) override;
  grpc::Status EndStream(grpc::ServerContext* context,
                         const admin::v1::EndStreamRequest* request,
                         admin::v1::EndStreamResponse* response) override;
  grpc::Status DumpState(grpc::ServerContext* context,
                         const admin::v1::DumpStateRequest* request,
                         admin::v1::DumpStateResponse* response) override;

 private:
  // Whom a request names. NOT_FOUND.
  template <typename Request>
  absl::StatusOr<std::shared_ptr<HostedSession>> Find(
      const Request& request) const;
  absl::Status LogSession(const admin::v1::SetLogLevelRequest& request,
                          admin::v1::SetLogLevelResponse* response);

  const Server server_;
  const absl::Time begun_;
  WatchedSessions watched_;
};

}  // namespace msgproc::processor

#endif  // MSGPROC_SERVICES_PROCESSOR_ADMIN_ADMIN_SERVICE_H_
