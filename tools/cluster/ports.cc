#include "tools/cluster/ports.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <cstddef>
#include <cstdint>
#include <random>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "services/base/unique_fd.h"

namespace msgproc::cluster {
namespace {

constexpr int kLowestPort = 15000;
constexpr int kHighestPort = 29999;
constexpr int kTries = 100;

sockaddr_in Loopback(int port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(static_cast<uint16_t>(port));
  return address;
}

base::UniqueFd Connect(const std::string& address) {
  const std::vector<std::string> parts = absl::StrSplit(address, ':');
  int port = 0;
  if (parts.size() != 2 || !absl::SimpleAtoi(parts[1], &port)) return {};
  base::UniqueFd socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const timeval patience{.tv_sec = 5, .tv_usec = 0};
  setsockopt(socket.get(), SOL_SOCKET, SO_RCVTIMEO, &patience,
             sizeof(patience));
  const sockaddr_in to = Loopback(port);
  if (connect(socket.get(), reinterpret_cast<const sockaddr*>(&to),
              sizeof(to)) != 0) {
    return {};
  }
  return socket;
}

}  // namespace

absl::StatusOr<std::string> FreeAddress() {
  std::random_device seed;
  std::uniform_int_distribution<int> ports(kLowestPort, kHighestPort);
  for (int i = 0; i < kTries; ++i) {
    const int port = ports(seed);
    const base::UniqueFd socket(
        ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const sockaddr_in address = Loopback(port);
    if (bind(socket.get(), reinterpret_cast<const sockaddr*>(&address),
             sizeof(address)) == 0) {
      return absl::StrCat("127.0.0.1:", port);
    }
  }
  return absl::ResourceExhaustedError(
      absl::StrCat("None of ", kTries, " ports tried is free."));
}

bool Accepts(const std::string& address) { return Connect(address).valid(); }

bool SpeaksHttp2(const std::string& address) {
  const base::UniqueFd socket = Connect(address);
  // A client's first bytes, empty SETTINGS among them (RFC 9113, 3.4); a server
  // answers with its own.
  constexpr absl::string_view kPreface(
      "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0", 33);
  char byte = 0;
  return socket.valid() &&
         send(socket.get(), kPreface.data(), kPreface.size(), MSG_NOSIGNAL) >
             0 &&
         recv(socket.get(), &byte, 1, 0) == 1;
}

absl::StatusOr<std::string> HttpGet(const std::string& address,
                                    const std::string& path) {
  const base::UniqueFd socket = Connect(address);
  const std::string request =
      absl::StrCat("GET ", path, " HTTP/1.0\r\nHost: ", address, "\r\n\r\n");
  std::string response;
  if (socket.valid() &&
      send(socket.get(), request.data(), request.size(), MSG_NOSIGNAL) > 0) {
    char bytes[4096];
    ssize_t size = 0;
    while ((size = recv(socket.get(), bytes, sizeof(bytes), 0)) > 0) {
      response.append(bytes, static_cast<size_t>(size));
    }
  }
  const size_t body = response.find("\r\n\r\n");
  if (body == std::string::npos) {
    return absl::UnavailableError(
        absl::StrCat("http://", address, path, " does not answer."));
  }
  return response.substr(body + 4);
}

}  // namespace msgproc::cluster
