#ifndef MSGPROC_TOOLS_LOADGEN_TESTING_SILENT_LISTENER_H_
#define MSGPROC_TOOLS_LOADGEN_TESTING_SILENT_LISTENER_H_

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <string>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "services/base/unique_fd.h"

namespace msgproc::loadgen {

// Takes TCP connections and says nothing on them.
class SilentListener {
 public:
  SilentListener() : socket_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(address);
    auto* const any = reinterpret_cast<sockaddr*>(&address);
    EXPECT_EQ(bind(socket_.get(), any, size), 0);
    EXPECT_EQ(listen(socket_.get(), 16), 0);
    EXPECT_EQ(getsockname(socket_.get(), any, &size), 0);
    address_ = absl::StrCat("127.0.0.1:", ntohs(address.sin_port));
  }

  const std::string& address() const { return address_; }

  // Returns when someone has connected; the connection stays open.
  void AcceptOne() {
    connection_.Reset(accept(socket_.get(), nullptr, nullptr));
    EXPECT_TRUE(connection_.valid());
  }

 private:
  base::UniqueFd socket_;
  base::UniqueFd connection_;
  std::string address_;
};

}  // namespace msgproc::loadgen

#endif  // MSGPROC_TOOLS_LOADGEN_TESTING_SILENT_LISTENER_H_
