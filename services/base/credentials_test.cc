#include "services/base/credentials.h"

#include <sys/stat.h>
#include <unistd.h>

#include <fstream>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "services/base/setting_name.h"
#include "services/base/testing/certificates.h"

namespace msgproc::base {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

constexpr char kLoopback[] = "127.0.0.1:0";

class CredentialsTest : public ::testing::Test {
 protected:
  static const TestAuthority& Authority() {
    static const auto* const authority = new TestAuthority();
    return *authority;
  }
  static const std::string& Server() {
    static const auto* const stem =
        new std::string(Authority().Issue("server"));
    return *stem;
  }
  static CredentialsOptions Tls() {
    CredentialsOptions options;
    options.tls_cert = Server() + ".pem";
    options.tls_key = Server() + ".key";
    options.setting_name = AsFlag;
    return options;
  }
  static void ExpectRefused(const CredentialsOptions& options,
                            absl::StatusCode code,
                            const ::testing::Matcher<std::string>& message,
                            const std::string& address = kLoopback) {
    const absl::Status status = CheckCredentials(options, address);
    EXPECT_EQ(status.code(), code) << status;
    EXPECT_THAT(std::string(status.message()), message);
  }
};

TEST_F(CredentialsTest, PlaintextIsForThisMachineOnlyUnlessInsecure) {
  CredentialsOptions options;
  options.setting_name = AsFlag;
  for (const char* address :
       {"127.0.0.1:0", "[::1]:0", "localhost:0", "unix:/tmp/x"}) {
    EXPECT_TRUE(CheckCredentials(options, address).ok()) << address;
  }
  for (const char* address : {"0.0.0.0:0", "*:0", "[::]:0", "192.0.2.1:0"}) {
    ExpectRefused(options, absl::StatusCode::kFailedPrecondition,
                  AllOf(HasSubstr(address), HasSubstr("--insecure")), address);
  }
  options.insecure = true;
  EXPECT_TRUE(CheckCredentials(options, "0.0.0.0:0").ok());
}

TEST_F(CredentialsTest, TlsMayBeReachedFromEverywhere) {
  EXPECT_TRUE(CheckCredentials(Tls(), "0.0.0.0:0").ok());
}

TEST_F(CredentialsTest, AMissingFileIsNamedWithItsFlag) {
  CredentialsOptions options = Tls();
  options.tls_cert = "/no/such/cert.pem";
  ExpectRefused(options, absl::StatusCode::kNotFound,
                AllOf(HasSubstr("--tls_cert"), HasSubstr("/no/such/cert.pem")));
  options = Tls();
  options.tls_key = "/no/such/key.pem";
  ExpectRefused(options, absl::StatusCode::kNotFound,
                HasSubstr("/no/such/key.pem"));
  options = Tls();
  options.tls_client_ca = "/no/such/ca.pem";
  ExpectRefused(
      options, absl::StatusCode::kNotFound,
      AllOf(HasSubstr("--tls_client_ca"), HasSubstr("/no/such/ca.pem")));
}

TEST_F(CredentialsTest, HalfAPairIsNamed) {
  CredentialsOptions options = Tls();
  options.tls_cert.clear();
  ExpectRefused(options, absl::StatusCode::kInvalidArgument,
                HasSubstr("--tls_cert is missing"));
  options = Tls();
  options.tls_key.clear();
  ExpectRefused(options, absl::StatusCode::kInvalidArgument,
                HasSubstr("--tls_key is missing"));
  options = CredentialsOptions();
  options.tls_client_ca = Authority().cert();
  ExpectRefused(options, absl::StatusCode::kInvalidArgument,
                AllOf(HasSubstr("needs TLS"), HasSubstr("give tls_cert and")));
}

TEST_F(CredentialsTest, AKeyOfAnotherCertificateIsRefused) {
  CredentialsOptions options = Tls();
  options.tls_key = Authority().Issue("another") + ".key";
  ExpectRefused(options, absl::StatusCode::kInvalidArgument,
                AllOf(HasSubstr("another.key"), HasSubstr("does not belong")));
}

TEST_F(CredentialsTest, FilesThatAreNotPemAreRefused) {
  const std::string garbage = NewTestFolder() + "/garbage.pem";
  std::ofstream(garbage) << "not a certificate";
  CredentialsOptions options = Tls();
  options.tls_cert = garbage;
  ExpectRefused(options, absl::StatusCode::kInvalidArgument,
                HasSubstr("garbage.pem holds no PEM certificate"));
  options = Tls();
  options.tls_key = garbage;
  ExpectRefused(options, absl::StatusCode::kInvalidArgument,
                HasSubstr("garbage.pem holds no PEM private key"));
  options = Tls();
  options.tls_client_ca = garbage;
  ExpectRefused(options, absl::StatusCode::kInvalidArgument,
                HasSubstr("garbage.pem holds no PEM certificate"));
  options.tls_client_ca = NewTestFolder();
  ExpectRefused(options, absl::StatusCode::kInvalidArgument,
                HasSubstr("cannot read"));
}

TEST_F(CredentialsTest, AKeyWithAPassphraseIsRefusedAndSaysWhy) {
  const std::string locked = NewTestFolder() + "/locked.key";
  RunOpenSsl({"pkey", "-aes128", "-passout", "pass:secret", "-in",
              Server() + ".key", "-out", locked});
  CredentialsOptions options = Tls();
  options.tls_key = locked;
  ExpectRefused(options, absl::StatusCode::kInvalidArgument,
                HasSubstr("passphrase"));
}

TEST_F(CredentialsTest, AnUnreadableFileIsNamed) {
  if (geteuid() == 0) GTEST_SKIP() << "root reads everything";
  const std::string secret = NewTestFolder() + "/secret.key";
  std::ofstream(secret) << "x";
  chmod(secret.c_str(), 0);
  CredentialsOptions options = Tls();
  options.tls_key = secret;
  ExpectRefused(options, absl::StatusCode::kPermissionDenied,
                HasSubstr("secret.key"));
}

TEST_F(CredentialsTest, AnExpiredCertificateIsForTheClientsToJudge) {
  const std::string stem = Authority().Issue("old", /*expired=*/true);
  CredentialsOptions options;
  options.tls_cert = stem + ".pem";
  options.tls_key = stem + ".key";
  EXPECT_TRUE(CheckCredentials(options, kLoopback).ok());
}

}  // namespace
}  // namespace msgproc::base
