#include "services/base/testing/raw_client.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <cstdint>
#include <cstring>

#include "absl/strings/strip.h"
#include "absl/time/clock.h"
#include "services/base/listen_address.h"
#include "services/base/socket_address.h"

namespace msgproc::base {
namespace {

constexpr absl::Duration kPatience = absl::Seconds(20);

// Waits for bytes or the end; false: neither came in time.
bool Readable(int fd, absl::Time deadline) {
  pollfd ready{fd, POLLIN, 0};
  const auto left = absl::ToInt64Milliseconds(deadline - absl::Now());
  return poll(&ready, 1, static_cast<int>(std::max<int64_t>(left, 0))) > 0;
}

SocketAddress Destination(absl::string_view address) {
  if (absl::ConsumePrefix(&address, "unix:")) {
    sockaddr_un un{};
    un.sun_family = AF_UNIX;
    std::memcpy(un.sun_path, address.data(), address.size());
    return SocketAddress(reinterpret_cast<const sockaddr*>(&un), sizeof(un));
  }
  return ListenAddress::Parse(address)->Resolve()->front();
}

}  // namespace

std::string ReadExactly(int fd, size_t size) {
  const absl::Time deadline = absl::Now() + kPatience;
  std::string bytes(size, '\0');
  size_t got = 0;
  while (got < size && Readable(fd, deadline)) {
    const ssize_t n = recv(fd, &bytes[got], size - got, 0);
    if (n <= 0) break;
    got += static_cast<size_t>(n);
  }
  bytes.resize(got);
  return bytes;
}

RawClient::RawClient() : fd_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {}

RawClient::RawClient(const std::string& address) {
  fd_.Reset(
      socket(Destination(address).family(), SOCK_STREAM | SOCK_CLOEXEC, 0));
  Connect(address);
}

void RawClient::Connect(const std::string& address) {
  const SocketAddress destination = Destination(address);
  connected_ =
      connect(fd_.get(), destination.data(), destination.length()) == 0;
}

void RawClient::Send(absl::string_view bytes) const {
  [[maybe_unused]] const ssize_t sent =
      send(fd_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
}

std::string RawClient::ReadAll() const {
  std::string bytes;
  for (std::string more = Read(1); !more.empty(); more = Read(1)) {
    bytes += more;
  }
  return bytes;
}

void RawClient::FinishSending() const { shutdown(fd_.get(), SHUT_WR); }

void RawClient::Reset() {
  const linger now{1, 0};
  setsockopt(fd_.get(), SOL_SOCKET, SO_LINGER, &now, sizeof(now));
  fd_.Reset();
}

bool RawClient::IsClosedWithin(absl::Duration timeout) const {
  const absl::Time deadline = absl::Now() + timeout;
  char dropped[256];
  while (Readable(fd_.get(), deadline)) {
    if (recv(fd_.get(), dropped, sizeof(dropped), 0) <= 0) return true;
  }
  return false;
}

std::string RawClient::LocalPeer() const {
  return SocketAddress::LocalOf(fd_.get()).ToPeer();
}

}  // namespace msgproc::base
