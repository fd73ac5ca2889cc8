#include "services/processor/server.h"

#include <algorithm>
#include <cstddef>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "common/clock.h"
#include "common/process_limits.h"
#include "services/processor/executors/inline_executor.h"
#include "services/processor/executors/thread_pool_executor.h"
#include "services/processor/store/open_store.h"
#include "services/processor/store/store_url.h"
#include "services/processor/store/transaction_executor.h"

namespace msgproc::processor {
namespace {

// What a stream that was told UNAVAILABLE has left to hear it.
constexpr absl::Duration kLastWords = absl::Seconds(2);

int ReceiveLimit(const SessionLimits& limits) {
  // Twice the payload, so that one a little over the limit is told so by name
  // and not by gRPC.
  return static_cast<int>(
      std::max<size_t>(4 << 20, limits.max_payload_bytes * 2 + (256 << 10)));
}

// The handlers that a worker command has are those it is said to have.
void NameCommandHandlers(ServerOptions* options) {
  options->workers.handlers = absl::StrSplit(options->streams.default_handler,
                                             ',', absl::SkipWhitespace());
  if (options->workers.handlers.empty()) {
    options->workers.handlers = {"worker"};
  }
  options->streams.default_handler = options->workers.handlers.front();
}

// Executors by name.
constexpr absl::string_view kInline = "inline";
constexpr absl::string_view kThreadPool = "thread pool";
constexpr absl::string_view kWorkers = "workers";
constexpr absl::string_view kAsync = "async";
constexpr absl::string_view kTransactions = "transactions";

// FAILED_PRECONDITION: workers would commit to a store that takes nothing of
// them.
absl::Status CheckWorkersStore(const ServerOptions& options) {
  if (!options.workers.commits) return absl::OkStatus();
  const auto url = ParseStoreUrl(options.store.url);
  if (url.ok() && url->kind == StoreUrl::Kind::kPostgres) {
    return absl::OkStatus();
  }
  return absl::FailedPreconditionError(
      "Workers commit by themselves (--worker_commits) where sessions are kept "
      "in PostgreSQL: give --session_store=postgresql://…");
}

}  // namespace

base::WrongSettings Validate(const ServerOptions& options) {
  base::WrongSettings wrong;
  const SessionTable::Options& sessions = options.streams.sessions;
  wrong.Expect(sessions.session_ttl >= absl::Milliseconds(10), "session_ttl",
               sessions.session_ttl, "at least 10ms");
  wrong.Expect(options.streams.heartbeat_interval >= absl::Milliseconds(10),
               "heartbeat_interval", options.streams.heartbeat_interval,
               "at least 10ms");
  const absl::Duration age = options.streams.max_stream_age;
  wrong.Expect(age == absl::ZeroDuration() || age >= absl::Seconds(1),
               "max_stream_age", age, "at least 1s, or 0 for none");
  const int connections = options.grpc.acceptor.max_connections;
  for (const auto& [name, count] :
       {std::pair("handler_threads", options.handler_threads),
        std::pair("max_connections", connections)}) {
    if (count >= 0) continue;
    wrong.Add(
        absl::StrCat("{", name, "} is ", count, "; it cannot be negative."));
  }
  const absl::Duration timeout = options.workers.handler_timeout;
  wrong.Expect(options.workers.count > 0 || timeout == absl::ZeroDuration() ||
                   timeout >= absl::Milliseconds(10),
               "handler_timeout", timeout, "at least 10ms, or 0 for none");
  if (options.streams.server_id.size() > 128) {
    wrong.Add("{server_id} has over 128 bytes.");
  }
  wrong.Expect(sessions.memory_budget == -1 || sessions.memory_budget == 0 ||
                   sessions.memory_budget >= (1 << 20),
               "memory_budget", sessions.memory_budget,
               "at least 1048576, 0 for none, or -1");
  if (!options.store.url.empty()) {
    wrong.Add(ParseStoreUrl(options.store.url).status());
  }
  wrong.Expect(
      options.store.connections >= 1 && options.store.connections <= 64,
      "session_store_connections", options.store.connections, "1 to 64");
  wrong.Expect(options.commits.session_retention >= sessions.session_ttl,
               "session_retention", options.commits.session_retention,
               "at least what session_ttl is");
  wrong.Expect(options.commits.tombstone_retention >= absl::ZeroDuration(),
               "tombstone_retention", options.commits.tombstone_retention,
               "at least 0");
  base::OtlpExporter::Validate(options.traces, &wrong);
  // A Welcome carries them as they are, and a first Open must always fit.
  const SessionLimits& limits = sessions.limits;
  wrong.Expect(limits.max_batch_messages >= wire::kMaxMessagesWithOpen &&
                   limits.max_batch_messages <= (1 << 20),
               "max_batch_messages", limits.max_batch_messages,
               "64 to 1048576");
  wrong.Expect(limits.max_outstanding_messages >= wire::kMaxMessagesWithOpen &&
                   limits.max_outstanding_messages <= (1 << 24),
               "max_outstanding_messages", limits.max_outstanding_messages,
               "64 to 16777216");
  wrong.Expect(limits.max_outstanding_bytes >= wire::kMaxBytesWithOpen,
               "max_outstanding_bytes", limits.max_outstanding_bytes,
               "at least 65536");
  wrong.Expect(
      limits.max_payload_bytes >= 1 && limits.max_payload_bytes <= (64 << 20),
      "max_payload_bytes", limits.max_payload_bytes, "1 to 67108864");
  return wrong;
}

Server::Server(ServerOptions options, const HandlerRegistry* handlers,
               std::unique_ptr<WorkerProcessExecutor> workers,
               std::unique_ptr<StoreCommitter> committer,
               std::unique_ptr<base::OtlpExporter> traces)
    : options_(std::move(options)),
      traces_(std::move(traces)),
      committer_(std::move(committer)),
      context_([this] {
        ProcessorContext::Options streams = options_.streams;
        streams.sessions.committer = committer_.get();
        streams.real_peer = [this](const std::string& peer) {
          const base::GrpcServer* grpc = clients_.load();
          return grpc == nullptr ? peer : grpc->ClientOf(peer);
        };
        return streams;
      }()),
      streams_(&context_),
      service_(&streams_) {
  if (workers != nullptr) {
    workers_ = workers.get();
    executors_.emplace(kWorkers, std::move(workers));
  }
  if (committer_ != nullptr) {
    executors_.emplace(kTransactions,
                       std::make_unique<TransactionExecutor>(committer_.get()));
  }
  if (options_.workers.command.empty()) {
    BindHandlers(*handlers);
  } else {
    BindCommand();
  }
}

void Server::BindHandlers(const HandlerRegistry& handlers) {
  if (workers_ == nullptr) {
    const int threads = options_.handler_threads > 0
                            ? options_.handler_threads
                            : ReadProcessLimits().parallelism();
    executors_.emplace(kInline, std::make_unique<InlineExecutor>());
    executors_.emplace(kThreadPool,
                       std::make_unique<ThreadPoolExecutor>(threads));
    const absl::Duration timeout = options_.workers.handler_timeout;
    auto async = std::make_unique<AsyncExecutor>(
        timeout == absl::ZeroDuration() ? absl::InfiniteDuration() : timeout);
    async_ = async.get();
    executors_.emplace(kAsync, std::move(async));
  }
  for (const std::string& name : handlers.Names()) {
    const HandlerRegistry::Entry& entry = **handlers.Find(name);
    const bool here = workers_ == nullptr || entry.traits.transactional;
    Bind(entry.name, entry.traits, here ? entry.handler.get() : nullptr);
  }
}

// Who runs a handler.
absl::string_view Server::ExecutorFor(const HandlerTraits& traits,
                                      Handler* handler) const {
  // Without a store no stream is let in to it.
  if (traits.transactional && committer_ != nullptr) return kTransactions;
  if (workers_ != nullptr) return kWorkers;
  if (handler->async() != nullptr) return kAsync;
  return traits.never_blocks ? kInline : kThreadPool;
}

void Server::BindCommand() {
  const HandlerTraits traits = {.ordered = options_.workers.ordered,
                                .workers_commit = options_.workers.commits};
  for (const std::string& name : options_.workers.handlers) {
    Bind(name, traits, nullptr);
  }
}

void Server::Bind(const std::string& name, HandlerTraits traits,
                  Handler* handler) {
  auto binding = std::make_unique<HandlerBinding>();
  binding->name = name;
  binding->handler = handler;
  binding->traits = traits;
  binding->executor =
      executors_.at(std::string(ExecutorFor(traits, handler))).get();
  binding->max_payload_bytes =
      options_.streams.sessions.limits.max_payload_bytes;
  binding->spans = traces_.get();
  context_.Bind(std::move(binding));
}

absl::Status Server::LoadAccess(ServerOptions* options) {
  AccessControl::Options& access = options->streams.access;
  if (access.authenticator == nullptr) {
    auto authenticator = base::Authenticator::Create(options->identity);
    if (!authenticator.ok()) return authenticator.status();
    access.authenticator = *std::move(authenticator);
  }
  if (access.file == nullptr) {
    auto file = base::LoadAccessFile(options->access_file);
    if (!file.ok()) return file.status();
    access.file = *std::move(file);
  }
  return absl::OkStatus();
}

absl::Status Server::Check(const ServerOptions& options,
                           const HandlerRegistry& handlers) {
  base::WrongSettings wrong = Validate(options);
  wrong.Add(base::CheckCredentials(options.grpc.credentials,
                                   options.grpc.acceptor.address));
  wrong.Add(base::Authenticator::Create(options.identity).status());
  wrong.Add(base::LoadAccessFile(options.access_file).status());
  wrong.Add(base::OtlpExporter::Check(options.traces));
  const std::string& handler = options.streams.default_handler;
  if (options.workers.command.empty() && !handler.empty()) {
    wrong.Add(handlers.Find(handler).status());
  }
  return wrong.AsStatus();
}

absl::StatusOr<std::unique_ptr<Server>> Server::Start(
    ServerOptions options, const HandlerRegistry* handlers) {
  const SessionLimits& limits = options.streams.sessions.limits;
  if (absl::Status status = Validate(options).AsStatus(); !status.ok()) {
    return status;
  }
  if (!options.workers.command.empty()) {
    NameCommandHandlers(&options);
  } else if (options.streams.default_handler.empty()) {
    options.streams.default_handler = handlers->first();
  }
  options.grpc.max_receive_message_bytes = ReceiveLimit(limits);
  if (absl::Status status = LoadAccess(&options); !status.ok()) return status;
  if (options.authenticate_all) {
    options.grpc.credentials.authenticate_all =
        options.streams.access.authenticator;
  }
  if (absl::Status status = CheckWorkersStore(options); !status.ok()) {
    return status;
  }
  // Before gRPC starts, and with it threads that are of no use to workers.
  std::unique_ptr<WorkerProcessExecutor> workers;
  if (options.workers.count > 0) {
    options.workers.max_payload_bytes = limits.max_payload_bytes;
    auto started = WorkerProcessExecutor::Start(options.workers);
    if (!started.ok()) return started.status();
    workers = *std::move(started);
  }
  std::unique_ptr<StoreCommitter> committer;
  if (!options.store.url.empty()) {
    auto store = OpenSessionStore(options.store);
    if (!store.ok()) return store.status();
    committer =
        std::make_unique<StoreCommitter>(*std::move(store), options.commits);
  }
  options.traces.resource.instance_id = options.streams.server_id;
  auto traces = base::OtlpExporter::Start(options.traces);
  if (!traces.ok()) return traces.status();
  std::unique_ptr<Server> server(
      new Server(std::move(options), handlers, std::move(workers),
                 std::move(committer), *std::move(traces)));
  auto binding = server->context_.FindHandler("");
  if (!binding.ok()) return binding.status();
  if ((*binding)->traits.transactional && server->committer_ == nullptr) {
    return absl::FailedPreconditionError(absl::StrCat(
        "The handler '", (*binding)->name,
        "' commits what it does together with its results: give "
        "--session_store, as in --session_store=sqlite:/var/lib/msgproc/"
        "sessions.db."));
  }
  auto grpc =
      base::GrpcServer::Start(server->options_.grpc, {&server->service_});
  if (!grpc.ok()) return grpc.status();
  server->grpc_ = *std::move(grpc);
  server->clients_ = server->grpc_.get();
  const AccessControl::Options& access = server->options_.streams.access;
  if (server->traces_ != nullptr && server->traces_->files() != nullptr) {
    server->grpc_->files()->Add(server->traces_->files());
  }
  for (const auto& watched :
       {access.authenticator->files(), access.file->files()}) {
    for (const auto& files : watched) server->grpc_->files()->Add(files);
  }
  server->ticker_ =
      std::thread([server = server.get()] { server->TickUntilStopped(); });
  return server;
}

Server::~Server() {
  {
    MutexLock lock(&mutex_);
    stopping_ = true;
  }
  stopped_.SignalAll();
  if (ticker_.joinable()) ticker_.join();
  if (grpc_ != nullptr) {
    streams_.EndAll("The server stops.");
    grpc_->Shutdown(kLastWords);
  }
  context_.sessions()->quotas()->Stop();
  for (const auto& [name, executor] : executors_) executor->Stop();
  if (committer_ != nullptr) committer_->Stop();
  if (traces_ != nullptr) traces_->Close();
}

std::string Server::WhyNotServing() {
  if (context_.counters()->draining.load(std::memory_order_relaxed)) {
    return "draining";
  }
  if (workers_ != nullptr && !workers_->Ready()) return "no worker serves";
  if (committer_ == nullptr) return "";
  const absl::Status store = committer_->Health();
  if (store.ok()) return "";
  return absl::StrCat("the session store fails: ", store.message());
}

void Server::Tick() {
  streams_.Tick();
  context_.sessions()->Sweep();
}

absl::Duration Server::TickInterval() const {
  return std::clamp(std::min(options_.streams.heartbeat_interval / 2,
                             options_.streams.sessions.session_ttl / 2),
                    absl::Milliseconds(10), absl::Seconds(1));
}

void Server::TickUntilStopped() {
  base::StallWatch::Pulse* const pulse =
      options_.liveness == nullptr ? nullptr
                                   : options_.liveness->Watch("session_ticker");
  MutexLock lock(&mutex_);
  while (!stopping_) {
    if (pulse != nullptr) pulse->Beat();
    stopped_.WaitFor(&mutex_, TickInterval());
    if (stopping_) break;
    lock.Unlock();
    Tick();
    lock.Relock();
  }
  if (pulse != nullptr) pulse->Retire();
}

void Server::AnnounceDrain() { grpc_->SetServing(false); }

void Server::Drain(absl::Duration timeout) {
  // Before Drain: a client that obeys it at once must not come back here.
  grpc_->StopListening();
  grpc_->SetServing(false);
  streams_.DrainAll(timeout);
  // The streams are ended below, in words; gRPC's own end is for what hangs.
  grpc_->BeginShutdown(timeout + 2 * kLastWords);
  const absl::Time deadline = Clock::Monotonic()->Now() + timeout;
  while (streams_.count() > 0 && Clock::Monotonic()->Now() < deadline) {
    streams_.WaitUntilNone(deadline - Clock::Monotonic()->Now());
  }
  {
    MutexLock lock(&mutex_);
    stopping_ = true;
  }
  stopped_.SignalAll();
  streams_.EndAll("The server stops and its drain timeout is over.");
  grpc_->Shutdown(kLastWords);
}

}  // namespace msgproc::processor
