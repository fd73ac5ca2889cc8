#include "services/balancer/registration_rights.h"

#include <fstream>
#include <string>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "services/base/setting_name.h"

namespace msgproc::balancer {
namespace {

using testing::HasSubstr;

constexpr char kBearer[] = "Bearer 0123456789abcdef";

class RegistrationRightsTest : public testing::Test {
 protected:
  void RequireToken() {
    const std::string path = testing::TempDir() + "/token";
    std::ofstream(path) << "0123456789abcdef\n";
    ASSERT_TRUE(token_.Load(path).ok());
  }
  absl::Status Check(const RegistrationRights::Options& options,
                     const std::vector<std::string>& names,
                     absl::string_view authorization = "") const {
    return RegistrationRights(options, &token_)
        .Check({.peer = "ipv4:192.0.2.7:5", .names = names}, authorization);
  }

  RegisterToken token_;
};

TEST_F(RegistrationRightsTest, WithoutCertificatesAndTokensEverybodyMay) {
  EXPECT_TRUE(Check({}, {}).ok());
}

TEST_F(RegistrationRightsTest, AClientsCertificateAloneIsNoRight) {
  const absl::Status status =
      Check({.mutual_tls = true, .setting_name = base::AsFlag}, {"client"});
  EXPECT_TRUE(absl::IsPermissionDenied(status));
  EXPECT_THAT(std::string(status.message()),
              AllOf(HasSubstr("--register_allowed"),
                    HasSubstr("--register_token_file")));
}

TEST_F(RegistrationRightsTest, AnAllowedNameOrATokenIsEnough) {
  const RegistrationRights::Options options = {
      .mutual_tls = true, .allowed = {"processor", "*.fleet.example"}};
  EXPECT_TRUE(Check(options, {"localhost", "processor"}).ok());
  EXPECT_TRUE(Check(options, {"p1.fleet.example"}).ok());
  const absl::Status denied = Check(options, {"client", "127.0.0.1"});
  EXPECT_TRUE(absl::IsPermissionDenied(denied));
  EXPECT_THAT(std::string(denied.message()), HasSubstr("client, 127.0.0.1"));
  EXPECT_FALSE(Check(options, {"client"}, kBearer).ok());
  RequireToken();
  EXPECT_TRUE(Check(options, {"client"}, kBearer).ok());
  EXPECT_TRUE(Check(options, {"processor"}).ok());
  EXPECT_FALSE(Check(options, {"client"}, "Bearer 0123456789abcdee").ok());
  EXPECT_FALSE(Check({.mutual_tls = true}, {"processor"}).ok());
  EXPECT_TRUE(Check({.mutual_tls = true}, {"client"}, kBearer).ok());
}

TEST_F(RegistrationRightsTest, AWildcardIsForOneLabel) {
  EXPECT_TRUE(NameMatches("p1.fleet.example", "*.fleet.example"));
  EXPECT_TRUE(NameMatches("P1.Fleet.Example", "*.fleet.example"));
  for (const char* name :
       {"fleet.example", ".fleet.example", "a.b.fleet.example",
        "p1.fleet.example.evil", "p1-fleet.example"}) {
    EXPECT_FALSE(NameMatches(name, "*.fleet.example")) << name;
  }
  EXPECT_FALSE(NameMatches("processor2", "processor"));
}

TEST_F(RegistrationRightsTest, TheOwnerIsTheCertificateOrTheAddress) {
  const auto owner = [](std::string peer, std::vector<std::string> names) {
    return Registrant{std::move(peer), std::move(names)}.Owner();
  };
  EXPECT_EQ(owner("ipv4:192.0.2.7:5", {}), owner("ipv4:192.0.2.7:6", {}));
  EXPECT_NE(owner("ipv4:192.0.2.7:5", {}), owner("ipv4:192.0.2.8:5", {}));
  EXPECT_NE(owner("ipv6:[2001:db8::1]:5", {}),
            owner("ipv6:[2001:db8::2]:5", {}));
  EXPECT_EQ(owner("ipv4:192.0.2.7:5", {"a"}), owner("ipv4:192.0.2.8:5", {"a"}));
  EXPECT_NE(owner("ipv4:192.0.2.7:5", {"a"}), owner("ipv4:192.0.2.7:5", {"b"}));
}

}  // namespace
}  // namespace msgproc::balancer
