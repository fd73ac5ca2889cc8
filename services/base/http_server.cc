#include "services/base/http_server.h"

#include <microhttpd.h>
#include <sys/socket.h>

#include <cstdarg>
#include <cstdint>
#include <cstdio>
#include <limits>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "common/clock.h"
#include "services/base/log.h"
#include "services/base/log_throttle.h"
#include "services/base/socket_address.h"
#include "services/base/unique_fd.h"

namespace msgproc::base {
namespace {

constexpr absl::Duration kStopGrace = absl::Seconds(1);
// How long a newcomer waits for one that can make room.
constexpr absl::Duration kBusyPatience = absl::Milliseconds(100);
// Request line, headers and the answer's own headers.
constexpr size_t kConnectionBytes = 32 << 10;
// More of a query is ignored.
constexpr size_t kMaxQueryParameters = 64;

MHD_Result AddQueryParameter(void* request, MHD_ValueKind /*kind*/,
                             const char* key, const char* value) {
  auto& query = static_cast<HttpRequest*>(request)->query;
  query.emplace(key, value == nullptr ? "" : value);
  return query.size() < kMaxQueryParameters ? MHD_YES : MHD_NO;
}

int DescriptorOf(MHD_Connection* connection) {
  const MHD_ConnectionInfo* info =
      MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
  return info == nullptr ? -1 : info->connect_fd;
}

MHD_Result Queue(MHD_Connection* connection, const HttpResponse& answer) {
  MHD_Response* response = MHD_create_response_from_buffer(
      answer.body.size(), const_cast<char*>(answer.body.data()),
      MHD_RESPMEM_MUST_COPY);
  if (response == nullptr) return MHD_NO;
  MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE,
                          answer.content_type.c_str());
  for (const auto& [name, value] : answer.headers) {
    MHD_add_response_header(response, name.c_str(), value.c_str());
  }
  if (answer.code == MHD_HTTP_METHOD_NOT_ALLOWED) {
    MHD_add_response_header(response, MHD_HTTP_HEADER_ALLOW, "GET, HEAD");
  }
  const MHD_Result queued = MHD_queue_response(
      connection, static_cast<unsigned>(answer.code), response);
  MHD_destroy_response(response);
  return queued;
}

void LogFromLibrary(void* /*unused*/, const char* format, va_list arguments) {
  // libmicrohttpd 0.9.75 tries options of TCP on Unix sockets that were handed
  // to it, too, and complains at each connection and answer.
  if (absl::StartsWith(format, "Setting %s option to %s state failed: ")) {
    return;
  }
  static LogThrottle throttle;
  const absl::optional<uint64_t> suppressed = throttle.Admit();
  if (!suppressed.has_value()) return;
  char line[512];
  std::vsnprintf(line, sizeof(line), format, arguments);
  LogWarning(absl::StripSuffix(line, "\n"),
             {{"source", "http"}, {"suppressed", *suppressed}});
}

void LogTooMany(const SocketAddress& newcomer,
                const HttpConnections::Admission& admission) {
  static LogThrottle throttle;
  const absl::optional<uint64_t> suppressed = throttle.Admit();
  if (!suppressed.has_value()) return;
  const std::string closed =
      admission.evicted.has_value()
          ? SocketAddress::PeerOf(*admission.evicted).ToString()
          : newcomer.ToString();
  LogWarning("HTTP connection closed: there are too many",
             {{"peer", closed},
              {"newcomer", newcomer.ToString()},
              {"suppressed", *suppressed}});
}

absl::Time Now() { return Clock::Monotonic()->Now(); }

}  // namespace

// What libmicrohttpd calls; `self` is the HttpServer.
struct HttpCallbacks {
  static MHD_Result OnRequest(void* self, MHD_Connection* connection,
                              const char* url, const char* method,
                              const char* /*version*/, const char* /*body*/,
                              size_t* body_size, void** state) {
    auto* const server = static_cast<HttpServer*>(self);
    // First call of a request: its headers are here. A body that comes with it
    // is let go by, so that the connection can be used again.
    if (*state == nullptr) {
      *state = server;
      server->RequestBegan();
      return MHD_YES;
    }
    if (*body_size > 0) {
      *body_size = 0;
      return MHD_YES;
    }
    const int fd = DescriptorOf(connection);
    HttpRequest request;
    request.method = method;
    request.path = url;
    request.client = SocketAddress::PeerOf(fd).ToString();
    MHD_get_connection_values(connection, MHD_GET_ARGUMENT_KIND,
                              AddQueryParameter, &request);
    return Queue(connection, server->Handle(fd, request));
  }

  static void OnRequestEnd(void* self, MHD_Connection* connection, void** state,
                           MHD_RequestTerminationCode /*why*/) {
    if (*state == nullptr) return;
    *state = nullptr;
    static_cast<HttpServer*>(self)->RequestEnded(DescriptorOf(connection));
  }

  static void OnConnection(void* self, MHD_Connection* connection,
                           void** /*state*/,
                           MHD_ConnectionNotificationCode what) {
    auto* const server = static_cast<HttpServer*>(self);
    const int fd = DescriptorOf(connection);
    if (what == MHD_CONNECTION_NOTIFY_CLOSED) {
      server->ConnectionEnded(fd);
    } else {
      server->ConnectionBegan(fd);
    }
  }
};

absl::optional<std::string> HttpRequest::Query(absl::string_view name) const {
  const auto found = query.find(std::string(name));
  if (found == query.end()) return absl::nullopt;
  return found->second;
}

absl::StatusOr<std::unique_ptr<HttpServer>> HttpServer::Start(
    const HttpServerOptions& options, HttpHandlers handlers) {
  AcceptorOptions listen;
  listen.address = options.address;
  // Its few connections may use what the clients' acceptor leaves.
  listen.descriptor_headroom = 0;
  listen.watch_connections = false;
  absl::StatusOr<std::unique_ptr<Acceptor>> acceptor = Acceptor::Listen(listen);
  if (!acceptor.ok()) return acceptor.status();
  const HttpConnections::Limits limits = {
      .total = static_cast<size_t>(options.max_connections),
      .per_source = static_cast<size_t>(options.max_connections_per_address),
      .request_timeout = options.connection_timeout};
  std::unique_ptr<HttpServer> server(
      new HttpServer(*std::move(acceptor), std::move(handlers), limits));
  absl::Status started = server->StartDaemon(options);
  if (!started.ok()) return started;
  return server;
}

HttpServer::HttpServer(std::unique_ptr<Acceptor> acceptor,
                       HttpHandlers handlers,
                       const HttpConnections::Limits& limits)
    : acceptor_(std::move(acceptor)),
      handlers_(std::move(handlers)),
      connections_(limits) {}

absl::Status HttpServer::StartDaemon(const HttpServerOptions& options) {
  daemon_ = MHD_start_daemon(
      MHD_USE_EPOLL_INTERNAL_THREAD | MHD_USE_NO_LISTEN_SOCKET | MHD_USE_ITC |
          MHD_USE_ERROR_LOG,
      /*port=*/0, /*accept=*/nullptr, nullptr, &HttpCallbacks::OnRequest, this,
      MHD_OPTION_EXTERNAL_LOGGER, &LogFromLibrary, nullptr,
      MHD_OPTION_NOTIFY_COMPLETED, &HttpCallbacks::OnRequestEnd, this,
      MHD_OPTION_NOTIFY_CONNECTION, &HttpCallbacks::OnConnection, this,
      // Never reached, see TakeConnection.
      MHD_OPTION_CONNECTION_LIMIT, std::numeric_limits<unsigned>::max(),
      MHD_OPTION_CONNECTION_MEMORY_LIMIT, kConnectionBytes,
      MHD_OPTION_CONNECTION_TIMEOUT,
      static_cast<unsigned>(absl::ToInt64Seconds(options.connection_timeout)),
      MHD_OPTION_END);
  if (daemon_ == nullptr) {
    return absl::InternalError(
        absl::StrCat("cannot serve HTTP on ", address()));
  }
  deadline_watcher_ = std::thread([this] { WatchDeadlines(); });
  acceptor_->Start([this](int fd) { TakeConnection(UniqueFd(fd)); });
  return absl::OkStatus();
}

// The limit is kept here: libmicrohttpd 0.9.75, where it finds its own exceeded
// by connections that came while it was busy, leaves a lock behind, and serves
// nobody any more. So are the deadlines: its own are of idleness, and a byte a
// second is never idle.
void HttpServer::TakeConnection(UniqueFd fd) {
  const SocketAddress peer = SocketAddress::PeerOf(fd.get());
  {
    MutexLock lock(&mutex_);
    const HttpConnections::Admission admission = Admit(fd.get(), peer);
    if (!admission.admitted || admission.evicted.has_value()) {
      LogTooMany(peer, admission);
    }
    if (!admission.admitted) return;
    if (admission.evicted.has_value()) {
      shutdown(*admission.evicted, SHUT_RDWR);
    }
  }
  const int raw = fd.Release();
  // Closes it itself when it does not want it; nothing else shuts it down
  // before it has begun.
  const MHD_Result added =
      MHD_add_connection(daemon_, raw, peer.data(), peer.length());
  if (added != MHD_YES) ConnectionEnded(raw);
}

HttpConnections::Admission HttpServer::Admit(int fd,
                                             const SocketAddress& peer) {
  const absl::Time deadline = Now() + kBusyPatience;
  while (true) {
    const HttpConnections::Admission admission =
        connections_.Admit(fd, peer.Source(), Now());
    if (admission.admitted || Now() >= deadline) return admission;
    // After a burst the library may not have come to any of them yet.
    connections_changed_.WaitFor(&mutex_, deadline - Now());
  }
}

void HttpServer::ConnectionBegan(int fd) {
  MutexLock lock(&mutex_);
  connections_.Begin(fd, Now());
  connections_changed_.SignalAll();
}

void HttpServer::ConnectionEnded(int fd) {
  MutexLock lock(&mutex_);
  connections_.Remove(fd);
}

void HttpServer::WatchDeadlines() {
  MutexLock lock(&mutex_);
  while (!stopping_) {
    for (const int fd : connections_.TakeOverdue(Now())) {
      shutdown(fd, SHUT_RDWR);
    }
    const absl::Time next = connections_.NextDeadline();
    if (next == absl::InfiniteFuture()) {
      connections_changed_.Wait(&mutex_);
    } else {
      connections_changed_.WaitFor(&mutex_, next - Now());
    }
  }
}

void HttpServer::Stop() {
  acceptor_->Stop();
  if (deadline_watcher_.joinable()) {
    {
      MutexLock lock(&mutex_);
      stopping_ = true;
      connections_changed_.SignalAll();
    }
    deadline_watcher_.join();
  }
  if (daemon_ == nullptr) return;
  {
    const Clock& clock = *Clock::Monotonic();
    const absl::Time deadline = clock.Now() + kStopGrace;
    MutexLock lock(&mutex_);
    while (under_way_ > 0 && clock.Now() < deadline) {
      idle_.WaitFor(&mutex_, deadline - clock.Now());
    }
  }
  MHD_stop_daemon(std::exchange(daemon_, nullptr));
}

HttpResponse HttpServer::Handle(int fd, const HttpRequest& request) {
  {
    MutexLock lock(&mutex_);
    connections_.HandlerBegan(fd, Now());
  }
  HttpResponse response = Answer(request);
  MutexLock lock(&mutex_);
  connections_.HandlerEnded(fd, Now());
  connections_changed_.SignalAll();
  return response;
}

HttpResponse HttpServer::Answer(const HttpRequest& request) const {
  const auto handler = handlers_.find(request.path);
  const bool found = handler != handlers_.end();
  const bool reads = request.method == MHD_HTTP_METHOD_GET ||
                     request.method == MHD_HTTP_METHOD_HEAD;
  if (found && reads) return handler->second(request);
  if (const auto fallback = handlers_.find(kAnythingElse);
      fallback != handlers_.end()) {
    return fallback->second(request);
  }
  if (found) return {405, "text/plain; charset=utf-8", "only GET and HEAD\n"};
  HttpResponse response{404, "text/plain; charset=utf-8", "not found; try"};
  for (const auto& [path, unused] : handlers_) {
    absl::StrAppend(&response.body, " ", path);
  }
  response.body += '\n';
  return response;
}

void HttpServer::RequestBegan() {
  MutexLock lock(&mutex_);
  ++under_way_;
}

void HttpServer::RequestEnded(int fd) {
  MutexLock lock(&mutex_);
  connections_.RequestEnded(fd, Now());
  --under_way_;
  idle_.SignalAll();
}

}  // namespace msgproc::base
