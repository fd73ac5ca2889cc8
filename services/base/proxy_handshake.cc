#include "services/base/proxy_handshake.h"

#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "common/check.h"

namespace msgproc::base {
namespace {

constexpr size_t kBytesQuoted = 32;

// The header at the beginning of what the kernel holds; nullopt: not whole yet.
absl::StatusOr<absl::optional<ProxyHeader>> PeekHeader(int fd) {
  std::array<char, kMaxProxyHeaderBytes> bytes;
  ssize_t size = 0;
  do {
    size = recv(fd, bytes.data(), bytes.size(), MSG_PEEK | MSG_DONTWAIT);
  } while (size < 0 && errno == EINTR);
  if (size < 0 && errno != EAGAIN) {
    return absl::InvalidArgumentError(
        absl::StrCat("it broke before its PROXY header: ", strerror(errno)));
  }
  const absl::string_view seen(bytes.data(),
                               static_cast<size_t>(std::max<ssize_t>(size, 0)));
  absl::StatusOr<absl::optional<ProxyHeader>> header = ParseProxyHeader(seen);
  if (header.ok()) return header;
  return absl::InvalidArgumentError(
      absl::StrCat(header.status().message(), " It begins with \"",
                   absl::CHexEscape(seen.substr(0, kBytesQuoted)), "\""));
}

}  // namespace

void ProxyHandshake::Add(uint64_t id, UniqueFd fd, absl::Time now) {
  MSGPROC_CHECK(fd.valid());
  const bool is_new =
      sockets_.emplace(id, Socket{std::move(fd), now + timeout_}).second;
  MSGPROC_CHECK(is_new);
}

absl::StatusOr<absl::optional<ProxyHandshake::Finished>> ProxyHandshake::Read(
    uint64_t id, bool ended) {
  const auto found = sockets_.find(id);
  MSGPROC_CHECK(found != sockets_.end());
  absl::StatusOr<absl::optional<ProxyHeader>> header =
      PeekHeader(found->second.fd.get());
  if (header.ok() && !header->has_value()) {
    if (!ended) return absl::nullopt;
    header = absl::InvalidArgumentError("it ended before its PROXY header");
  }
  UniqueFd fd = std::move(found->second.fd);
  sockets_.erase(found);
  if (!header.ok()) return header.status();
  std::array<char, kMaxProxyHeaderBytes> taken;
  MSGPROC_CHECK_LE((*header)->size, taken.size());
  // What was looked at is there: this cannot come back short.
  recv(fd.get(), taken.data(), (*header)->size, MSG_DONTWAIT);
  return Finished{std::move(fd), (*header)->client};
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

}  // namespace msgproc::base
