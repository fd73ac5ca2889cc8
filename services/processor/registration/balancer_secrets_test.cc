#include "services/processor/registration/balancer_secrets.h"

#include <fstream>
#include <string>

#include "absl/time/clock.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "services/base/setting_name.h"
#include "services/base/testing/certificates.h"

namespace msgproc::processor {
namespace {

using testing::HasSubstr;

void Write(const std::string& path, const std::string& text) {
  std::ofstream(path, std::ios::trunc) << text;
}

void PollTwice(const BalancerSecrets& secrets) {
  for (int i = 0; i < 2; ++i) {
    for (const auto& files : secrets.files()) {
      files->Poll(absl::Now()).IgnoreError();
    }
  }
}

TEST(BalancerSecretsTest, WithoutFilesThereIsNothingToShow) {
  const auto secrets = BalancerSecrets::Load({});
  ASSERT_TRUE(secrets.ok()) << secrets.status();
  EXPECT_EQ((*secrets)->Token(), "");
  EXPECT_TRUE((*secrets)->files().empty());
}

TEST(BalancerSecretsTest, ANewTokenIsShownAndABrokenOneIsNot) {
  const std::string path = base::NewTestFolder() + "/token";
  Write(path, "  first-token-of-all\n");
  const auto secrets = BalancerSecrets::Load({.register_token_file = path});
  ASSERT_TRUE(secrets.ok()) << secrets.status();
  EXPECT_EQ((*secrets)->Token(), "first-token-of-all");
  Write(path, "second-token\n");
  PollTwice(**secrets);
  EXPECT_EQ((*secrets)->Token(), "second-token");
  for (const char* broken : {"", "\n", "two tokens\n", "a\nb\n", "\x01"}) {
    Write(path, broken);
    PollTwice(**secrets);
    EXPECT_EQ((*secrets)->Token(), "second-token") << broken;
  }
}

TEST(BalancerSecretsTest, CertificatesAreTakenAnewAndBrokenOnesAreNot) {
  const base::TestAuthority authority;
  const std::string stem = authority.Issue("processor");
  const std::string ca = base::NewTestFolder() + "/ca.pem";
  Write(ca, base::ReadTestFile(authority.cert()));
  const auto secrets = BalancerSecrets::Load(
      {.certificates = {
           .ca = ca, .cert = stem + ".pem", .key = stem + ".key"}});
  ASSERT_TRUE(secrets.ok()) << secrets.status();
  const auto before = (*secrets)->Credentials();
  Write(ca, "");
  PollTwice(**secrets);
  EXPECT_EQ((*secrets)->Credentials(), before);
  Write(ca, base::ReadTestFile(base::TestAuthority("another").cert()));
  PollTwice(**secrets);
  EXPECT_NE((*secrets)->Credentials(), before);
}

TEST(BalancerSecretsTest, AMissingFileIsNamedWithItsFlag) {
  const absl::Status token =
      BalancerSecrets::Load({.register_token_file = "/nonexistent/token",
                             .setting_name = base::AsFlag})
          .status();
  EXPECT_EQ(token.code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(token.message()),
              AllOf(HasSubstr("--register_token_file"),
                    HasSubstr("/nonexistent/token")));
  const absl::Status ca =
      BalancerSecrets::Load({.certificates = {.ca = "/nonexistent/ca"},
                             .setting_name = base::AsFlag})
          .status();
  EXPECT_THAT(std::string(ca.message()), HasSubstr("--balancer_ca"));
}

}  // namespace
}  // namespace msgproc::processor
