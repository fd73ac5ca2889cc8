#include "services/base/listen_address.h"

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace msgproc::base {
namespace {

using ::testing::HasSubstr;

TEST(ListenAddressTest, PrintsWhatItParses) {
  for (const std::string text :
       {"127.0.0.1:50051", "[::1]:0", "localhost:65535", "*:1", "0.0.0.0:2",
        "[::]:3", "unix:/run/msgproc.sock", "unix:relative.sock"}) {
    const absl::StatusOr<ListenAddress> address = ListenAddress::Parse(text);
    ASSERT_TRUE(address.ok()) << address.status();
    EXPECT_EQ(address->ToString(), text);
  }
}

TEST(ListenAddressTest, RefusesWhatIsNoAddressAndSaysHowToWriteOne) {
  for (const std::string text :
       {"", "50051", "localhost", "127.0.0.1:", "127.0.0.1:x",
        "127.0.0.1:65536", "127.0.0.1:-1", "127.0.0.1:+1", ":50051",
        "::1:50051", "[::1:50051", "[127.0.0.1]:1", "unix:"}) {
    const absl::Status status = ListenAddress::Parse(text).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << text;
    EXPECT_THAT(std::string(status.message()), HasSubstr("\"" + text + "\""));
    EXPECT_THAT(std::string(status.message()), HasSubstr("host:port"));
  }
  EXPECT_THAT(std::string(ListenAddress::Parse("unix:" + std::string(200, 'x'))
                              .status()
                              .message()),
              HasSubstr("107 bytes"));
}

TEST(ListenAddressTest, KnowsWhatOnlyThisMachineCanReach) {
  for (const std::string text :
       {"127.0.0.1:1", "127.8.9.10:1", "[::1]:1", "localhost:1", "unix:/x",
        "[::ffff:127.0.0.1]:1"}) {
    const auto loopback = IsLoopback(*ListenAddress::Parse(text));
    ASSERT_TRUE(loopback.ok()) << loopback.status();
    EXPECT_TRUE(*loopback) << text;
  }
  for (const std::string text : {"0.0.0.0:1", "*:1", "[::]:1", "192.0.2.1:1",
                                 "[2001:db8::1]:1", "[::ffff:192.0.2.1]:1"}) {
    const auto loopback = IsLoopback(*ListenAddress::Parse(text));
    ASSERT_TRUE(loopback.ok()) << loopback.status();
    EXPECT_FALSE(*loopback) << text;
  }
}

TEST(ListenAddressTest, AnUnknownHostIsAnErrorThatNamesIt) {
  const absl::Status status =
      ListenAddress::Parse("no-such-host.invalid:1")->Resolve().status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(status.message()),
              HasSubstr("no-such-host.invalid:1"));
}

TEST(SocketAddressTest, MappedIpv4PrintsAsIpv4) {
  const SocketAddress address = SocketAddress::FromIp("::ffff:1.2.3.4", 5);
  EXPECT_EQ(address.ToString(), "1.2.3.4:5");
  EXPECT_EQ(address.ToPeer(), "ipv4:1.2.3.4:5");
  EXPECT_EQ(DecodePeer("ipv6:%5B::1%5D:5"),
            SocketAddress::FromIp("::1", 5).ToPeer());
}

}  // namespace
}  // namespace msgproc::base
