// The PROXY header: the same however its bytes arrive, and what it says of a
// client is what a proxy would say.
#include <netinet/in.h>

#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "common/check.h"
#include "services/base/proxy_header.h"

namespace msgproc::fuzz {
namespace {

using base::ParseProxyHeader;

constexpr size_t kV1MaxBytes = 107;

// A header of version 2 that says the same.
std::string Encoded(const base::SocketAddress& client) {
  std::string block;
  const bool v4 = client.family() == AF_INET;
  if (v4) {
    const auto* in = reinterpret_cast<const sockaddr_in*>(client.data());
    block.assign(reinterpret_cast<const char*>(&in->sin_addr), 4);
    block.append(4, '\0');
    block.append(reinterpret_cast<const char*>(&in->sin_port), 2);
  } else {
    const auto* in = reinterpret_cast<const sockaddr_in6*>(client.data());
    block.assign(reinterpret_cast<const char*>(&in->sin6_addr), 16);
    block.append(16, '\0');
    block.append(reinterpret_cast<const char*>(&in->sin6_port), 2);
  }
  block.append(2, '\0');
  return absl::StrCat(absl::string_view("\r\n\r\n\0\r\nQUIT\n\x21", 13),
                      v4 ? "\x11" : "\x21", std::string(1, '\0'),
                      std::string(1, static_cast<char>(block.size())), block);
}

void CheckHeader(absl::string_view bytes, const base::ProxyHeader& header) {
  MSGPROC_CHECK_LE(header.size, bytes.size());
  MSGPROC_CHECK_LE(header.size, base::kMaxProxyHeaderBytes);
  if (bytes[0] == 'P') {
    MSGPROC_CHECK_LE(header.size, kV1MaxBytes);
    MSGPROC_CHECK_EQ(bytes.substr(header.size - 2, 2), "\r\n");
  } else {
    MSGPROC_CHECK_GE(header.size, 16U);
  }
  if (!header.client.has_value()) return;
  MSGPROC_CHECK(header.client->family() == AF_INET ||
                header.client->family() == AF_INET6);
  // All of the address stood in the header.
  if (bytes[0] != 'P') {
    MSGPROC_CHECK_GE(header.size,
                     header.client->family() == AF_INET ? 28U : 52U);
  }
  const auto again = ParseProxyHeader(Encoded(*header.client));
  MSGPROC_CHECK(again.ok() && again->has_value());
  MSGPROC_CHECK_EQ((*again)->client->ToString(), header.client->ToString());
}

// The next end of a prefix to try: each where something may be decided, a few
// between.
size_t Next(size_t end, size_t size) {
  const bool near = end < 2 * kV1MaxBytes || end + kV1MaxBytes > size;
  return near ? end + 1 : end + 97;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const absl::string_view bytes(reinterpret_cast<const char*>(data), size);
  const auto whole = ParseProxyHeader(bytes);
  if (whole.ok() && whole->has_value()) CheckHeader(bytes, **whole);
  // What was decided once stays, whatever comes behind.
  bool decided = false;
  for (size_t end = 0; end <= bytes.size(); end = Next(end, bytes.size())) {
    const auto read = ParseProxyHeader(bytes.substr(0, end));
    if (read.ok() && !read->has_value()) {
      MSGPROC_CHECK(!decided);
      MSGPROC_CHECK_LT(end, base::kMaxProxyHeaderBytes);
      continue;
    }
    decided = true;
    MSGPROC_CHECK_EQ(read.ok(), whole.ok());
    if (!read.ok()) {
      MSGPROC_CHECK(absl::IsInvalidArgument(read.status()));
      continue;
    }
    MSGPROC_CHECK_EQ((*read)->size, (*whole)->size);
    MSGPROC_CHECK_EQ((*read)->client.has_value(), (*whole)->client.has_value());
    if ((*read)->client.has_value()) {
      MSGPROC_CHECK_EQ((*read)->client->ToString(),
                       (*whole)->client->ToString());
    }
  }
  return 0;
}

}  // namespace msgproc::fuzz
