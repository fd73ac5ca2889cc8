#include "services/processor/admin/admin_service.h"

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "common/clock.h"
#include "common/low_priority.h"
#include "common/quoted.h"
#include "services/base/admin_process.h"
#include "services/base/grpc_status.h"
#include "services/base/log.h"
#include "services/base/state_message.h"
#include "services/processor/admin/select_sessions.h"
#include "services/processor/admin/select_workers.h"
#include "services/processor/admin/session_message.h"
#include "services/processor/admin/trace_message.h"
#include "services/processor/session/hosted_session.h"
#include "services/processor/session/processor_counters.h"
#include "services/processor/session/session_facts.h"
#include "services/processor/session/session_table.h"
#include "services/processor/session/session_view.h"
#include "services/processor/stream/open_streams.h"
#include "services/processor/stream/processor_context.h"
#include "services/processor/workers/worker_counters.h"
#include "services/processor/workers/worker_facts.h"
#include "services/processor/workers/worker_list.h"
#include "services/processor/workers/worker_process_executor.h"

namespace msgproc::processor {
namespace {

uint64_t Read(const ProcessorCounters::Gauge& gauge) {
  const int64_t value = gauge.load(std::memory_order_relaxed);
  return value < 0 ? 0 : static_cast<uint64_t>(value);
}

uint64_t Read(const ProcessorCounters::Counter& counter) {
  return counter.load(std::memory_order_relaxed);
}

// Of the stream that has the session, or had it last; empty: none, or there is
// no such session.
std::string TraceIdOf(const std::shared_ptr<HostedSession>& session) {
  if (session == nullptr) return "";
  const SessionFacts facts = FactsOf(*session);
  return facts.context == nullptr ? "" : facts.context->trace_id;
}

}  // namespace

AdminService::AdminService(Server server)
    : server_(std::move(server)),
      begun_(Clock::Monotonic()->Now()),
      watched_(server_.context->clock()) {}

grpc::Status AdminService::GetStatus(
    grpc::ServerContext* /*context*/,
    const admin::v1::GetStatusRequest* /*request*/,
    admin::v1::GetStatusResponse* response) {
  const ProcessorCounters& counters = *server_.context->counters();
  base::WriteProcessStatus(admin::v1::SERVER_KIND_PROCESSOR, begun_,
                           server_.vitals, response);
  response->set_server_id(server_.context->options().server_id);
  response->set_address(server_.address);
  response->set_cordoned(counters.cordoned.load(std::memory_order_relaxed));
  const Balancers balancers = server_.balancers();
  response->set_balancers(static_cast<uint32_t>(balancers.listed));
  response->set_balancers_registered(
      static_cast<uint32_t>(balancers.registered));
  response->set_streams(Read(counters.streams));
  response->set_sessions_attached(Read(counters.sessions_attached));
  response->set_sessions_detached(Read(counters.sessions_detached));
  response->set_messages(Read(counters.messages_ok) +
                         Read(counters.messages_error));
  response->set_memory_held(Read(counters.memory_used));
  response->set_memory_budget(Read(counters.memory_budget));
  response->set_store_generation(server_.store_generation());
  return grpc::Status::OK;
}

template <typename Request>
absl::StatusOr<std::shared_ptr<HostedSession>> AdminService::Find(
    const Request& request) const {
  SessionTable* const table = server_.context->sessions();
  if (request.stream() > 0 && request.session_id().empty()) {
    auto session = table->anonymous()->Find(request.stream());
    if (session != nullptr) return session;
    return absl::NotFoundError("This server does not have the stream.");
  }
  auto session = table->Find(request.session_id());
  if (session != nullptr) return session;
  return absl::NotFoundError("This server does not hold the session.");
}

grpc::Status AdminService::ListSessions(
    grpc::ServerContext* /*context*/,
    const admin::v1::ListSessionsRequest* request,
    admin::v1::ListSessionsResponse* response) {
  absl::StatusOr<SelectSessions> select = SelectSessions::For(*request);
  if (!select.ok()) return base::ToGrpcStatus(select.status());
  SessionTable* const table = server_.context->sessions();
  std::vector<std::shared_ptr<HostedSession>> all = table->All();
  table->anonymous()->AppendTo(&all);
  // Sockets want the CPU, and now and then a session's lock, which a thread of
  // low priority might keep for long: so this one rests.
  constexpr size_t kPiece = 64;
  for (size_t i = 0; i < all.size(); ++i) {
    if (i % kPiece == kPiece - 1) absl::SleepFor(absl::Microseconds(200));
    select->Offer(FactsOf(*all[i]));
  }
  RunAtLowPriority([&] { *response = select->Page(absl::Now()); });
  return grpc::Status::OK;
}

grpc::Status AdminService::GetSession(
    grpc::ServerContext* /*context*/,
    const admin::v1::GetSessionRequest* request,
    admin::v1::GetSessionResponse* response) {
  const auto session = Find(*request);
  if (!session.ok()) return base::ToGrpcStatus(session.status());
  const SessionFacts facts = FactsOf(**session);
  WriteSession(facts, absl::Now(), response->mutable_session());
  if (facts.ready_through < facts.accepted_through) {
    const auto where = (*session)->Find(facts.ready_through + 1);
    WriteUnanswered(facts, where.waiting, where.worker_pid,
                    response->mutable_session());
  }
  return grpc::Status::OK;
}

grpc::Status AdminService::MoveSessions(
    grpc::ServerContext* /*context*/,
    const admin::v1::MoveSessionsRequest* request,
    admin::v1::MoveSessionsResponse* response) {
  const size_t most = request->sessions() == 0
                          ? std::numeric_limits<size_t>::max()
                          : request->sessions();
  const size_t told = server_.streams->Move(most, request->address());
  base::LogInfo("an operator moves sessions",
                {{"asked", request->sessions()},
                 {"told", told},
                 {"to", Quoted(request->address())}});
  response->set_told(told);
  return grpc::Status::OK;
}

grpc::Status AdminService::ForgetSession(
    grpc::ServerContext* /*context*/,
    const admin::v1::ForgetSessionRequest* request,
    admin::v1::ForgetSessionResponse* /*response*/) {
  SessionTable* const table = server_.context->sessions();
  const std::string trace_id = TraceIdOf(table->Find(request->session_id()));
  const absl::Status status = table->ForgetDetached(request->session_id());
  base::LogInfo("an operator forgets a session",
                {{"session", Quoted(request->session_id())},
                 {"trace_id", trace_id},
                 {"status", status.ok() ? "OK" : status.ToString()}});
  return base::ToGrpcStatus(status);
}

grpc::Status AdminService::ListWorkers(
    grpc::ServerContext* /*context*/,
    const admin::v1::ListWorkersRequest* request,
    admin::v1::ListWorkersResponse* response) {
  std::vector<WorkerFacts> all;
  if (server_.workers != nullptr) all = processor::ListWorkers(server_.workers);
  auto page = SelectWorkers(*request, all, Clock::Monotonic()->Now());
  if (!page.ok()) return base::ToGrpcStatus(page.status());
  *response = *std::move(page);
  if (server_.workers == nullptr) return grpc::Status::OK;
  const WorkerCounters& counters = server_.workers->counters();
  response->set_slots(static_cast<uint32_t>(counters.slots.size()));
  response->set_waiting_messages(Read(counters.waiting));
  return grpc::Status::OK;
}

grpc::Status AdminService::SetLogLevel(
    grpc::ServerContext* /*context*/,
    const admin::v1::SetLogLevelRequest* request,
    admin::v1::SetLogLevelResponse* response) {
  return base::ToGrpcStatus(request->session_id().empty()
                                ? base::ChangeLogLevel(*request, response)
                                : LogSession(*request, response));
}

absl::Status AdminService::LogSession(
    const admin::v1::SetLogLevelRequest& request,
    admin::v1::SetLogLevelResponse* response) {
  const bool log = request.level() == admin::v1::LOG_LEVEL_DEBUG;
  if (!log && request.level() != admin::v1::LOG_LEVEL_UNSPECIFIED) {
    return absl::InvalidArgumentError(
        "A session is logged at debug, or as all others are (unspecified).");
  }
  const auto session = server_.context->sessions()->Find(request.session_id());
  if (session == nullptr) {
    return absl::NotFoundError("This server does not hold the session.");
  }
  const absl::StatusOr<bool> before = watched_.Log(session, log);
  if (!before.ok()) return before.status();
  response->set_session_id(request.session_id());
  response->set_before(*before ? admin::v1::LOG_LEVEL_DEBUG
                               : admin::v1::LOG_LEVEL_UNSPECIFIED);
  base::LogInfo("an operator has a session logged",
                {{"session", Quoted(request.session_id())},
                 {"trace_id", TraceIdOf(session)},
                 {"debug", log}});
  return absl::OkStatus();
}

grpc::Status AdminService::TraceSession(
    grpc::ServerContext* /*context*/,
    const admin::v1::TraceSessionRequest* request,
    admin::v1::TraceSessionResponse* response) {
  const absl::StatusOr<WatchedSessions::Page> page =
      watched_.Read(request->session_id(),
                    server_.context->sessions()->Find(request->session_id()),
                    request->trace(), request->through());
  if (!page.ok()) return base::ToGrpcStatus(page.status());
  WriteTrace(*page, response);
  return grpc::Status::OK;
}

grpc::Status AdminService::SetCordon(grpc::ServerContext* /*context*/,
                                     const admin::v1::SetCordonRequest* request,
                                     admin::v1::SetCordonResponse* response) {
  response->set_before(server_.cordon(request->cordoned()));
  const Balancers balancers = server_.balancers();
  response->set_balancers(static_cast<uint32_t>(balancers.listed));
  response->set_balancers_registered(
      static_cast<uint32_t>(balancers.registered));
  return grpc::Status::OK;
}

grpc::Status AdminService::EndStream(
    grpc::ServerContext* /*context*/,
    const admin::v1::EndStreamRequest* request,
    admin::v1::EndStreamResponse* /*response*/) {
  const auto session = Find(*request);
  absl::Status status = session.status();
  if (status.ok() && !server_.streams->EndStreamOf(
                         **session, "An operator has ended the stream.")) {
    status = absl::FailedPreconditionError("No stream has the session.");
  }
  base::LogInfo("an operator ends a stream",
                {{"session", Quoted(request->session_id())},
                 {"trace_id", session.ok() ? TraceIdOf(*session) : ""},
                 {"stream", request->stream()},
                 {"status", status.ok() ? "OK" : status.ToString()}});
  return base::ToGrpcStatus(status);
}

grpc::Status AdminService::DumpState(grpc::ServerContext* /*context*/,
                                     const admin::v1::DumpStateRequest* request,
                                     admin::v1::DumpStateResponse* response) {
  if (request->session_id().empty() && request->stream() == 0) {
    base::WriteDumps(server_.dump(), response);
    return grpc::Status::OK;
  }
  const auto session = Find(*request);
  if (!session.ok()) return base::ToGrpcStatus(session.status());
  base::WriteDumps(DumpOf(**session), response);
  return grpc::Status::OK;
}

}  // namespace msgproc::processor
