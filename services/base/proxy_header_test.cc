#include "services/base/proxy_header.h"

#include <cstddef>
#include <string>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"

namespace msgproc::base {
namespace {

constexpr absl::string_view kSignature("\r\n\r\n\0\r\nQUIT\n", 12);

std::string V2(char version_and_command, char family, absl::string_view block) {
  return absl::StrCat(kSignature, std::string(1, version_and_command),
                      std::string(1, family),
                      std::string(1, static_cast<char>(block.size() >> 8)),
                      std::string(1, static_cast<char>(block.size())), block);
}

constexpr absl::string_view kV4Block(
    "\x0a\x00\x00\x01\x0a\x00\x00\x02\x12\x34\x00\x50", 12);

TEST(ProxyHeaderTest, ReadsTheClientOfAVersion1Header) {
  const std::string bytes =
      "PROXY TCP4 192.0.2.7 198.51.100.1 56324 443\r\nPRI * HTTP/2.0";
  const auto header = ParseProxyHeader(bytes);
  ASSERT_TRUE(header.ok()) << header.status();
  ASSERT_TRUE(header->has_value());
  EXPECT_EQ((*header)->size, bytes.find("PRI"));
  EXPECT_EQ((*header)->client->ToString(), "192.0.2.7:56324");
}

TEST(ProxyHeaderTest, ReadsIpv6InBothVersions) {
  const auto v1 =
      ParseProxyHeader("PROXY TCP6 2001:db8::1 2001:db8::2 1 65535\r\n");
  ASSERT_TRUE(v1.ok() && v1->has_value());
  EXPECT_EQ((*v1)->client->ToString(), "[2001:db8::1]:1");

  std::string block(36, '\0');
  block[0] = '\x20';
  block[15] = '\x09';
  block[33] = '\x07';
  const auto v2 = ParseProxyHeader(V2('\x21', '\x21', block));
  ASSERT_TRUE(v2.ok() && v2->has_value());
  EXPECT_EQ((*v2)->client->ToString(), "[2000::9]:7");
}

TEST(ProxyHeaderTest, ReadsTheClientOfAVersion2HeaderAndSkipsItsExtensions) {
  const std::string extended = absl::StrCat(kV4Block, "\x04", "\x00\x01x");
  const std::string header_bytes = V2('\x21', '\x11', extended);
  const auto header = ParseProxyHeader(absl::StrCat(header_bytes, "more"));
  ASSERT_TRUE(header.ok() && header->has_value());
  EXPECT_EQ((*header)->size, header_bytes.size());
  EXPECT_EQ((*header)->client->ToString(), "10.0.0.1:4660");
}

TEST(ProxyHeaderTest, AProxyThatSpeaksForItselfHasNoClient) {
  for (const std::string& bytes :
       {std::string("PROXY UNKNOWN\r\n"),
        std::string("PROXY UNKNOWN ::1 ::1 1 2\r\n"), V2('\x20', '\x00', ""),
        V2('\x20', '\x11', kV4Block), V2('\x21', '\x31', std::string(216, 'x')),
        V2('\x21', '\x00', "")}) {
    const auto header = ParseProxyHeader(bytes);
    ASSERT_TRUE(header.ok() && header->has_value()) << bytes;
    EXPECT_EQ((*header)->size, bytes.size());
    EXPECT_FALSE((*header)->client.has_value());
  }
}

TEST(ProxyHeaderTest, EveryPrefixOfAHeaderAsksForMore) {
  for (const std::string& bytes :
       {std::string("PROXY TCP4 192.0.2.7 198.51.100.1 56324 443\r\n"),
        V2('\x21', '\x11', kV4Block)}) {
    for (size_t size = 0; size < bytes.size(); ++size) {
      const auto header = ParseProxyHeader(bytes.substr(0, size));
      ASSERT_TRUE(header.ok()) << size << ": " << header.status();
      EXPECT_FALSE(header->has_value()) << size;
    }
  }
}

TEST(ProxyHeaderTest, WhatCanNeverBecomeAHeaderIsRefused) {
  for (const std::string& bytes :
       {std::string("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
        std::string("\x16\x03"),
        std::string("PROXY TCP5 1.2.3.4 1.2.3.4 1 2\r\n"),
        std::string("PROXY TCP4 1.2.3.4 1.2.3.4 1\r\n"),
        std::string("PROXY TCP4 1.2.3.4 1.2.3.4 1 65536\r\n"),
        std::string("PROXY TCP4 1.2.3.4 1.2.3.4 +1 2\r\n"),
        std::string("PROXY TCP4 1.2.3.4  1.2.3.4 1 2\r\n"),
        std::string("PROXY TCP4 ::1 1.2.3.4 1 2\r\n"),
        std::string("PROXY TCP4 1.2.3 1.2.3.4 1 2\r\n"),
        std::string("PROXY \r\n"),
        std::string("PROXY ") + std::string(101, 'x'),
        V2('\x11', '\x11', kV4Block), V2('\x22', '\x11', kV4Block),
        V2('\x21', '\x11', kV4Block.substr(0, 11)),
        V2('\x21', '\x21', kV4Block),
        V2('\x21', '\x11', std::string(5000, 0))}) {
    EXPECT_FALSE(ParseProxyHeader(bytes).ok()) << bytes;
  }
}

}  // namespace
}  // namespace msgproc::base
