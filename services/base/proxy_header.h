#ifndef MSGPROC_SERVICES_BASE_PROXY_HEADER_H_
#define MSGPROC_SERVICES_BASE_PROXY_HEADER_H_

#include <cstddef>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/optional.h"
#include "services/base/socket_address.h"

namespace msgproc::base {

// What a layer-4 proxy says of a connection before the connection's own bytes.
// https://www.haproxy.org/download/2.8/doc/proxy-protocol.txt
struct ProxyHeader {
  // Bytes of the header; the connection's own begin there.
  size_t size = 0;
  // The client behind the proxy. Absent when the proxy speaks for itself
  // (v2 LOCAL, its health checks) or does not know (v1 UNKNOWN).
  absl::optional<SocketAddress> client;
};

// The longest header taken: 16 bytes and, in v2, addresses and extensions.
inline constexpr size_t kMaxProxyHeaderBytes = 4096;

// Reads a PROXY protocol header, v1 or v2, at the beginning of `bytes`.
// nullopt: so far well-formed, but more bytes are needed. INVALID_ARGUMENT: it
// can never become a header, or is longer than kMaxProxyHeaderBytes. Pure.
absl::StatusOr<absl::optional<ProxyHeader>> ParseProxyHeader(
    absl::string_view bytes);

}  // namespace msgproc::base

#endif  // MSGPROC_SERVICES_BASE_PROXY_HEADER_H_
