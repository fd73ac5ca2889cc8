#include "services/base/proxy_header.h"

#include <netinet/in.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace msgproc::base {
namespace {

using Parsed = absl::StatusOr<absl::optional<ProxyHeader>>;

constexpr absl::string_view kV1Prefix = "PROXY ";
// "PROXY UNKNOWN " with two IPv6 addresses, two ports and CRLF.
constexpr size_t kV1MaxBytes = 107;
constexpr absl::string_view kV2Signature("\r\n\r\n\0\r\nQUIT\n", 12);
constexpr size_t kV2FixedBytes = 16;
constexpr size_t kV2Ipv4Bytes = 12;
constexpr size_t kV2Ipv6Bytes = 36;

absl::Status Malformed(absl::string_view why) {
  return absl::InvalidArgumentError(absl::StrCat("PROXY header: ", why));
}

// True when one of the two begins with the other.
bool Agrees(absl::string_view bytes, absl::string_view prefix) {
  const size_t common = std::min(bytes.size(), prefix.size());
  return bytes.substr(0, common) == prefix.substr(0, common);
}

bool ParsePort(absl::string_view text, int* port) {
  return !text.empty() && absl::ascii_isdigit(text[0]) &&
         absl::SimpleAtoi(text, port) && *port <= 65535;
}

Parsed ParseV1(absl::string_view bytes) {
  const size_t end = bytes.substr(0, kV1MaxBytes).find("\r\n");
  if (end == absl::string_view::npos) {
    if (bytes.size() >= kV1MaxBytes) return Malformed("v1 without an end");
    return absl::nullopt;
  }
  ProxyHeader header;
  header.size = end + 2;
  const std::vector<absl::string_view> words =
      absl::StrSplit(bytes.substr(0, end), ' ');
  if (words[1] == "UNKNOWN") return header;
  const bool v4 = words[1] == "TCP4";
  if (!v4 && words[1] != "TCP6") return Malformed("v1 protocol unknown");
  int client_port = 0;
  int proxy_port = 0;
  if (words.size() != 6 || !ParsePort(words[4], &client_port) ||
      !ParsePort(words[5], &proxy_port)) {
    return Malformed("v1 without two addresses and two ports");
  }
  const int family = v4 ? AF_INET : AF_INET6;
  const SocketAddress client = SocketAddress::FromIp(words[2], client_port);
  if (client.family() != family ||
      SocketAddress::FromIp(words[3], proxy_port).family() != family) {
    return Malformed("v1 address is not of its protocol");
  }
  header.client = client;
  return header;
}

SocketAddress V2Ipv4(const char* block) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  std::memcpy(&address.sin_addr, block, 4);
  std::memcpy(&address.sin_port, block + 8, 2);
  return SocketAddress(reinterpret_cast<const sockaddr*>(&address),
                       sizeof(address));
}

SocketAddress V2Ipv6(const char* block) {
  sockaddr_in6 address{};
  address.sin6_family = AF_INET6;
  std::memcpy(&address.sin6_addr, block, 16);
  std::memcpy(&address.sin6_port, block + 32, 2);
  return SocketAddress(reinterpret_cast<const sockaddr*>(&address),
                       sizeof(address));
}

Parsed ParseV2(absl::string_view bytes) {
  if (bytes.size() < kV2FixedBytes) return absl::nullopt;
  const auto command = static_cast<uint8_t>(bytes[12]);
  const auto family = static_cast<uint8_t>(bytes[13]);
  const size_t length =
      static_cast<uint8_t>(bytes[14]) * 256 + static_cast<uint8_t>(bytes[15]);
  if (command >> 4 != 2 || (command & 0xf) > 1) {
    return Malformed("v2 version or command unknown");
  }
  ProxyHeader header;
  header.size = kV2FixedBytes + length;
  if (header.size > kMaxProxyHeaderBytes) return Malformed("v2 too long");
  if (bytes.size() < header.size) return absl::nullopt;
  const bool local = (command & 0xf) == 0;
  if (local) return header;
  const char* block = bytes.data() + kV2FixedBytes;
  switch (family >> 4) {
    case 1:
      if (length < kV2Ipv4Bytes) return Malformed("v2 address cut short");
      header.client = V2Ipv4(block);
      break;
    case 2:
      if (length < kV2Ipv6Bytes) return Malformed("v2 address cut short");
      header.client = V2Ipv6(block);
      break;
    default:  // Unspecified or a Unix socket's: the proxy's own address stands.
      break;
  }
  return header;
}

}  // namespace

absl::StatusOr<absl::optional<ProxyHeader>> ParseProxyHeader(
    absl::string_view bytes) {
  if (bytes.empty()) return absl::nullopt;
  if (Agrees(bytes, kV2Signature)) return ParseV2(bytes);
  if (Agrees(bytes, kV1Prefix)) return ParseV1(bytes);
  return Malformed("neither v1 nor v2; is the sender a proxy?");
}

}  // namespace msgproc::base
