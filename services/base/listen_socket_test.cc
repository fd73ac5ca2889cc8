#include "services/base/listen_socket.h"

#include <sys/stat.h>
#include <sys/un.h>

#include <cstring>
#include <fstream>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "services/base/testing/socket_folder.h"

namespace msgproc::base {
namespace {

using ::testing::HasSubstr;

absl::StatusOr<ListenSocket> Listen(const std::string& address) {
  return ListenSocket::Listen(*ListenAddress::Parse(address));
}

bool CanConnect(const SocketAddress& address) {
  const UniqueFd fd(socket(address.family(), SOCK_STREAM | SOCK_CLOEXEC, 0));
  return connect(fd.get(), address.data(), address.length()) == 0;
}

bool CanConnect(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, path.c_str(), sizeof(address.sun_path) - 1);
  return CanConnect(SocketAddress(reinterpret_cast<const sockaddr*>(&address),
                                  sizeof(address)));
}

bool Exists(const std::string& path) {
  struct stat found {};
  return lstat(path.c_str(), &found) == 0;
}

TEST(ListenSocketTest, PortZeroBecomesARealOne) {
  for (const std::string host : {"127.0.0.1", "[::1]", "localhost", "*"}) {
    const auto listener = Listen(absl::StrCat(host, ":0"));
    ASSERT_TRUE(listener.ok()) << listener.status();
    EXPECT_NE(listener->address().port, 0);
    for (const UniqueFd& fd : listener->fds()) {
      EXPECT_EQ(SocketAddress::LocalOf(fd.get()).port(),
                listener->address().port);
    }
  }
}

TEST(ListenSocketTest, EveryInterfaceTakesIpv4AndIpv6) {
  for (const std::string host : {"*", "[::]"}) {
    const auto listener = Listen(absl::StrCat(host, ":0"));
    ASSERT_TRUE(listener.ok()) << listener.status();
    const int port = listener->address().port;
    EXPECT_TRUE(CanConnect(SocketAddress::FromIp("127.0.0.1", port)));
    EXPECT_TRUE(CanConnect(SocketAddress::FromIp("::1", port)));
  }
}

TEST(ListenSocketTest, ATakenPortIsAClearError) {
  const auto first = Listen("127.0.0.1:0");
  ASSERT_TRUE(first.ok()) << first.status();
  const int port = first->address().port;
  for (const std::string host : {"127.0.0.1", "0.0.0.0", "*", "localhost"}) {
    const absl::Status status = Listen(absl::StrCat(host, ":", port)).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kAlreadyExists) << host;
    EXPECT_THAT(std::string(status.message()),
                HasSubstr(absl::StrCat(":", port, ": Address already in use")));
  }
}

TEST(ListenSocketTest, AnAddressOfAnotherMachineIsAClearError) {
  const absl::Status status = Listen("192.0.2.1:0").status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("192.0.2.1:0"));
}

TEST(ListenSocketTest, APortIsFreeAgainOnceClosed) {
  auto first = Listen("127.0.0.1:0");
  ASSERT_TRUE(first.ok());
  const int port = first->address().port;
  EXPECT_TRUE(CanConnect(SocketAddress::FromIp("127.0.0.1", port)));
  first->Close();
  EXPECT_FALSE(CanConnect(SocketAddress::FromIp("127.0.0.1", port)));
  EXPECT_TRUE(Listen(absl::StrCat("127.0.0.1:", port)).ok());
}

TEST(ListenSocketTest, AUnixSocketsFileGoesWithIt) {
  const SocketFolder folder;
  const std::string path = folder / "s";
  auto listener = Listen("unix:" + path);
  ASSERT_TRUE(listener.ok()) << listener.status();
  EXPECT_TRUE(CanConnect(path));
  listener->Close();
  EXPECT_FALSE(Exists(path));
}

TEST(ListenSocketTest, ADeadServersSocketFileIsReplaced) {
  const SocketFolder folder;
  const std::string path = folder / "s";
  {
    // What kill -9 leaves behind.
    const UniqueFd dead(socket(AF_UNIX, SOCK_STREAM, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, path.c_str(), sizeof(address.sun_path) - 1);
    ASSERT_EQ(bind(dead.get(), reinterpret_cast<sockaddr*>(&address),
                   sizeof(address)),
              0);
    listen(dead.get(), 1);
  }
  ASSERT_TRUE(Exists(path));
  const auto listener = Listen("unix:" + path);
  ASSERT_TRUE(listener.ok()) << listener.status();
  EXPECT_TRUE(CanConnect(path));
}

TEST(ListenSocketTest, ALiveServersSocketFileIsLeftAlone) {
  const SocketFolder folder;
  const std::string path = folder / "s";
  const auto first = Listen("unix:" + path);
  ASSERT_TRUE(first.ok()) << first.status();
  const absl::Status status = Listen("unix:" + path).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kAlreadyExists);
  EXPECT_THAT(std::string(status.message()), HasSubstr("running server"));
  EXPECT_TRUE(CanConnect(path));
}

TEST(ListenSocketTest, AFileThatIsNoSocketIsLeftAlone) {
  const SocketFolder folder;
  const std::string path = folder / "notes.txt";
  std::ofstream(path) << "precious";
  const absl::Status status = Listen("unix:" + path).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kAlreadyExists);
  EXPECT_THAT(std::string(status.message()), HasSubstr("not a socket"));
  EXPECT_TRUE(Exists(path));
}

TEST(ListenSocketTest, ASuccessorsSocketFileIsLeftAlone) {
  const SocketFolder folder;
  const std::string path = folder / "s";
  auto first = Listen("unix:" + path);
  ASSERT_TRUE(first.ok());
  unlink(path.c_str());
  const auto second = Listen("unix:" + path);
  ASSERT_TRUE(second.ok()) << second.status();
  first->Close();
  EXPECT_TRUE(CanConnect(path));
}

TEST(ListenSocketTest, AMissingFolderIsAClearError) {
  const absl::Status status = Listen("unix:/no/such/folder/s").status();
  EXPECT_FALSE(status.ok());
  EXPECT_THAT(std::string(status.message()),
              HasSubstr("unix:/no/such/folder/s: No such file"));
}

}  // namespace
}  // namespace msgproc::base
