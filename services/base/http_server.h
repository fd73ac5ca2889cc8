#ifndef MSGPROC_SERVICES_BASE_HTTP_SERVER_H_
#define MSGPROC_SERVICES_BASE_HTTP_SERVER_H_

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <thread>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/optional.h"
#include "common/mutex.h"
#include "services/base/acceptor.h"
#include "services/base/http_connections.h"
#include "services/base/socket_address.h"
#include "services/base/unique_fd.h"

struct MHD_Daemon;

namespace msgproc::base {

struct HttpRequest {
  std::string method;                             // "GET"
  std::string path;                               // "/get-server"
  std::multimap<std::string, std::string> query;  // Decoded.
  std::string client;                             // "127.0.0.1:4321"

  // The first value of a query parameter; nullopt when there is none.
  absl::optional<std::string> Query(absl::string_view name) const;
};

struct HttpResponse {
  int code = 200;
  std::string content_type = "text/plain; charset=utf-8";
  std::string body;
  // Further ones, by name.
  std::map<std::string, std::string> headers;
};

// Must be quick, as it holds up the other requests; called on the server's
// thread.
using HttpHandler = std::function<HttpResponse(const HttpRequest&)>;
// By exact path.
using HttpHandlers = std::map<std::string, HttpHandler>;
// In place of a path: answers what would be 404 or 405 otherwise.
inline constexpr char kAnythingElse[] = "";

struct HttpServerOptions {
  // As ListenAddress::Parse takes it.
  std::string address;
  // For one more the connection goes that has kept the server waiting longest,
  // so that none can keep a probe out.
  int max_connections = 128;
  // Of one address; of an IPv6 one, of its /64.
  int max_connections_per_address = 64;
  // For the request as a whole, idleness before it included; and again for
  // taking the answer.
  absl::Duration connection_timeout = absl::Seconds(10);
};

// A small HTTP/1.1 server for operators and scrapers: /metrics, /healthz. GET
// and HEAD; 404 for other paths, 405 for other methods. Plaintext: what listens
// where is the operator's choice.
//
// GNU libmicrohttpd, event driven on one thread, behind an Acceptor, so that it
// takes the same addresses and survives running out of descriptors. Public
// functions may be called from any thread but the handlers'.
class HttpServer {
 public:
  // Errors as of Acceptor::Listen.
  static absl::StatusOr<std::unique_ptr<HttpServer>> Start(
      const HttpServerOptions& options, HttpHandlers handlers);

  ~HttpServer() { Stop(); }

  // With the real port: "127.0.0.1:8051".
  const std::string& address() const { return acceptor_->address(); }

  // Refuses new connections, gives requests under way a second to finish, then
  // ends. May be called again.
  void Stop();

 private:
  friend struct HttpCallbacks;

  HttpServer(std::unique_ptr<Acceptor> acceptor, HttpHandlers handlers,
             const HttpConnections::Limits& limits);
  absl::Status StartDaemon(const HttpServerOptions& options);
  void TakeConnection(UniqueFd fd);
  HttpConnections::Admission Admit(int fd, const SocketAddress& peer)
      MSGPROC_REQUIRES(mutex_);
  // The thread that ends connections whose time is up.
  void WatchDeadlines();
  HttpResponse Handle(int fd, const HttpRequest& request);
  HttpResponse Answer(const HttpRequest& request) const;
  void ConnectionBegan(int fd);
  void ConnectionEnded(int fd);
  void RequestBegan();
  void RequestEnded(int fd);

  const std::unique_ptr<Acceptor> acceptor_;
  const HttpHandlers handlers_;
  // Set by Start, stopped by Stop.
  MHD_Daemon* daemon_ = nullptr;

  Mutex mutex_;
  CondVar idle_;
  int under_way_ MSGPROC_GUARDED_BY(mutex_) = 0;
  // A descriptor in there is open: the library says that a connection ends
  // before it closes it.
  HttpConnections connections_ MSGPROC_GUARDED_BY(mutex_);
  CondVar connections_changed_;
  bool stopping_ MSGPROC_GUARDED_BY(mutex_) = false;
  std::thread deadline_watcher_;
};

}  // namespace msgproc::base

#endif  // MSGPROC_SERVICES_BASE_HTTP_SERVER_H_
