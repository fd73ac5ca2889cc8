#ifndef MSGPROC_SERVICES_BASE_TESTING_RAW_CLIENT_H_
#define MSGPROC_SERVICES_BASE_TESTING_RAW_CLIENT_H_

#include <cstddef>
#include <string>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "services/base/unique_fd.h"

namespace msgproc::base {

// `size` bytes from a socket, fewer when it ends or 20 s have passed.
std::string ReadExactly(int fd, size_t size);

// A client that speaks bytes, over TCP or a Unix socket. One thread's.
class RawClient {
 public:
  // Makes the TCP socket and connects it later.
  RawClient();
  // "127.0.0.1:1234", "unix:/path".
  explicit RawClient(const std::string& address);

  void Connect(const std::string& address);
  bool connected() const { return connected_; }

  void Send(absl::string_view bytes) const;
  std::string Read(size_t size) const { return ReadExactly(fd_.get(), size); }
  // All until the other side closes.
  std::string ReadAll() const;

  // Half-close.
  void FinishSending() const;
  void Close() { fd_.Reset(); }
  // Gives the socket away.
  int Release() { return fd_.Release(); }
  // Closes with RST.
  void Reset();

  // Whether the other side closes it, orderly or not, within 20 s or `timeout`.
  // Bytes that come before are dropped.
  bool IsClosedByPeer() const { return IsClosedWithin(absl::Seconds(20)); }
  bool IsClosedWithin(absl::Duration timeout) const;

  // This end's address as the server's gRPC would name it.
  std::string LocalPeer() const;

 private:
  UniqueFd fd_;
  bool connected_ = false;
};

}  // namespace msgproc::base

#endif  // MSGPROC_SERVICES_BASE_TESTING_RAW_CLIENT_H_
