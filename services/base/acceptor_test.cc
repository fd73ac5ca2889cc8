#include "services/base/acceptor.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "services/base/descriptor_limit.h"
#include "services/base/testing/eventually.h"
#include "services/base/testing/raw_client.h"
#include "services/base/testing/socket_folder.h"

namespace msgproc::base {
namespace {

using ::testing::HasSubstr;

uint64_t Rejected(const Acceptor& acceptor, Rejection reason) {
  return acceptor.Stats().rejected[static_cast<size_t>(reason)];
}

// Keeps what the acceptor hands over, as gRPC would. Thread-safe.
class Received {
 public:
  Acceptor::Receiver AsReceiver() {
    return [this](int fd) {
      MutexLock lock(&mutex_);
      fds_.emplace_back(fd);
    };
  }
  size_t size() const {
    MutexLock lock(&mutex_);
    return fds_.size();
  }
  int fd(size_t i) const {
    MutexLock lock(&mutex_);
    return fds_[i].get();
  }
  // Closes as gRPC does: both directions, then the descriptor.
  void Close(size_t i) {
    MutexLock lock(&mutex_);
    shutdown(fds_[i].get(), SHUT_RDWR);
    fds_[i].Reset();
  }

 private:
  mutable Mutex mutex_;
  std::vector<UniqueFd> fds_ MSGPROC_GUARDED_BY(mutex_);
};

class AcceptorTest : public ::testing::Test {
 protected:
  void Start(AcceptorOptions options = {}) {
    if (options.address.empty()) options.address = "127.0.0.1:0";
    absl::StatusOr<std::unique_ptr<Acceptor>> acceptor =
        Acceptor::Listen(options);
    ASSERT_TRUE(acceptor.ok()) << acceptor.status();
    acceptor_ = *std::move(acceptor);
    acceptor_->Start(received_.AsReceiver());
  }
  RawClient Connect() const { return RawClient(acceptor_->address()); }
  bool EventuallyReceived(size_t count) const {
    return Eventually([&] { return received_.size() == count; });
  }
  bool EventuallyOpen(uint64_t count) const {
    return Eventually([&] { return acceptor_->Stats().open == count; });
  }

  Received received_;
  std::unique_ptr<Acceptor> acceptor_;
};

TEST_F(AcceptorTest, HandsOverSocketsThatCarryBytesBothWays) {
  Start();
  RawClient client = Connect();
  ASSERT_TRUE(EventuallyReceived(1));
  client.Send("ping");
  EXPECT_EQ(ReadExactly(received_.fd(0), 4), "ping");
  ASSERT_EQ(write(received_.fd(0), "pong", 4), 4);
  EXPECT_EQ(client.Read(4), "pong");
  EXPECT_EQ(acceptor_->Stats().accepted, 1u);
  EXPECT_EQ(acceptor_->Stats().open, 1u);
}

TEST_F(AcceptorTest, SetsTheOptionsThatGrpcDoesNot) {
  AcceptorOptions options;
  options.tcp_user_timeout = absl::Seconds(7);
  Start(options);
  const RawClient client = Connect();
  ASSERT_TRUE(EventuallyReceived(1));
  const int fd = received_.fd(0);
  EXPECT_NE(fcntl(fd, F_GETFL) & O_NONBLOCK, 0);
  EXPECT_NE(fcntl(fd, F_GETFD) & FD_CLOEXEC, 0);
  int value = 0;
  socklen_t size = sizeof(value);
  getsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &value, &size);
  EXPECT_NE(value, 0);
  getsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &value, &size);
  EXPECT_EQ(value, 7000);
}

TEST_F(AcceptorTest, CountsAConnectionUntilBothItsEndsAreClosed) {
  Start();
  RawClient client = Connect();
  ASSERT_TRUE(EventuallyReceived(1));
  // The server may still answer a client that has finished sending.
  client.FinishSending();
  EXPECT_EQ(ReadExactly(received_.fd(0), 1), "");
  EXPECT_EQ(acceptor_->Stats().open, 1u);
  ASSERT_EQ(write(received_.fd(0), "bye", 3), 3);
  EXPECT_EQ(client.Read(3), "bye");
  received_.Close(0);
  EXPECT_TRUE(EventuallyOpen(0));
}

TEST_F(AcceptorTest, AClientsResetIsNoticed) {
  Start();
  RawClient client = Connect();
  ASSERT_TRUE(EventuallyReceived(1));
  client.Reset();
  EXPECT_TRUE(EventuallyOpen(0));
}

TEST_F(AcceptorTest, ClosesWhatIsBeyondTheCapAndTakesNewOnesWhenThereIsRoom) {
  AcceptorOptions options;
  options.max_connections = 2;
  Start(options);
  const RawClient first = Connect();
  const RawClient second = Connect();
  ASSERT_TRUE(EventuallyReceived(2));
  EXPECT_TRUE(Connect().IsClosedByPeer());
  EXPECT_EQ(Rejected(*acceptor_, Rejection::kConnectionLimit), 1u);
  received_.Close(0);
  ASSERT_TRUE(EventuallyOpen(1));
  const RawClient third = Connect();
  EXPECT_TRUE(EventuallyReceived(3));
}

TEST_F(AcceptorTest, TwoThousandBeyondTheCapLeaveTheEarlierOnesUnharmed) {
  ASSERT_GE(RaiseDescriptorLimit(), 4200u);
  AcceptorOptions options;
  options.max_connections = 10;
  Start(options);
  std::vector<RawClient> early;
  early.reserve(10);
  for (int i = 0; i < 10; ++i) early.push_back(Connect());
  ASSERT_TRUE(EventuallyReceived(10));
  std::vector<RawClient> late;
  late.reserve(2000);
  for (int i = 0; i < 2000; ++i) late.push_back(Connect());
  for (RawClient& client : late) ASSERT_TRUE(client.IsClosedByPeer());
  EXPECT_EQ(Rejected(*acceptor_, Rejection::kConnectionLimit), 2000u);
  EXPECT_EQ(received_.size(), 10u);
  for (size_t i = 0; i < early.size(); ++i) {
    ASSERT_EQ(write(received_.fd(i), "ok", 2), 2);
    EXPECT_EQ(early[i].Read(2), "ok");
  }
}

TEST_F(AcceptorTest, OneAddressHasItsShareAndNoMore) {
  AcceptorOptions options;
  options.max_connections_per_address = 2;
  Start(options);
  const RawClient first = Connect();
  const RawClient second = Connect();
  ASSERT_TRUE(EventuallyReceived(2));
  EXPECT_TRUE(Connect().IsClosedByPeer());
  EXPECT_EQ(Rejected(*acceptor_, Rejection::kAddressLimit), 1u);
  received_.Close(0);
  ASSERT_TRUE(EventuallyOpen(1));
  const RawClient third = Connect();
  EXPECT_TRUE(EventuallyReceived(3));
}

TEST_F(AcceptorTest, TheLogSaysWhomItRefused) {
  AcceptorOptions options;
  options.max_connections = 1;
  Start(options);
  const RawClient first = Connect();
  ASSERT_TRUE(EventuallyReceived(1));
  ::testing::internal::CaptureStderr();
  const RawClient refused = Connect();
  EXPECT_TRUE(refused.IsClosedByPeer());
  acceptor_->Stop();
  EXPECT_THAT(::testing::internal::GetCapturedStderr(),
              HasSubstr("peer=" + refused.LocalPeer()));
}

TEST_F(AcceptorTest, ACapThatDescriptorsCannotHoldIsSaidAtOnce) {
  AcceptorOptions options;
  options.max_connections = 1 << 30;
  ::testing::internal::CaptureStderr();
  Start(options);
  EXPECT_THAT(::testing::internal::GetCapturedStderr(),
              HasSubstr("max_connections=1073741824"));
}

TEST_F(AcceptorTest, CloseConnectionsEndsThemAll) {
  Start();
  RawClient first = Connect();
  RawClient second = Connect();
  ASSERT_TRUE(EventuallyReceived(2));
  acceptor_->CloseConnections();
  EXPECT_TRUE(first.IsClosedByPeer());
  EXPECT_TRUE(second.IsClosedByPeer());
  EXPECT_TRUE(EventuallyOpen(0));
  const RawClient third = Connect();
  EXPECT_TRUE(EventuallyReceived(3));
}

TEST_F(AcceptorTest, StopListeningRefusesNewConnectionsAndKeepsTheOldOnes) {
  Start();
  RawClient client = Connect();
  ASSERT_TRUE(EventuallyReceived(1));
  acceptor_->StopListening();
  EXPECT_FALSE(Connect().connected());
  client.Send("still here");
  EXPECT_EQ(ReadExactly(received_.fd(0), 10), "still here");
  received_.Close(0);
  EXPECT_TRUE(EventuallyOpen(0));
}

TEST_F(AcceptorTest, StopMayComeBeforeStartAndTwice) {
  AcceptorOptions options;
  options.address = "127.0.0.1:0";
  auto acceptor = Acceptor::Listen(options);
  ASSERT_TRUE(acceptor.ok());
  (*acceptor)->Stop();
  (*acceptor)->Stop();
  EXPECT_FALSE(RawClient((*acceptor)->address()).connected());
}

TEST_F(AcceptorTest, ServesAUnixSocket) {
  const SocketFolder folder;
  AcceptorOptions options;
  options.address = "unix:" + folder / "s";
  Start(options);
  RawClient client = Connect();
  ASSERT_TRUE(EventuallyReceived(1));
  client.Send("hi");
  EXPECT_EQ(ReadExactly(received_.fd(0), 2), "hi");
  client.Close();
  EXPECT_TRUE(EventuallyOpen(0));
}

TEST_F(AcceptorTest, RefusesToStartOnATakenPort) {
  Start();
  AcceptorOptions options;
  options.address = acceptor_->address();
  const absl::Status status = Acceptor::Listen(options).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kAlreadyExists);
  EXPECT_THAT(std::string(status.message()), HasSubstr(options.address));
}

TEST_F(AcceptorTest, RefusesAProxyHeaderOnAUnixSocket) {
  AcceptorOptions options;
  options.address = "unix:/tmp/never";
  options.proxy_protocol = true;
  EXPECT_EQ(Acceptor::Listen(options).status().code(),
            absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace msgproc::base
