#include "services/base/identity/jwt_verifier.h"

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "services/base/testing/jwt_issuer.h"

namespace msgproc::base {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;
using ::testing::Not;
using Kind = JwtIssuer::Kind;

const absl::Time kNow = absl::FromUnixSeconds(1'800'000'000);

const JwtIssuer& Rsa() {
  static const auto* const issuer = new JwtIssuer(Kind::kRsa, "rsa");
  return *issuer;
}
const JwtIssuer& Ec() {
  static const auto* const issuer = new JwtIssuer(Kind::kEc, "ec");
  return *issuer;
}
const JwtIssuer& Ed() {
  static const auto* const issuer = new JwtIssuer(Kind::kEd25519, "ed");
  return *issuer;
}

JwtVerifier Verifier(const std::vector<json>& keys,
                     JwtVerifier::Expected expected = {"issuer", "audience"}) {
  auto set = JwkSet::Parse({"keys.json", JwksText(keys)});
  EXPECT_TRUE(set.ok()) << set.status();
  return JwtVerifier(*std::move(set), std::move(expected));
}

const JwtVerifier& Usual() {
  static const auto* const verifier = new JwtVerifier(
      Verifier({Rsa().PublicJwk(), Ec().PublicJwk(), Ed().PublicJwk()}));
  return *verifier;
}

// What Verify says against it; also that it never shows the token.
std::string WrongWith(const std::string& token,
                      const JwtVerifier& verifier = Usual()) {
  const auto principal = verifier.Verify(token, kNow);
  if (principal.ok()) return "nothing";
  EXPECT_TRUE(absl::IsUnauthenticated(principal.status()));
  const std::string said(principal.status().message());
  for (const absl::string_view part : absl::StrSplit(token, '.')) {
    if (part.size() <= 8) continue;
    EXPECT_THAT(said, Not(HasSubstr(std::string(part))));
  }
  EXPECT_LT(said.size(), 300u);
  return said;
}

json With(const char* name, json value) {
  json claims = GoodClaims(kNow);
  claims[name] = std::move(value);
  return claims;
}
json Without(const char* name) {
  json claims = GoodClaims(kNow);
  claims.erase(name);
  return claims;
}
int64_t Unix(absl::Duration from_now) {
  return absl::ToUnixSeconds(kNow + from_now);
}

TEST(JwtVerifier, TakesEachAlgorithmWithItsKey) {
  for (const JwtIssuer* issuer : {&Rsa(), &Ec(), &Ed()}) {
    const auto principal =
        Usual().Verify(issuer->Token(GoodClaims(kNow)), kNow);
    ASSERT_TRUE(principal.ok()) << principal.status();
    EXPECT_EQ(principal->name, "alice");
    EXPECT_EQ(principal->source, Principal::Source::kToken);
    EXPECT_EQ(principal->expires_at, kNow + absl::Hours(1));
    EXPECT_TRUE(Usual().keys().HasThumbprint(principal->key_id));
  }
}

TEST(JwtVerifier, KeepsTheClaims) {
  json claims = With("tier", "gold");
  claims["groups"] = {"a", "b"};
  claims["level"] = 7;
  claims["mixed"] = json::array({"a", 7, json::array({"b"}), nullptr, true});
  claims["like_a_list"] = R"(["admin"])";
  const auto principal = Usual().Verify(Ec().Token(claims), kNow);
  ASSERT_TRUE(principal.ok()) << principal.status();
  EXPECT_EQ(principal->claims.at("tier"), "gold");
  EXPECT_EQ(principal->claims.at("groups"), R"(["a","b"])");
  EXPECT_EQ(principal->claims.at("level"), "7");
  using List = std::vector<std::string>;
  EXPECT_EQ(principal->list_claims.at("groups"), (List{"a", "b"}));
  // What is no text is in no list of texts; a text is no list.
  EXPECT_EQ(principal->list_claims.at("mixed"), List{"a"});
  EXPECT_EQ(principal->list_claims.size(), 2U);
  EXPECT_EQ(principal->claims.at("sub"), "alice");
}

TEST(JwtVerifier, NoSignatureIsNoToken) {
  const json good = GoodClaims(kNow);
  for (const char* none : {"none", "None", "NONE", ""}) {
    EXPECT_THAT(WrongWith(JwtIssuer::Unsigned({{"alg", none}}, good)),
                HasSubstr("the token's alg is"));
  }
  EXPECT_THAT(WrongWith(JwtIssuer::Unsigned({{"typ", "JWT"}}, good)),
              HasSubstr("has no alg"));
  // The signature left out.
  EXPECT_THAT(
      WrongWith(JwtIssuer::Unsigned({{"alg", "ES256"}, {"kid", "ec"}}, good)),
      HasSubstr("no JSON Web Token"));
}

TEST(JwtVerifier, APublicKeyIsNoSharedSecret) {
  const json good = GoodClaims(kNow);
  for (const char* algorithm : {"HS256", "HS384", "HS512", "RS256", "ES256"}) {
    const json header = {{"alg", algorithm}, {"kid", "rsa"}};
    for (const std::string& secret :
         {Rsa().PublicPem(), Rsa().PublicJwk().dump(), std::string()}) {
      EXPECT_NE(WrongWith(JwtIssuer::HmacSigned(header, good, secret)),
                "nothing")
          << algorithm;
    }
  }
}

TEST(JwtVerifier, AnotherKeyUnderTheSameNameIsRefused) {
  for (const Kind kind : {Kind::kEc, Kind::kEd25519, Kind::kRsa}) {
    const JwtIssuer forger(kind, kind == Kind::kEc        ? "ec"
                                 : kind == Kind::kEd25519 ? "ed"
                                                          : "rsa");
    EXPECT_THAT(WrongWith(forger.Token(GoodClaims(kNow))),
                HasSubstr("signature is not that"));
  }
}

// Where the header brings its own key along (RFC 7515, 4.1.3), or says where
// to fetch one.
TEST(JwtVerifier, KeysInATokenAreNotLookedAt) {
  const JwtIssuer forger(Kind::kEc, "ec");
  const json header = {{"jwk", forger.PublicJwk()},
                       {"jku", "http://127.0.0.1:1/keys"},
                       {"x5u", "http://127.0.0.1:1/cert"}};
  EXPECT_THAT(WrongWith(forger.Token(GoodClaims(kNow), header)),
              HasSubstr("signature is not that"));
  EXPECT_EQ(WrongWith(Ec().Token(GoodClaims(kNow), header)), "nothing");
}

TEST(JwtVerifier, WhatWasSignedIsWhatIsRead) {
  const std::string token = Ec().Token(GoodClaims(kNow));
  const std::vector<std::string> parts = absl::StrSplit(token, '.');
  const std::vector<std::string> other =
      absl::StrSplit(Ec().Token(With("sub", "mallory")), '.');
  EXPECT_THAT(WrongWith(absl::StrCat(parts[0], ".", other[1], ".", parts[2])),
              HasSubstr("signature is not that"));
  EXPECT_THAT(WrongWith(absl::StrCat(parts[0], ".", parts[1], ".", other[2])),
              HasSubstr("signature is not that"));
}

TEST(JwtVerifier, AnUnknownKidIsRefused) {
  EXPECT_THAT(WrongWith(Ec().Token(GoodClaims(kNow), {{"kid", "other"}})),
              HasSubstr("(kid \"other\")"));
  EXPECT_THAT(WrongWith(Ec().Token(GoodClaims(kNow), {{"kid", 7}})),
              HasSubstr("kid is no text"));
}

TEST(JwtVerifier, EndsWithoutLeeway) {
  EXPECT_EQ(WrongWith(Ec().Token(With("exp", Unix(absl::Seconds(1))))),
            "nothing");
  EXPECT_EQ(WrongWith(Ec().Token(With("exp", Unix(absl::ZeroDuration())))),
            "the token expired 0 ago");
  EXPECT_EQ(WrongWith(Ec().Token(With("exp", Unix(-absl::Seconds(90))))),
            "the token expired 1m30s ago");
  EXPECT_THAT(WrongWith(Ec().Token(Without("exp"))), HasSubstr("has no exp"));
  EXPECT_THAT(WrongWith(Ec().Token(With("exp", "tomorrow"))),
              HasSubstr("exp is no number"));
  EXPECT_EQ(WrongWith(Ec().Token(With("exp", 1e300))), "nothing");
  EXPECT_THAT(WrongWith(Ec().Token(With("exp", -1e300))), HasSubstr("expired"));
}

TEST(JwtVerifier, BeginsWithAMinuteOfLeeway) {
  EXPECT_EQ(WrongWith(Ec().Token(With("nbf", Unix(absl::Seconds(60))))),
            "nothing");
  EXPECT_EQ(WrongWith(Ec().Token(With("nbf", Unix(absl::Seconds(61))))),
            "the token is not valid yet, but in 1m1s");
  EXPECT_THAT(WrongWith(Ec().Token(With("nbf", "today"))),
              HasSubstr("nbf is no number"));
}

TEST(JwtVerifier, IssuerAndAudienceAreThose) {
  EXPECT_THAT(WrongWith(Ec().Token(With("iss", "other"))),
              HasSubstr("issuer (iss) is \"other\"; it takes \"issuer\""));
  EXPECT_THAT(WrongWith(Ec().Token(Without("iss"))),
              HasSubstr("(iss) is missing"));
  EXPECT_THAT(WrongWith(Ec().Token(With("aud", "other"))),
              HasSubstr("not for this audience (aud): it takes \"audience\""));
  EXPECT_THAT(WrongWith(Ec().Token(Without("aud"))), HasSubstr("(aud)"));
  EXPECT_THAT(WrongWith(Ec().Token(With("aud", {"a", "b"}))),
              HasSubstr("(aud)"));
  EXPECT_EQ(WrongWith(Ec().Token(With("aud", {"a", "audience"}))), "nothing");
  // Nothing is expected, nothing is looked at.
  const JwtVerifier any = Verifier({Ec().PublicJwk()}, {});
  json claims = Without("iss");
  claims.erase("aud");
  EXPECT_EQ(WrongWith(Ec().Token(claims), any), "nothing");
}

TEST(JwtVerifier, TheSubjectIsANameThatCanBeShown) {
  EXPECT_THAT(WrongWith(Ec().Token(Without("sub"))), HasSubstr("no subject"));
  EXPECT_THAT(WrongWith(Ec().Token(With("sub", 7))), HasSubstr("no subject"));
  EXPECT_THAT(WrongWith(Ec().Token(With("sub", ""))), HasSubstr("is empty"));
  EXPECT_THAT(WrongWith(Ec().Token(With("sub", "a\nb"))),
              HasSubstr("control characters"));
  EXPECT_THAT(WrongWith(Ec().Token(With("sub", std::string(257, 'a')))),
              HasSubstr("257 bytes"));
}

TEST(JwtVerifier, ALongTokenIsRefusedUnread) {
  const std::string just = std::string(JwtVerifier::kMaxTokenBytes, 'a');
  EXPECT_THAT(WrongWith(just), HasSubstr("no JSON Web Token"));
  EXPECT_EQ(WrongWith(just + "a"),
            "the token has 16385 bytes; at most 16384 are taken");
  EXPECT_THAT(
      WrongWith(Ec().Token(With("padding", std::string(48 << 10, 'x')))),
      HasSubstr("at most 16384 are taken"));
}

TEST(JwtVerifier, WhatIsNoTokenIsSaidToBeNone) {
  for (const char* text : {"", ".", "..", "...", "a.b", "a.b.c", "a.b.c.d",
                           "e30.e30.e30", "eyJh bGci.e30.AA",
                           "eyJhbGciOiJFUzI1NiJ9==.e30.AA", "\xff.\xff.\xff"}) {
    EXPECT_NE(WrongWith(text), "nothing") << text;
  }
  std::string deep = "1";
  for (int i = 0; i < 500; ++i) deep = absl::StrCat("{\"a\":", deep, "}");
  EXPECT_THAT(WrongWith(Ec().Token(json::parse(deep))),
              HasSubstr("no claims in JSON"));
}

TEST(JwtVerifier, WhatAHeaderDemandsIsNotPassedOver) {
  EXPECT_THAT(
      WrongWith(Ec().Token(GoodClaims(kNow),
                           {{"crit", json::array({"b64"})}, {"b64", false}})),
      HasSubstr("(crit)"));
}

TEST(JwtVerifier, ATokenWithoutKidNeedsASingleKey) {
  const JwtIssuer nameless(Kind::kEc, "");
  const std::string token = nameless.Token(GoodClaims(kNow));
  EXPECT_EQ(WrongWith(token, Verifier({nameless.PublicJwk()})), "nothing");
  EXPECT_THAT(
      WrongWith(token, Verifier({nameless.PublicJwk(), Ec().PublicJwk()})),
      HasSubstr("several keys for ES256"));
}

TEST(JwtVerifier, RecheckSeesTimeAndKeys) {
  const auto principal = Usual().Verify(Ec().Token(GoodClaims(kNow)), kNow);
  ASSERT_TRUE(principal.ok());
  EXPECT_TRUE(Usual().Recheck(*principal, kNow).ok());
  EXPECT_TRUE(absl::IsUnauthenticated(
      Usual().Recheck(*principal, kNow + absl::Hours(1))));
  EXPECT_TRUE(absl::IsUnauthenticated(
      Verifier({Rsa().PublicJwk()}).Recheck(*principal, kNow)));
  // Another key under the old one's name.
  const JwtIssuer replaced(Kind::kEc, "ec");
  EXPECT_TRUE(absl::IsUnauthenticated(
      Verifier({replaced.PublicJwk()}).Recheck(*principal, kNow)));
}

}  // namespace
}  // namespace msgproc::base
