#ifndef MSGPROC_SERVICES_BASE_ACCEPTOR_H_
#define MSGPROC_SERVICES_BASE_ACCEPTOR_H_

#include <sys/types.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <thread>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "common/mutex.h"
#include "services/base/accept_socket.h"
#include "services/base/connection_table.h"
#include "services/base/listen_socket.h"
#include "services/base/proxy_handshake.h"
#include "services/base/rejections.h"
#include "services/base/setting_name.h"
#include "services/base/unique_fd.h"

namespace msgproc::base {

struct AcceptorOptions {
  // As ListenAddress::Parse takes it.
  std::string address;
  // Of a Unix socket's file, less the umask.
  mode_t unix_mode = 0777;
  // Connections beyond it are closed at once. 0: no cap.
  int max_connections = 0;
  // Of one address (of an IPv6 one, of its /64); behind a proxy, of the address
  // that its PROXY header names. 0: no cap.
  int max_connections_per_address = 0;
  // Every connection begins with a PROXY protocol header, v1 or v2; TCP only.
  bool proxy_protocol = false;
  // How long a connection may take to send that header.
  absl::Duration proxy_header_timeout = absl::Seconds(5);
  // TCP_USER_TIMEOUT: a peer that acknowledges nothing for that long is dead.
  absl::Duration tcp_user_timeout = absl::Seconds(20);
  // Descriptors below the process's limit that connections may not use, so that
  // the HTTP page and the log still work when clients have taken the rest.
  int descriptor_headroom = 32;
  // Connections are watched until they end, which takes a second descriptor
  // each. Without it nothing is counted as open, capped or closed here, and
  // there is no PROXY header.
  bool watch_connections = true;
  // What errors and the log call these settings.
  SettingName setting_name = AsOption;
};

struct AcceptorStats {
  uint64_t accepted = 0;          // Handed over.
  uint64_t open = 0;              // Handed over or waiting for a PROXY header.
  Rejections::Counts rejected{};  // By Rejection.
};

// Accepts connections and hands their sockets to someone else, usually gRPC.
//
// gRPC's own listener dies for good when descriptors run out (CVE-2023-4785),
// shares its port silently, cannot be capped and does not read PROXY headers.
//
// One thread with one epoll set: listeners, the sockets whose PROXY header is
// still missing, and a duplicate of every socket handed over, which reports the
// end of its connection. So each connection takes two descriptors.
// Out of descriptors it gives up a reserve one to accept and close, and never
// spins. Public functions may be called from any thread.
class Acceptor {
 public:
  // Takes a connected, non-blocking, close-on-exec socket for its own. Called
  // on the acceptor's thread; must not block.
  using Receiver = std::function<void(int fd)>;

  // Listens; connections wait in the system's queue until Start. Errors as of
  // ListenAddress::Parse and ListenSocket::Listen.
  static absl::StatusOr<std::unique_ptr<Acceptor>> Listen(
      const AcceptorOptions& options);

  ~Acceptor() { Stop(); }

  // Begins to accept. Once.
  void Start(Receiver receiver);

  // Where it listens, with the real port: "127.0.0.1:50051".
  const std::string& address() const { return address_; }

  // When it returns, new connections are refused, those that wait for a PROXY
  // header are closed, and the receiver is never called again. Connections
  // handed over live on and are still watched.
  void StopListening();

  // Ends every connection, in both directions.
  void CloseConnections();

  // StopListening, then watches no more: its thread has ended and its
  // duplicates are closed when it returns.
  void Stop();

  // The client behind a gRPC peer name: see ConnectionTable::ClientOf.
  std::string ClientOf(absl::string_view grpc_peer) const {
    return connections_.ClientOf(grpc_peer);
  }

  AcceptorStats Stats() const;

 private:
  Acceptor(const AcceptorOptions& options, ListenSocket listener,
           UniqueFd epoll, UniqueFd wakeup);

  void Run();
  void Wake() const;
  // Does what the public functions asked for; false: end the thread.
  bool ObeyRequests();
  void StopListeningNow();
  int WaitTimeoutMs() const;
  void HandleEvent(uint64_t id, uint32_t events);

  void AcceptFrom(int listener);
  // False: no use in trying again at once.
  bool AcceptWithoutDescriptors(int listener);
  void Admit(UniqueFd fd);
  void AdmitWatched(UniqueFd fd);
  void ReadProxyHeader(uint64_t id, bool ended);
  void HandOver(UniqueFd fd);
  void ExpireProxyHeaders();

  void PauseListening();
  void ResumeListening();
  bool Watch(int operation, int fd, uint64_t id, uint32_t events);

  // False: it was one too many from `client`'s address, and is closed.
  bool CountForAddress(uint64_t id, const SocketAddress& client);

  void Reject(Rejection reason, absl::string_view what, absl::string_view peer);

  // Constant after construction.
  const AcceptorOptions options_;
  const std::string address_;
  const bool is_tcp_;
  const UniqueFd epoll_;
  const UniqueFd wakeup_;

  ConnectionTable connections_;
  std::thread thread_;

  // The thread's alone once it runs.
  ListenSocket listener_;
  Receiver receiver_;
  DescriptorReserve reserve_;
  uint64_t next_id_;
  ProxyHandshake handshake_;
  absl::Time paused_until_ = absl::InfiniteFuture();

  Mutex mutex_;
  CondVar changed_;
  bool stop_listening_ MSGPROC_GUARDED_BY(mutex_) = false;
  bool listening_ MSGPROC_GUARDED_BY(mutex_) = true;
  bool stop_ MSGPROC_GUARDED_BY(mutex_) = false;

  std::atomic<uint64_t> accepted_{0};
  Rejections rejections_;
};

}  // namespace msgproc::base

#endif  // MSGPROC_SERVICES_BASE_ACCEPTOR_H_
