#ifndef MSGPROC_SERVICES_PROCESSOR_SERVER_H_
#define MSGPROC_SERVICES_PROCESSOR_SERVER_H_

#include <atomic>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "common/mutex.h"
#include "services/base/grpc_server.h"
#include "services/base/identity/access_file.h"
#include "services/base/identity/authenticator.h"
#include "services/base/liveness.h"
#include "services/base/traces/otlp_exporter.h"
#include "services/base/wrong_settings.h"
#include "services/processor/executors/async_executor.h"
#include "services/processor/executors/executor.h"
#include "services/processor/handlers/handler_registry.h"
#include "services/processor/store/store_committer.h"
#include "services/processor/store/store_options.h"
#include "services/processor/stream/open_streams.h"
#include "services/processor/stream/processor_context.h"
#include "services/processor/stream/processor_service.h"
#include "services/processor/workers/worker_options.h"
#include "services/processor/workers/worker_process_executor.h"

namespace msgproc::processor {

struct ServerOptions {
  base::GrpcServerOptions grpc = {.acceptor = {.max_connections = 8192}};
  ProcessorContext::Options streams;
  // How clients show who they are.
  base::Authenticator::Options identity;
  // As base::LoadAccessFile takes it; empty: everybody may everything.
  std::string access_file;
  // Whether each call shows who it is from, also health and reflection.
  bool authenticate_all = false;
  // Threads for handlers that may block. 0: as many as there are cores.
  int handler_threads = 0;
  // With workers all handlers run in them (Model II). With a worker command
  // `streams.default_handler` may name several, separated by commas: those that
  // the command has; otherwise it has one, "worker". Without workers
  // `workers.handler_timeout` is for handlers that answer later; 0: none.
  WorkerOptions workers;
  // Where sessions outlive the process; without a URL they do not.
  StoreOptions store;
  StoreCommitter::Options commits;
  // Where spans go; `resource.instance_id` is set here.
  base::OtlpExporter::Options traces;
  // Null: nobody looks whether it stalls. Outlives the server.
  base::Liveness* liveness = nullptr;
};

// Bounds of these options, but for those of workers.
base::WrongSettings Validate(const ServerOptions& options);

// A processor: Model I or II. Owns everything that serves; its owner calls
// Drain before it lets go of it, or streams are cut. Thread-safe.
class Server {
 public:
  // Serves once it returns. `handlers` outlives the server. Errors as of
  // GrpcServer::Start and WorkerProcessExecutor::Start; NOT_FOUND: the default
  // handler; INVALID_ARGUMENT: what Validate has found.
  static absl::StatusOr<std::unique_ptr<Server>> Start(
      ServerOptions options, const HandlerRegistry* handlers);

  // Whether it would start, as far as can be known without listening or
  // starting a worker: options and files. The errors of Start, all of them.
  static absl::Status Check(const ServerOptions& options,
                            const HandlerRegistry& handlers);

  // Ends what is still open.
  ~Server();

  // host:port, with the real port.
  const std::string& address() const { return grpc_->address(); }
  const std::string& server_id() const { return context_.options().server_id; }
  ProcessorContext* context() { return &context_; }
  OpenStreams* streams() { return &streams_; }
  const base::GrpcServer& grpc() const { return *grpc_; }
  // Null in Model I.
  WorkerProcessExecutor* workers() { return workers_; }
  // Runs handlers that answer later. Null in Model II.
  const AsyncExecutor* async() const { return async_; }

  // Whether new streams are welcome, a worker serves where there are any, and
  // the session store works if there is one.
  bool Serving() { return WhyNotServing().empty(); }
  // For people; empty: it serves.
  std::string WhyNotServing();
  // Null: spans go nowhere.
  const base::OtlpExporter* traces() const { return traces_.get(); }
  // Null: sessions live in memory.
  StoreCommitter* committer() { return committer_.get(); }
  // Empty: sessions are in memory.
  std::string store_generation() const {
    return committer_ == nullptr ? "" : committer_->generation();
  }

  // Gives up silent clients and forgets sessions whose time is over. Done by a
  // thread of its own about once a second; tests that move the clock call it.
  void Tick();

  // Has health checks (grpc.health.v1) say NOT_SERVING from here on, while all
  // else goes on: whoever picks servers by them picks others.
  void AnnounceDrain();

  // Stops as rule 7 of processor.proto says: no new connections, Drain on every
  // stream, UNAVAILABLE for those still there after `timeout`. Blocks until
  // all is over. Once.
  void Drain(absl::Duration timeout);

 private:
  Server(ServerOptions options, const HandlerRegistry* handlers,
         std::unique_ptr<WorkerProcessExecutor> workers,
         std::unique_ptr<StoreCommitter> committer,
         std::unique_ptr<base::OtlpExporter> traces);

  // Makes `streams.access` of what the other options name, where that is empty.
  static absl::Status LoadAccess(ServerOptions* options);

  void BindHandlers(const HandlerRegistry& handlers);
  void BindCommand();
  void Bind(const std::string& name, HandlerTraits traits, Handler* handler);
  absl::string_view ExecutorFor(const HandlerTraits& traits,
                                Handler* handler) const;
  void TickUntilStopped();
  absl::Duration TickInterval() const;

  const ServerOptions options_;
  const std::unique_ptr<base::OtlpExporter> traces_;
  const std::unique_ptr<StoreCommitter> committer_;
  ProcessorContext context_;
  OpenStreams streams_;
  std::map<std::string, std::unique_ptr<Executor>> executors_;
  WorkerProcessExecutor* workers_ = nullptr;  // One of them, or null.
  AsyncExecutor* async_ = nullptr;            // Likewise.
  ProcessorService service_;
  std::unique_ptr<base::GrpcServer> grpc_;
  // grpc_, for streams: the first may come before Start has it.
  std::atomic<const base::GrpcServer*> clients_{nullptr};

  mutable Mutex mutex_;
  CondVar stopped_;
  bool stopping_ MSGPROC_GUARDED_BY(mutex_) = false;
  std::thread ticker_;
};

}  // namespace msgproc::processor

#endif  // MSGPROC_SERVICES_PROCESSOR_SERVER_H_
