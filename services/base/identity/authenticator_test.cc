#include "services/base/identity/authenticator.h"

#include <grpcpp/security/auth_context.h>

#include <fstream>
#include <iterator>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "common/fake_clock.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "services/base/testing/certificates.h"
#include "services/base/testing/jwt_issuer.h"

namespace msgproc::base {
namespace {

using ::testing::HasSubstr;
using Kind = JwtIssuer::Kind;
using Source = Principal::Source;

// What a connection has shown.
class FakeConnection final : public grpc::AuthContext {
 public:
  FakeConnection& With(const std::string& property, const std::string& value) {
    properties_[property].push_back(value);
    return *this;
  }

  bool IsPeerAuthenticated() const override { return !properties_.empty(); }
  std::vector<grpc::string_ref> GetPeerIdentity() const override { return {}; }
  std::string GetPeerIdentityPropertyName() const override { return ""; }
  std::vector<grpc::string_ref> FindPropertyValues(
      const std::string& name) const override {
    const auto found = properties_.find(name);
    if (found == properties_.end()) return {};
    return {found->second.begin(), found->second.end()};
  }
  grpc::AuthPropertyIterator begin() const override { return Nothing(); }
  grpc::AuthPropertyIterator end() const override { return Nothing(); }
  void AddProperty(const std::string& /*key*/,
                   const grpc::string_ref& /*value*/) override {}
  bool SetPeerIdentityPropertyName(const std::string& /*name*/) override {
    return false;
  }

 private:
  struct Nothing : grpc::AuthPropertyIterator {};

  std::map<std::string, std::vector<std::string>> properties_;
};

class AuthenticatorTest : public ::testing::Test {
 protected:
  AuthenticatorTest() { WriteKeys({issuer_.PublicJwk()}); }

  void WriteKeys(const std::vector<nlohmann::json>& keys) {
    Write(JwksText(keys));
  }
  void Write(const std::string& text) {
    std::ofstream(path_, std::ios::trunc) << text;
  }
  std::shared_ptr<Authenticator> Make(bool with_keys = true) {
    Authenticator::Options options;
    if (with_keys) {
      options = {path_, "issuer", "audience", &clock_};
    }
    auto made = Authenticator::Create(options);
    EXPECT_TRUE(made.ok()) << made.status();
    return *made;
  }
  std::string Bearer() const { return "Bearer " + Token(); }
  std::string Token() const { return issuer_.Token(GoodClaims(clock_.Now())); }
  static absl::Status PollTwice(const Authenticator& authenticator) {
    authenticator.files().at(0)->Poll(absl::UnixEpoch()).IgnoreError();
    return authenticator.files().at(0)->Poll(absl::UnixEpoch());
  }

  const JwtIssuer issuer_{Kind::kEc};
  const std::string path_ = NewTestFolder() + "/keys.json";
  FakeClock clock_;
};

TEST_F(AuthenticatorTest, WhoShowsNothingIsAnonymous) {
  for (const bool with_keys : {true, false}) {
    const auto principal = Make(with_keys)->Authenticate(nullptr, {});
    ASSERT_TRUE(principal.ok());
    EXPECT_TRUE(principal->anonymous());
    EXPECT_EQ(principal->name, "");
  }
}

TEST_F(AuthenticatorTest, ACertificateNamesItsOwner) {
  const auto name_of = [this](const FakeConnection& connection) {
    const auto principal = Make(false)->Authenticate(&connection, {});
    EXPECT_TRUE(principal.ok()) << principal.status();
    if (!principal->anonymous()) {
      EXPECT_EQ(principal->source, Source::kCertificate);
    }
    return principal->name;
  };
  FakeConnection connection;
  EXPECT_EQ(name_of(connection), "");
  connection.With("x509_subject_alternative_name", "10.0.0.1");
  EXPECT_EQ(name_of(connection), "");
  connection.With("x509_common_name", "cn");
  EXPECT_EQ(name_of(connection), "cn");
  connection.With("peer_dns", "a.example.org").With("peer_dns", "b");
  EXPECT_EQ(name_of(connection), "a.example.org");
  connection.With("peer_uri", "spiffe://a/b").With("peer_uri", "spiffe://c");
  EXPECT_EQ(name_of(connection), "spiffe://a/b");
}

TEST_F(AuthenticatorTest, ACertificateWithANameThatDeceivesIsRefused) {
  FakeConnection connection;
  connection.With("x509_common_name", "a\nb");
  const auto principal = Make()->Authenticate(&connection, {});
  EXPECT_TRUE(absl::IsUnauthenticated(principal.status()));
}

TEST_F(AuthenticatorTest, ATokenWinsOverACertificate) {
  FakeConnection connection;
  connection.With("peer_uri", "spiffe://a/b");
  const std::string bearer = Bearer();
  const auto principal = Make()->Authenticate(&connection, {bearer});
  ASSERT_TRUE(principal.ok()) << principal.status();
  EXPECT_EQ(principal->name, "alice");
  EXPECT_EQ(principal->source, Source::kToken);
  // Also a bad one: who shows it wants to be somebody.
  EXPECT_TRUE(absl::IsUnauthenticated(
      Make()->Authenticate(&connection, {"Bearer x"}).status()));
}

TEST_F(AuthenticatorTest, TakesOneBearerTokenAndNothingElse) {
  const std::shared_ptr<Authenticator> authenticator = Make();
  const std::string bearer = Bearer();
  const std::string lower = "bearer  " + Token();
  EXPECT_TRUE(authenticator->Authenticate(nullptr, {bearer}).ok());
  EXPECT_TRUE(authenticator->Authenticate(nullptr, {lower}).ok());
  const auto wrong = [&](absl::Span<const absl::string_view> authorization) {
    const auto principal = authenticator->Authenticate(nullptr, authorization);
    EXPECT_TRUE(absl::IsUnauthenticated(principal.status()));
    return std::string(principal.status().message());
  };
  EXPECT_THAT(wrong({bearer, bearer}), HasSubstr("there twice"));
  EXPECT_THAT(wrong({"Basic YWxpY2U6eA=="}), HasSubstr("is not \"Bearer\""));
  EXPECT_THAT(wrong({Token()}), HasSubstr("is not \"Bearer\""));
  EXPECT_THAT(wrong({"Bearer "}), HasSubstr("no JSON Web Token"));
  EXPECT_THAT(wrong({""}), HasSubstr("is not \"Bearer\""));
}

TEST_F(AuthenticatorTest, WithoutKeysTokensAreNotLookedAt) {
  const auto authenticator = Make(false);
  EXPECT_FALSE(authenticator->takes_tokens());
  const auto principal =
      authenticator->Authenticate(nullptr, {"Bearer nonsense", "Basic x"});
  ASSERT_TRUE(principal.ok());
  EXPECT_TRUE(principal->anonymous());
  EXPECT_TRUE(
      absl::IsFailedPrecondition(authenticator->VerifyToken(Token()).status()));
}

TEST_F(AuthenticatorTest, ATokenEndsByTheClock) {
  const auto authenticator = Make();
  const std::string token = Token();
  const auto principal = authenticator->VerifyToken(token);
  ASSERT_TRUE(principal.ok()) << principal.status();
  EXPECT_TRUE(authenticator->Recheck(*principal).ok());
  clock_.Advance(absl::Hours(1));
  EXPECT_TRUE(absl::IsUnauthenticated(authenticator->Recheck(*principal)));
  EXPECT_TRUE(
      absl::IsUnauthenticated(authenticator->VerifyToken(token).status()));
  // What has no end needs no look.
  EXPECT_TRUE(authenticator->Recheck(Principal()).ok());
}

TEST_F(AuthenticatorTest, KeysAreRotatedWithoutARestart) {
  const auto authenticator = Make();
  int told = 0;
  authenticator->OnChange([&] { ++told; });
  const auto old_principal = authenticator->VerifyToken(Token());
  ASSERT_TRUE(old_principal.ok());
  const JwtIssuer next(Kind::kEd25519, "next");
  WriteKeys({issuer_.PublicJwk(), next.PublicJwk()});
  EXPECT_TRUE(PollTwice(*authenticator).ok());
  const std::string fresh = next.Token(GoodClaims(clock_.Now()));
  EXPECT_TRUE(authenticator->VerifyToken(fresh).ok());
  EXPECT_TRUE(authenticator->Recheck(*old_principal).ok());
  WriteKeys({next.PublicJwk()});
  EXPECT_TRUE(PollTwice(*authenticator).ok());
  EXPECT_TRUE(authenticator->VerifyToken(fresh).ok());
  EXPECT_TRUE(absl::IsUnauthenticated(authenticator->Recheck(*old_principal)));
  EXPECT_TRUE(
      absl::IsUnauthenticated(authenticator->VerifyToken(Token()).status()));
  EXPECT_EQ(told, 2);
}

TEST_F(AuthenticatorTest, KeysThatCannotBeReadStopTheStart) {
  Write("{}");
  auto made = Authenticator::Create({path_});
  EXPECT_TRUE(absl::IsInvalidArgument(made.status()));
  EXPECT_THAT(std::string(made.status().message()),
              HasSubstr("--jwt_keys: " + path_));
  EXPECT_TRUE(absl::IsNotFound(Authenticator::Create({path_ + "x"}).status()));
}

TEST_F(AuthenticatorTest, KeysThatGoBadLaterLeaveTheOldOnes) {
  const auto authenticator = Make();
  for (const std::string& bad :
       {std::string("{"), JwksText({issuer_.PrivateJwk()})}) {
    Write(bad);
    EXPECT_FALSE(PollTwice(*authenticator).ok());
    EXPECT_TRUE(authenticator->VerifyToken(Token()).ok());
  }
  EXPECT_EQ(authenticator->files().at(0)->stats().failures, 2u);
}

}  // namespace
}  // namespace msgproc::base
