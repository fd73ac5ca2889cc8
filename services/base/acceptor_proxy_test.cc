// The acceptor behind a layer-4 proxy that sends PROXY headers.
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "services/base/acceptor.h"
#include "services/base/testing/eventually.h"
#include "services/base/testing/raw_client.h"

namespace msgproc::base {
namespace {

using ::testing::HasSubstr;

constexpr char kV1[] = "PROXY TCP4 192.0.2.7 198.51.100.1 56324 443\r\n";
constexpr absl::string_view kV2(
    "\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\xc0\0\x02\x09\x0a\0\0\x02\x12\x34\0"
    "\x50",
    28);

class AcceptorProxyTest : public ::testing::Test {
 protected:
  void Start(absl::Duration timeout = absl::Seconds(30),
             AcceptorOptions options = {}) {
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
  // Accepted is counted before the socket is handed over.
  int Received(size_t i) {
    const bool there = Eventually([&] {
      MutexLock lock(&mutex_);
      return received_.size() > i;
    });
    EXPECT_TRUE(there);
    MutexLock lock(&mutex_);
    return there ? received_[i].get() : -1;
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

std::string V2(char command, char family, absl::string_view block) {
  std::string header("\r\n\r\n\0\r\nQUIT\n", 12);
  header += {command, family, static_cast<char>(block.size() >> 8),
             static_cast<char>(block.size() & 0xff)};
  return absl::StrCat(header, block);
}

struct OddHeader {
  const char* name;
  std::string bytes;
  // As ClientOf says it; empty: the proxy's own.
  const char* client;
};

TEST_F(AcceptorProxyTest, OddHeadersThatAreGoodLetTheirBytesThrough) {
  Start();
  const std::string v4("\xc0\0\x02\x09\x0a\0\0\x02\x12\x34\0\x50", 12);
  const std::string v6 = absl::StrCat(
      std::string("\x20\x01\x0d\xb8", 4), std::string(11, '\0'), "\x01",
      std::string(16, '\0'), std::string("\x12\x34\0\x50", 4));
  // PP2_TYPE_AUTHORITY "a.b", PP2_TYPE_NOOP with nothing.
  const std::string extensions(
      "\x02\0\x03"
      "a.b"
      "\x04\0\0",
      9);
  const OddHeader headers[] = {
      {"v1 TCP6", "PROXY TCP6 2001:db8::1 2001:db8::2 4660 80\r\n",
       "ipv6:[2001:db8::1]:4660"},
      {"v1 longest",
       "PROXY UNKNOWN ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff "
       "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535\r\n",
       ""},
      {"v1 UNKNOWN with words", "PROXY UNKNOWN a b c\r\n", ""},
      {"v1 highest ports", "PROXY TCP4 192.0.2.7 192.0.2.8 65535 65535\r\n",
       "ipv4:192.0.2.7:65535"},
      {"v2 IPv6", V2('\x21', '\x21', v6), "ipv6:[2001:db8::1]:4660"},
      {"v2 with extensions", V2('\x21', '\x11', v4 + extensions),
       "ipv4:192.0.2.9:4660"},
      {"v2 with a kilobyte of extensions",
       V2('\x21', '\x11',
          absl::StrCat(v4, "\x04", std::string("\x04\0", 2),
                       std::string(1024, 'x'))),
       "ipv4:192.0.2.9:4660"},
      {"v2 LOCAL", V2('\x20', '\0', ""), ""},
      {"v2 LOCAL with an address", V2('\x20', '\x11', v4), ""},
      {"v2 unspecified", V2('\x21', '\0', ""), ""},
      {"v2 of a Unix socket", V2('\x21', '\x31', std::string(216, 'u')), ""},
      {"v2 UDP", V2('\x21', '\x12', v4), "ipv4:192.0.2.9:4660"},
  };
  uint64_t accepted = 0;
  for (const OddHeader& header : headers) {
    for (const bool byte_by_byte : {false, true}) {
      SCOPED_TRACE(header.name);
      const RawClient client = Connect();
      if (byte_by_byte) {
        for (const char c : header.bytes) client.Send(std::string(1, c));
        client.Send("own");
      } else {
        client.Send(header.bytes + "own");
      }
      ASSERT_TRUE(EventuallyAccepted(++accepted));
      EXPECT_EQ(ReadExactly(Received(accepted - 1), 3), "own");
      const std::string expected =
          *header.client == '\0' ? client.LocalPeer() : header.client;
      EXPECT_EQ(acceptor_->ClientOf(client.LocalPeer()), expected);
    }
  }
}

TEST_F(AcceptorProxyTest, OddHeadersThatAreBadAreClosedAndLoggedWithThePeer) {
  const OddHeader headers[] = {
      {"v1 too long", "PROXY UNKNOWN " + std::string(200, 'x') + "\r\n", ""},
      {"v1 without an address", "PROXY TCP4\r\n", ""},
      {"v1 of another family", "PROXY TCP4 2001:db8::1 2001:db8::2 1 2\r\n",
       ""},
      {"v1 with a port too high", "PROXY TCP4 1.2.3.4 1.2.3.4 65536 1\r\n", ""},
      {"v1 with a negative port", "PROXY TCP4 1.2.3.4 1.2.3.4 -1 1\r\n", ""},
      {"v1 with two blanks", "PROXY  TCP4 1.2.3.4 1.2.3.4 1 1\r\n", ""},
      {"v1 of a family unknown", "PROXY SCTP 1.2.3.4 1.2.3.4 1 1\r\n", ""},
      {"v1 in small letters", "proxy tcp4 1.2.3.4 1.2.3.4 1 1\r\n", ""},
      {"v2 of version 3", V2('\x31', '\x11', std::string(12, 'x')), ""},
      {"v2 of a command unknown", V2('\x2f', '\x11', std::string(12, 'x')), ""},
      {"v2 IPv4 cut short", V2('\x21', '\x11', std::string(8, 'x')), ""},
      {"v2 IPv6 cut short", V2('\x21', '\x21', std::string(35, 'x')), ""},
      {"v2 over-long", V2('\x21', '\x11', std::string(5000, 'x')), ""},
      {"TLS", "\x16\x03\x01\x02", ""},
  };
  for (const OddHeader& header : headers) {
    SCOPED_TRACE(header.name);
    // A new one, whose throttle lets the line through.
    Start();
    ::testing::internal::CaptureStderr();
    const RawClient client = Connect();
    client.Send(header.bytes);
    EXPECT_TRUE(client.IsClosedByPeer());
    acceptor_->Stop();
    const std::string log = ::testing::internal::GetCapturedStderr();
    EXPECT_THAT(log, HasSubstr("peer=" + client.LocalPeer()));
    EXPECT_EQ(Rejected(Rejection::kProxyHeader), 1u);
    EXPECT_EQ(acceptor_->Stats().accepted, 0u);
  }
}

TEST_F(AcceptorProxyTest, TheCapAnAddressIsOfTheClientBehindTheProxy) {
  AcceptorOptions options;
  options.max_connections_per_address = 1;
  Start(absl::Seconds(30), options);
  const RawClient first = Connect();
  first.Send("PROXY TCP4 192.0.2.7 192.0.2.1 1 1\r\n");
  ASSERT_TRUE(EventuallyAccepted(1));
  const RawClient again = Connect();
  again.Send("PROXY TCP4 192.0.2.7 192.0.2.1 2 1\r\n");
  EXPECT_TRUE(again.IsClosedByPeer());
  EXPECT_EQ(Rejected(Rejection::kAddressLimit), 1u);
  // Another client of the same proxy, and the proxy itself, twice.
  const RawClient other = Connect();
  other.Send("PROXY TCP4 192.0.2.8 192.0.2.1 3 1\r\n");
  ASSERT_TRUE(EventuallyAccepted(2));
  const RawClient probes[2] = {Connect(), Connect()};
  for (const RawClient& probe : probes) probe.Send("PROXY UNKNOWN\r\n");
  EXPECT_TRUE(EventuallyAccepted(4));
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
}  // namespace msgproc::base
