#ifndef MSGPROC_SERVICES_BASE_GRPC_SERVER_H_
#define MSGPROC_SERVICES_BASE_GRPC_SERVER_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "common/mutex.h"
#include "services/base/acceptor.h"
#include "services/base/credentials.h"
#include "services/base/file_watcher.h"
#include "services/base/metric_writer.h"
#include "services/base/tls_handshakes.h"

namespace grpc {
class Server;
class ServerBuilder;
class Service;
namespace experimental {
class ExternalConnectionAcceptor;
}  // namespace experimental
}  // namespace grpc

namespace msgproc::base {

struct GrpcServerOptions {
  AcceptorOptions acceptor;
  CredentialsOptions credentials;
  // A larger message ends its stream with RESOURCE_EXHAUSTED.
  int max_receive_message_bytes = 4 << 20;
  // What connections may hold of messages that are half there and of others
  // that nobody has read yet, together: gRPC refuses a large message only when
  // it has all of it. Beyond that gRPC ends streams (RESOURCE_EXHAUSTED). -1:
  // 3/8 of the memory that the process may use; 0: anything.
  int64_t max_buffered_bytes = -1;
  // Streams beyond it wait at the client, which is not told; 0: no cap.
  int max_streams_per_connection = 100;
  // Whether grpc.channelz.v1.Channelz is served: it lists every peer's address.
  bool channelz = false;
  // A silent connection is pinged this often, and is dead when the answer takes
  // longer than the timeout.
  absl::Duration keepalive_interval = absl::Seconds(30);
  absl::Duration keepalive_timeout = absl::Seconds(10);
  // Clients that ping more often, three times while nothing is sent to them,
  // lose their connection (GOAWAY, "too_many_pings"). Half of the second that
  // is promised, since pings do not arrive as evenly as they are sent.
  absl::Duration min_client_ping_interval = absl::Milliseconds(500);
  // A connection that has not spoken TLS and HTTP/2 by then is closed.
  absl::Duration handshake_timeout = absl::Seconds(10);
  // A connection without a stream for that long is closed (GOAWAY).
  absl::Duration max_connection_idle = absl::Minutes(10);
  // Last word on the builder, for what has no option here.
  std::function<void(grpc::ServerBuilder*)> configure;
};

// A gRPC server on sockets that an Acceptor takes in, with what every server of
// ours has: health (grpc.health.v1, "" and each service), reflection that can
// describe every service it lists, keepalive, channelz if asked for. Compressed
// calls are refused (UNIMPLEMENTED).
//
// Its owner keeps the services alive until it is destroyed. Public functions
// may be called from any thread, Shutdown and the destructor not from a
// reactor's callback.
class GrpcServer {
 public:
  // Listens and serves; health says SERVING. Errors as of Acceptor::Listen and
  // MakeServerCredentials, and INTERNAL when gRPC itself does not start.
  static absl::StatusOr<std::unique_ptr<GrpcServer>> Start(
      const GrpcServerOptions& options,
      const std::vector<grpc::Service*>& services);

  // Shuts down with no time left.
  ~GrpcServer();

  // "127.0.0.1:50051", "unix:/run/msgproc.sock": with the real port.
  const std::string& address() const { return acceptor_->address(); }

  // What health answers for "" and for every service.
  void SetServing(bool serving);

  // Refuses new connections from here on; those that are open live on.
  void StopListening() { acceptor_->StopListening(); }

  // Ends every connection abruptly. Clients see UNAVAILABLE.
  void CloseConnections() { acceptor_->CloseConnections(); }

  // Health says NOT_SERVING, the listener closes, and every connection gets a
  // GOAWAY: clients open their next streams elsewhere, also those that know
  // nothing of Drain. Calls that are open go on, and are cancelled after
  // `timeout`. Returns at once; only the first call counts.
  void BeginShutdown(absl::Duration timeout);

  // BeginShutdown, then waits for the open calls for at most `timeout`, and
  // ends what is left. When it returns every reactor's OnDone has run.
  void Shutdown(absl::Duration timeout);

  // The client behind grpc::ServerContext::peer(): the one that a proxy named
  // in its PROXY header, otherwise `grpc_peer` itself, readable
  // ("ipv4:1.2.3.4:56", "ipv6:[::1]:56"). Ask while the stream is open.
  std::string ClientOf(absl::string_view grpc_peer) const {
    return acceptor_->ClientOf(grpc_peer);
  }

  AcceptorStats Stats() const { return acceptor_->Stats(); }

  // Watches the certificates, and whatever else is to be taken anew while the
  // server runs.
  FileWatcher* files() const { return files_.get(); }

  // By HandshakeFailure; none in plaintext.
  TlsHandshakes::Counts HandshakeFailures() const;

  // Connections, handshakes and files, as PREFIX_* metrics.
  void WriteMetrics(absl::string_view prefix, MetricWriter* writer) const;

 private:
  GrpcServer(
      std::unique_ptr<FileWatcher> files,
      std::shared_ptr<TlsHandshakes> handshakes,
      std::unique_ptr<Acceptor> acceptor,
      std::unique_ptr<grpc::experimental::ExternalConnectionAcceptor> receiver,
      std::unique_ptr<grpc::Server> server, std::vector<std::string> services);

  void TakeConnection(int fd);
  // Whether gRPC has shut down within `timeout`.
  bool AwaitShutdown(absl::Duration timeout);

  const std::unique_ptr<FileWatcher> files_;
  // Null in plaintext. Handshakes that outlive the server share it.
  const std::shared_ptr<TlsHandshakes> handshakes_;
  const std::unique_ptr<Acceptor> acceptor_;
  const std::unique_ptr<grpc::experimental::ExternalConnectionAcceptor>
      receiver_;
  const std::unique_ptr<grpc::Server> server_;
  const std::vector<std::string> services_;

  Mutex mutex_;
  CondVar changed_;
  // In grpc::Server::Shutdown, which waits. Joined by the destructor.
  std::thread shutdown_ MSGPROC_GUARDED_BY(mutex_);
  bool shut_down_ MSGPROC_GUARDED_BY(mutex_) = false;
};

}  // namespace msgproc::base

#endif  // MSGPROC_SERVICES_BASE_GRPC_SERVER_H_
