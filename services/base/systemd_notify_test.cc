#include "services/base/systemd_notify.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <cstring>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "services/base/testing/eventually.h"
#include "services/base/testing/socket_folder.h"
#include "services/base/unique_fd.h"

namespace msgproc::base {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

// systemd's end of the notification socket.
class SystemdNotifyTest : public ::testing::Test {
 protected:
  SystemdNotifyTest() : fd_(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {
    const std::string path = folder_ / "notify";
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, path.c_str(), sizeof(address.sun_path) - 1);
    EXPECT_EQ(bind(fd_.get(), reinterpret_cast<const sockaddr*>(&address),
                   sizeof(address)),
              0);
    setenv("NOTIFY_SOCKET", path.c_str(), 1);
  }
  ~SystemdNotifyTest() override {
    for (const char* name :
         {"NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"}) {
      unsetenv(name);
    }
  }

  // The next datagram; "" when there is none.
  std::string Receive() const {
    std::string bytes(4096, '\0');
    const ssize_t size =
        recv(fd_.get(), bytes.data(), bytes.size(), MSG_DONTWAIT);
    bytes.resize(size > 0 ? static_cast<size_t>(size) : 0);
    return bytes;
  }

  const SocketFolder folder_;
  const UniqueFd fd_;
};

TEST_F(SystemdNotifyTest, TellsReadyReloadingAndStopping) {
  NotifyReady("serving gRPC on 127.0.0.1:50051");
  EXPECT_EQ(Receive(), "READY=1\nSTATUS=serving gRPC on 127.0.0.1:50051");
  NotifyReloading();
  EXPECT_THAT(Receive(), StartsWith("RELOADING=1\nMONOTONIC_USEC="));
  NotifyStopping();
  EXPECT_THAT(Receive(), HasSubstr("STOPPING=1"));
}

TEST_F(SystemdNotifyTest, DoesNothingWhereNobodyListens) {
  unsetenv("NOTIFY_SOCKET");
  NotifyReady("x");
  EXPECT_EQ(Receive(), "");
}

TEST_F(SystemdNotifyTest, PingsTheWatchdogForAsLongAsTheServerIsAlive) {
  setenv("WATCHDOG_USEC", "20000", 1);
  setenv("WATCHDOG_PID", std::to_string(getpid()).c_str(), 1);
  std::atomic<bool> alive{true};
  std::atomic<int> asked{0};
  const SystemdWatchdog watchdog([&] {
    ++asked;
    return alive.load();
  });
  int pings = 0;
  EXPECT_TRUE(Eventually([&] {
    if (Receive() == "WATCHDOG=1") ++pings;
    return pings >= 3;
  }));
  alive = false;
  // After two more questions no answer of the time before can be under way.
  const int before = asked;
  ASSERT_TRUE(Eventually([&] { return asked >= before + 2; }));
  while (!Receive().empty()) {
  }
  ASSERT_TRUE(Eventually([&] { return asked >= before + 5; }));
  EXPECT_EQ(Receive(), "");
}

TEST_F(SystemdNotifyTest, WithoutAWatchdogNobodyIsAsked) {
  bool asked = false;
  {
    const SystemdWatchdog watchdog([&] { return asked = true; });
  }
  EXPECT_FALSE(asked);
}

}  // namespace
}  // namespace msgproc::base
