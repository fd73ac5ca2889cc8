#include "services/base/proxy_handshake.h"

#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace msgproc::server {

void ProxyHandshake::Add(uint64_t id, UniqueFd fd, absl::Time now) {
  sockets_.emplace(id, Socket{std::move(fd), now + timeout_});
}

absl::StatusOr<absl::optional<ProxyHandshake::Finished>> ProxyHandshake::Read(
    uint64_t id) {
  const auto found = sockets_.find(id);
  const int fd = found->second.fd.get();
  std::array<char, kMaxProxyHeaderBytes> bytes;
  ssize_t size = 0;
  do {
    size = recv(fd, bytes.data(), bytes.size(), MSG_PEEK | MSG_DONTWAIT);
  } while (size < 0 && errno == EINTR);
  if (size < 0 && errno == EAGAIN) return absl::nullopt;

  absl::Status failure;
  if (size < 0) {
    failure = absl::InvalidArgumentError(
        absl::StrCat("ended before its PROXY header: ", strerror(errno)));
  } else if (size == 0) {
    failure = absl::InvalidArgumentError("closed before its PROXY header");
  } else {
    absl::StatusOr<absl::optional<ProxyHeader>> header = ParseProxyHeader(
        absl::string_view(bytes.data(), static_cast<size_t>(size)));
    if (header.ok() && !header->has_value()) return absl::nullopt;
    if (header.ok()) {
      // Exactly what was looked at: this cannot come back short.
      recv(fd, bytes.data(), (*header)->size, MSG_DONTWAIT);
      Finished finished{std::move(found->second.fd), (*header)->client};
      sockets_.erase(found);
      return finished;
    }
    failure = header.status();
  }
  sockets_.erase(found);
  return failure;
}

absl::optional<uint64_t> ProxyHandshake::TakeExpired(absl::Time now) {
  if (NextDeadline() > now) return absl::nullopt;
  return TakeAny();
}

absl::optional<uint64_t> ProxyHandshake::TakeAny() {
  if (sockets_.empty()) return absl::nullopt;
  const uint64_t id = sockets_.begin()->first;
  sockets_.erase(sockets_.begin());
  return id;
}

absl::Time ProxyHandshake::NextDeadline() const {
  return sockets_.empty() ? absl::InfiniteFuture()
                          : sockets_.begin()->second.deadline;
}

}  // namespace msgproc::server
