// The acceptor behind a layer-4 proxy that sends PROXY headers.
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "services/base/acceptor.h"
#include "services/base/testing/eventually.h"
#include "services/base/testing/raw_client.h"

namespace msgproc::server {
namespace {

constexpr char kV1[] = "PROXY TCP4 192.0.2.7 198.51.100.1 56324 443\r\n";
constexpr absl::string_view kV2(
    "\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\xc0\0\x02\x09\x0a\0\0\x02\x12\x34\0"
    "\x50",
    28);

class AcceptorProxyTest : public ::testing::Test {
 protected:
  void Start(absl::Duration timeout = absl::Seconds(30)) {
    AcceptorOptions options;
    options.address = "127.0.0.1:0";
    options.proxy_protocol = true;
    options.proxy_header_timeout = timeout;
    auto acceptor = Acceptor::Listen(options);
    ASSERT_TRUE(acceptor.ok()) << acceptor.status();
    acceptor_ = *std::move(acceptor);
    acceptor_->Start([this](int fd) {
      MutexLock lock(&mutex_);
      received_.emplace_back(fd);
    });
  }
  RawClient Connect() const { return RawClient(acceptor_->address()); }
  uint64_t Rejected(Rejection reason) const {
    return acceptor_->Stats().rejected[static_cast<size_t>(reason)];
  }
  bool EventuallyAccepted(uint64_t count) const {
    return Eventually([&] { return acceptor_->Stats().accepted == count; });
  }
  int Received(size_t i) {
    MutexLock lock(&mutex_);
    return received_[i].get();
  }

  Mutex mutex_;
  std::vector<UniqueFd> received_ MSGPROC_GUARDED_BY(mutex_);
  std::unique_ptr<Acceptor> acceptor_;
};

TEST_F(AcceptorProxyTest, HandsOverWhatFollowsTheHeaderAndKnowsTheClient) {
  Start();
  RawClient v1 = Connect();
  v1.Send(absl::StrCat(kV1, "first bytes"));
  ASSERT_TRUE(EventuallyAccepted(1));
  EXPECT_EQ(ReadExactly(Received(0), 11), "first bytes");
  EXPECT_EQ(acceptor_->ClientOf(v1.LocalPeer()), "ipv4:192.0.2.7:56324");

  RawClient v2 = Connect();
  v2.Send(absl::StrCat(kV2, "second"));
  ASSERT_TRUE(EventuallyAccepted(2));
  EXPECT_EQ(ReadExactly(Received(1), 6), "second");
  EXPECT_EQ(acceptor_->ClientOf(v2.LocalPeer()), "ipv4:192.0.2.9:4660");
}

TEST_F(AcceptorProxyTest, AHeaderMayComeByteByByte) {
  Start();
  RawClient client = Connect();
  for (const char c : absl::StrCat(kV1, "x")) client.Send(std::string(1, c));
  ASSERT_TRUE(EventuallyAccepted(1));
  EXPECT_EQ(ReadExactly(Received(0), 1), "x");
}

TEST_F(AcceptorProxyTest, ForgetsTheClientWhenTheConnectionEnds) {
  Start();
  RawClient client = Connect();
  client.Send(kV1);
  ASSERT_TRUE(EventuallyAccepted(1));
  const std::string peer = client.LocalPeer();
  client.Reset();
  EXPECT_TRUE(Eventually([&] { return acceptor_->ClientOf(peer) == peer; }));
  EXPECT_TRUE(Eventually([&] { return acceptor_->Stats().open == 0; }));
}

TEST_F(AcceptorProxyTest, AProxysOwnHealthCheckKeepsTheProxysAddress) {
  Start();
  RawClient client = Connect();
  client.Send("PROXY UNKNOWN\r\n");
  ASSERT_TRUE(EventuallyAccepted(1));
  EXPECT_EQ(acceptor_->ClientOf(client.LocalPeer()), client.LocalPeer());
}

TEST_F(AcceptorProxyTest, ASlowHeaderDoesNotHoldUpOthersAndIsClosedInTime) {
  Start(absl::Milliseconds(300));
  RawClient slow = Connect();
  slow.Send("PROXY TCP4 192.");
  RawClient silent = Connect();
  RawClient quick = Connect();
  quick.Send(kV1);
  EXPECT_TRUE(EventuallyAccepted(1));
  EXPECT_TRUE(slow.IsClosedByPeer());
  EXPECT_TRUE(silent.IsClosedByPeer());
  EXPECT_TRUE(
      Eventually([&] { return Rejected(Rejection::kProxyTimeout) == 2; }));
  EXPECT_FALSE(quick.IsClosedWithin(absl::Milliseconds(50)));
}

TEST_F(AcceptorProxyTest, AMissingOrBrokenHeaderClosesTheConnection) {
  Start();
  for (const std::string& bytes :
       {std::string("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
        std::string("PROXY TCP4 nonsense\r\n"), std::string(5000, '\xff')}) {
    RawClient client = Connect();
    client.Send(bytes);
    EXPECT_TRUE(client.IsClosedByPeer()) << bytes;
  }
  RawClient leaver = Connect();
  leaver.Send("PROXY ");
  leaver.Close();
  EXPECT_TRUE(
      Eventually([&] { return Rejected(Rejection::kProxyHeader) == 4; }));
  EXPECT_EQ(acceptor_->Stats().accepted, 0u);
  EXPECT_EQ(acceptor_->Stats().open, 0u);
}

TEST_F(AcceptorProxyTest, StopListeningClosesThoseThatHaveNotSentTheirs) {
  Start();
  RawClient pending = Connect();
  pending.Send("PROXY ");
  RawClient ready = Connect();
  ready.Send(kV1);
  ASSERT_TRUE(EventuallyAccepted(1));
  ASSERT_TRUE(Eventually([&] { return acceptor_->Stats().open == 2; }));
  acceptor_->StopListening();
  EXPECT_TRUE(pending.IsClosedByPeer());
  EXPECT_EQ(Rejected(Rejection::kStopping), 1u);
  EXPECT_FALSE(ready.IsClosedWithin(absl::Milliseconds(50)));
}

TEST_F(AcceptorProxyTest, CloseConnectionsEndsPendingOnesToo) {
  Start();
  RawClient pending = Connect();
  pending.Send("PROXY ");
  ASSERT_TRUE(Eventually([&] { return acceptor_->Stats().open == 1; }));
  acceptor_->CloseConnections();
  EXPECT_TRUE(pending.IsClosedByPeer());
  EXPECT_TRUE(Eventually([&] { return acceptor_->Stats().open == 0; }));
}

}  // namespace
}  // namespace msgproc::server
