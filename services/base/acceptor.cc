#include "services/base/acceptor.h"

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/check.h"
#include "common/clock.h"
#include "services/base/descriptor_limit.h"
#include "services/base/log.h"
#include "services/base/socket_address.h"

namespace msgproc::base {
namespace {

constexpr uint64_t kWakeupId = 0;
constexpr uint64_t kFirstListenerId = 1;
constexpr uint64_t kFirstConnectionId = 1000;
// Bounds a burst's hold on the loop: hang-ups and headers have their turn.
constexpr int kAcceptsPerEvent = 64;
constexpr int kEventsPerWait = 128;
constexpr absl::string_view kNoDescriptorsText =
    "connection refused: out of file descriptors (two a connection); raise "
    "`ulimit -n` or systemd's LimitNOFILE";
constexpr absl::Duration kListenPause = absl::Milliseconds(100);

absl::Time Now() { return Clock::Monotonic()->Now(); }

std::string PeerName(const UniqueFd& fd) {
  return SocketAddress::PeerOf(fd.get()).ToPeer();
}

void WarnOfUnreachableCap(const AcceptorOptions& options) {
  const uint64_t limit = DescriptorLimit();
  const auto wanted = static_cast<uint64_t>(
      2 * int64_t{options.max_connections} + options.descriptor_headroom);
  if (options.max_connections == 0 || wanted <= limit) return;
  LogWarning(
      "descriptors will run out before the connection limit is reached (two a "
      "connection); raise `ulimit -n` or systemd's LimitNOFILE",
      {{"max_connections", options.max_connections},
       {"descriptors_wanted", wanted},
       {"descriptor_limit", limit}});
}

}  // namespace

absl::StatusOr<std::unique_ptr<Acceptor>> Acceptor::Listen(
    const AcceptorOptions& options) {
  absl::StatusOr<ListenAddress> address = ListenAddress::Parse(options.address);
  if (!address.ok()) return address.status();
  if (options.proxy_protocol && address->is_unix()) {
    return absl::InvalidArgumentError(absl::StrCat(
        "the PROXY protocol is for TCP, not for ", options.address, ": drop ",
        options.setting_name("proxy_protocol"), " or listen on host:port"));
  }
  if (!options.watch_connections &&
      (options.proxy_protocol || options.max_connections > 0 ||
       options.max_connections_per_address > 0)) {
    return absl::InvalidArgumentError(
        "connections must be watched to be capped or to have a PROXY header");
  }
  absl::StatusOr<ListenSocket> listener =
      ListenSocket::Listen(*address, options.unix_mode);
  if (!listener.ok()) return listener.status();
  WarnOfUnreachableCap(options);
  UniqueFd epoll(epoll_create1(EPOLL_CLOEXEC));
  UniqueFd wakeup(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!epoll.valid() || !wakeup.valid()) {
    return absl::InternalError(
        absl::StrCat("cannot make an epoll set: ", strerror(errno)));
  }
  return std::unique_ptr<Acceptor>(new Acceptor(
      options, *std::move(listener), std::move(epoll), std::move(wakeup)));
}

Acceptor::Acceptor(const AcceptorOptions& options, ListenSocket listener,
                   UniqueFd epoll, UniqueFd wakeup)
    : options_(options),
      address_(listener.address().ToString()),
      is_tcp_(!listener.address().is_unix()),
      epoll_(std::move(epoll)),
      wakeup_(std::move(wakeup)),
      listener_(std::move(listener)),
      next_id_(kFirstConnectionId),
      handshake_(options.proxy_header_timeout) {
  MSGPROC_CHECK(epoll_.valid());
  MSGPROC_CHECK(wakeup_.valid());
}

void Acceptor::Start(Receiver receiver) {
  MSGPROC_CHECK(receiver != nullptr);
  MSGPROC_CHECK(!thread_.joinable());
  receiver_ = std::move(receiver);
  Watch(EPOLL_CTL_ADD, wakeup_.get(), kWakeupId, EPOLLIN);
  for (size_t i = 0; i < listener_.fds().size(); ++i) {
    Watch(EPOLL_CTL_ADD, listener_.fds()[i].get(), kFirstListenerId + i,
          EPOLLIN);
  }
  thread_ = std::thread([this] { Run(); });
}

void Acceptor::StopListening() {
  MutexLock lock(&mutex_);
  stop_listening_ = true;
  if (!thread_.joinable()) {
    listener_.Close();
    listening_ = false;
    return;
  }
  Wake();
  while (listening_) changed_.Wait(&mutex_);
}

void Acceptor::CloseConnections() { connections_.ShutDownAll(); }

void Acceptor::Stop() {
  StopListening();
  {
    MutexLock lock(&mutex_);
    stop_ = true;
  }
  Wake();
  if (thread_.joinable()) thread_.join();
  connections_.Clear();
}

AcceptorStats Acceptor::Stats() const {
  AcceptorStats stats;
  stats.accepted = accepted_.load(std::memory_order_relaxed);
  stats.open = connections_.size();
  stats.rejected = rejections_.Snapshot();
  return stats;
}

void Acceptor::Wake() const {
  const uint64_t one = 1;
  [[maybe_unused]] const ssize_t written =
      write(wakeup_.get(), &one, sizeof(one));
}

void Acceptor::Run() {
  epoll_event events[kEventsPerWait];
  while (ObeyRequests()) {
    const int count =
        epoll_wait(epoll_.get(), events, kEventsPerWait, WaitTimeoutMs());
    for (int i = 0; i < count; ++i) {
      HandleEvent(events[i].data.u64, events[i].events);
    }
    ExpireProxyHeaders();
    if (Now() >= paused_until_) ResumeListening();
  }
}

bool Acceptor::ObeyRequests() {
  MutexLock lock(&mutex_);
  if (stop_listening_ && listening_) {
    StopListeningNow();
    listening_ = false;
    changed_.SignalAll();
  }
  return !stop_;
}

void Acceptor::StopListeningNow() {
  listener_.Close();
  paused_until_ = absl::InfiniteFuture();
  while (absl::optional<uint64_t> id = handshake_.TakeAny()) {
    const std::string peer = connections_.PeerOf(*id);
    connections_.Remove(*id);
    Reject(Rejection::kStopping, "connection closed: the server is stopping",
           peer);
  }
}

int Acceptor::WaitTimeoutMs() const {
  const absl::Time next = std::min(handshake_.NextDeadline(), paused_until_);
  if (next == absl::InfiniteFuture()) return -1;
  const absl::Duration wait = std::max(next - Now(), absl::ZeroDuration());
  MSGPROC_CHECK_GE(wait, absl::ZeroDuration());
  return static_cast<int>(
      absl::ToInt64Milliseconds(absl::Ceil(wait, absl::Milliseconds(1))));
}

void Acceptor::HandleEvent(uint64_t id, uint32_t events) {
  if (id == kWakeupId) {
    uint64_t count = 0;
    [[maybe_unused]] const ssize_t got =
        read(wakeup_.get(), &count, sizeof(count));
  } else if (id < kFirstConnectionId) {
    AcceptFrom(listener_.fds()[id - kFirstListenerId].get());
  } else if (handshake_.Contains(id)) {
    ReadProxyHeader(id, (events & (EPOLLRDHUP | EPOLLHUP)) != 0);
  } else if ((events & EPOLLHUP) != 0) {
    connections_.Remove(id);
  }
}

void Acceptor::AcceptFrom(int listener) {
  for (int i = 0; i < kAcceptsPerEvent; ++i) {
    int error = 0;
    UniqueFd fd = AcceptSocket(listener, &error);
    if (fd.valid()) {
      Admit(std::move(fd));
    } else if (error == EMFILE || error == ENFILE) {
      if (!AcceptWithoutDescriptors(listener)) return PauseListening();
    } else if (error == EAGAIN) {
      return;
    } else if (!ConcernsOneConnection(error)) {
      Reject(Rejection::kSystemError,
             absl::StrCat("cannot accept a connection: ", strerror(error)),
             /*peer=*/"");
      return PauseListening();
    }
  }
}

bool Acceptor::AcceptWithoutDescriptors(int listener) {
  const DescriptorReserve::Outcome outcome = reserve_.AcceptAndClose(listener);
  if (outcome == DescriptorReserve::Outcome::kNoneWaiting) return true;
  Reject(Rejection::kNoDescriptors, kNoDescriptorsText, /*peer=*/"");
  return outcome == DescriptorReserve::Outcome::kClosedOne;
}

void Acceptor::Admit(UniqueFd fd) {
  if (options_.max_connections > 0 &&
      connections_.size() >= static_cast<size_t>(options_.max_connections)) {
    return Reject(Rejection::kConnectionLimit,
                  absl::StrCat("connection refused: all ",
                               options_.max_connections, " are taken; raise ",
                               options_.setting_name("max_connections"),
                               " or add servers"),
                  PeerName(fd));
  }
  if (IsInHeadroom(fd.get(), options_.descriptor_headroom)) {
    return Reject(Rejection::kNoDescriptors, kNoDescriptorsText, PeerName(fd));
  }
  if (is_tcp_) SetTcpOptions(fd.get(), options_.tcp_user_timeout);
  if (options_.watch_connections) {
    AdmitWatched(std::move(fd));
  } else {
    HandOver(std::move(fd));
  }
}

void Acceptor::AdmitWatched(UniqueFd fd) {
  UniqueFd duplicate(fcntl(fd.get(), F_DUPFD_CLOEXEC, 0));
  const SocketAddress peer = SocketAddress::PeerOf(fd.get());
  if (!duplicate.valid()) {
    return Reject(Rejection::kNoDescriptors, kNoDescriptorsText, peer.ToPeer());
  }
  const uint64_t id = next_id_++;
  MSGPROC_CHECK_GE(id, kFirstConnectionId);
  const int watched = duplicate.get();
  connections_.Add(id, std::move(duplicate), peer.ToPeer());
  if (!options_.proxy_protocol && !CountForAddress(id, peer)) return;
  // Only a hang-up, which epoll always reports, means that both directions are
  // closed: a peer that has closed its own may still be written to by gRPC.
  const uint32_t for_header =
      options_.proxy_protocol ? EPOLLIN | EPOLLRDHUP : 0;
  if (!Watch(EPOLL_CTL_ADD, watched, id, EPOLLET | for_header)) {
    const int error = errno;
    connections_.Remove(id);
    Reject(Rejection::kSystemError,
           absl::StrCat("cannot watch a connection: ", strerror(error)),
           peer.ToPeer());
  } else if (options_.proxy_protocol) {
    handshake_.Add(id, std::move(fd), Now());
  } else {
    HandOver(std::move(fd));
  }
}

void Acceptor::ReadProxyHeader(uint64_t id, bool ended) {
  absl::StatusOr<absl::optional<ProxyHandshake::Finished>> finished =
      handshake_.Read(id, ended);
  if (!finished.ok()) {
    const std::string peer = connections_.PeerOf(id);
    connections_.Remove(id);
    return Reject(
        Rejection::kProxyHeader,
        absl::StrCat("connection closed: ", finished.status().message()), peer);
  }
  if (!finished->has_value()) return;
  if ((*finished)->client.has_value()) {
    connections_.SetClient(id, *(*finished)->client);
    if (!CountForAddress(id, *(*finished)->client)) return;
  }
  // From here on the bytes are the receiver's: watch for the end alone.
  Watch(EPOLL_CTL_MOD, connections_.DuplicateOf(id), id, EPOLLET);
  HandOver(std::move((*finished)->fd));
}

void Acceptor::HandOver(UniqueFd fd) {
  MSGPROC_CHECK(fd.valid());
  accepted_.fetch_add(1, std::memory_order_relaxed);
  receiver_(fd.Release());
}

void Acceptor::ExpireProxyHeaders() {
  while (absl::optional<uint64_t> id = handshake_.TakeExpired(Now())) {
    const std::string peer = connections_.PeerOf(*id);
    connections_.Remove(*id);
    Reject(Rejection::kProxyTimeout,
           absl::StrCat("connection closed: no PROXY header within ",
                        absl::FormatDuration(options_.proxy_header_timeout)),
           peer);
  }
}

void Acceptor::PauseListening() {
  paused_until_ = Now() + kListenPause;
  for (size_t i = 0; i < listener_.fds().size(); ++i) {
    Watch(EPOLL_CTL_MOD, listener_.fds()[i].get(), kFirstListenerId + i, 0);
  }
}

void Acceptor::ResumeListening() {
  paused_until_ = absl::InfiniteFuture();
  reserve_.Refill();
  for (size_t i = 0; i < listener_.fds().size(); ++i) {
    Watch(EPOLL_CTL_MOD, listener_.fds()[i].get(), kFirstListenerId + i,
          EPOLLIN);
  }
}

bool Acceptor::Watch(int operation, int fd, uint64_t id, uint32_t events) {
  epoll_event event{};
  event.events = events;
  event.data.u64 = id;
  return epoll_ctl(epoll_.get(), operation, fd, &event) == 0;
}

bool Acceptor::CountForAddress(uint64_t id, const SocketAddress& client) {
  const int limit = options_.max_connections_per_address;
  const std::string source = client.Source();
  if (limit <= 0 || source.empty() ||
      connections_.CountFor(id, source, static_cast<size_t>(limit))) {
    return true;
  }
  connections_.Remove(id);
  Reject(Rejection::kAddressLimit,
         absl::StrCat("connection refused: ", source, " has ", limit,
                      " already; raise ",
                      options_.setting_name("max_connections_per_address"),
                      " or use fewer connections with more streams"),
         client.ToPeer());
  return false;
}

void Acceptor::Reject(Rejection reason, absl::string_view what,
                      absl::string_view peer) {
  rejections_.Add(reason, what, peer, address_, connections_.size());
}

}  // namespace msgproc::base
