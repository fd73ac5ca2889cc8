#include "services/etcd/registry_url.h"

#include <string>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace msgproc::etcd {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

std::string WhyNot(const std::string& text) {
  const auto url = RegistryUrl::Parse(text);
  EXPECT_TRUE(absl::IsInvalidArgument(url.status())) << text;
  return std::string(url.status().message());
}

TEST(RegistryUrlTest, HasEndpointsAndAPrefix) {
  const auto url = RegistryUrl::Parse("etcd://a:2379,10.0.0.2:1,[::1]:65535/x");
  ASSERT_TRUE(url.ok()) << url.status();
  EXPECT_THAT(url->endpoints,
              ElementsAre("a:2379", "10.0.0.2:1", "[::1]:65535"));
  EXPECT_EQ(url->prefix, "x");
}

TEST(RegistryUrlTest, APrefixMayHaveFoldersAndASlashBehindIt) {
  const auto url = RegistryUrl::Parse("etcd://a:2379/shop/fleet-1/");
  ASSERT_TRUE(url.ok()) << url.status();
  EXPECT_EQ(url->prefix, "shop/fleet-1");
}

TEST(RegistryUrlTest, OnlyServersAreInTheServersFolder) {
  const auto url = RegistryUrl::Parse("etcd://a:2379/fleet");
  ASSERT_TRUE(url.ok()) << url.status();
  EXPECT_EQ(url->ServersFolder(), "fleet/");
  EXPECT_EQ(url->ServerKey("p1"), "fleet/p1");
  EXPECT_EQ(url->OrderKey("p1"), "fleet.orders/p1");
  EXPECT_EQ(url->MoverKey(), "fleet.mover");
}

TEST(RegistryUrlTest, ARangeEndsBehindAllThatBeginsSo) {
  EXPECT_EQ(EndOfPrefix("fleet/"), "fleet0");
}

TEST(RegistryUrlTest, SaysWhatIsWrong) {
  EXPECT_THAT(WhyNot(""), HasSubstr("etcd://"));
  EXPECT_THAT(WhyNot("http://a:2379/x"), HasSubstr("does not begin"));
  EXPECT_THAT(WhyNot("etcd://a:2379"), HasSubstr("no prefix"));
  EXPECT_THAT(WhyNot("etcd://a:2379/"), HasSubstr("no prefix"));
  EXPECT_THAT(WhyNot("etcd:///x"), HasSubstr("no port"));
  EXPECT_THAT(WhyNot("etcd://a/x"), HasSubstr("no port"));
  EXPECT_THAT(WhyNot("etcd://a:0/x"), HasSubstr("no port"));
  EXPECT_THAT(WhyNot("etcd://a:65536/x"), HasSubstr("no port"));
  EXPECT_THAT(WhyNot("etcd://a:b/x"), HasSubstr("no port"));
  EXPECT_THAT(WhyNot("etcd://a:1,/x"), HasSubstr("no port"));
  EXPECT_THAT(WhyNot("etcd://:1/x"), HasSubstr("no host"));
  EXPECT_THAT(WhyNot("etcd://::1:1/x"), HasSubstr("brackets"));
  EXPECT_THAT(WhyNot("etcd://[::1:1/x"), HasSubstr("brackets"));
  EXPECT_THAT(WhyNot("etcd://::1]:1/x"), HasSubstr("brackets"));
  for (const char* prefix : {"a b", "a//b", "/a", "a?b", "a#b", "\xc3\xa4"}) {
    EXPECT_THAT(WhyNot(absl::StrCat("etcd://a:1/", prefix)),
                HasSubstr("printable"));
  }
}

TEST(RegistryUrlTest, NeverRepeatsWhatMayBeAPassword) {
  EXPECT_THAT(WhyNot("etcd://me:secret@a:1/x"), Not(HasSubstr("secret")));
  EXPECT_THAT(WhyNot("etcd://me:sec/ret@a:1/x"), Not(HasSubstr("sec/ret")));
}

TEST(RegistryUrlTest, HasBounds) {
  const std::string most =
      "etcd://a:1,a:1,a:1,a:1,a:1,a:1,a:1,a:1,a:1,a:1,a:1,"
      "a:1,a:1,a:1,a:1,a:1";
  EXPECT_TRUE(RegistryUrl::Parse(most + "/x").ok());
  EXPECT_THAT(WhyNot(most + ",a:1/x"), HasSubstr("17 endpoints"));
  EXPECT_TRUE(RegistryUrl::Parse("etcd://a:1/" + std::string(256, 'x')).ok());
  EXPECT_THAT(WhyNot("etcd://a:1/" + std::string(257, 'x')),
              HasSubstr("257 bytes"));
}

}  // namespace
}  // namespace msgproc::etcd
