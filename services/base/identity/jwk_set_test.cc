#include "services/base/identity/jwk_set.h"

#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "services/base/testing/jwt_issuer.h"

namespace msgproc::base {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;
using ::testing::StartsWith;
using Kind = JwtIssuer::Kind;

absl::StatusOr<JwkSet> Parse(const std::string& text) {
  return JwkSet::Parse({"keys.json", text});
}

std::string WrongWith(const std::string& text) {
  const auto keys = Parse(text);
  if (keys.ok()) return "nothing";
  EXPECT_TRUE(absl::IsInvalidArgument(keys.status())) << keys.status();
  EXPECT_THAT(std::string(keys.status().message()), StartsWith("keys.json"));
  return std::string(keys.status().message());
}

// Made once: an RSA key takes a while.
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

TEST(JwkSet, AKeysTypeSaysItsAlgorithm) {
  const auto keys =
      Parse(JwksText({Rsa().PublicJwk(), Ec().PublicJwk(), Ed().PublicJwk()}));
  ASSERT_TRUE(keys.ok()) << keys.status();
  ASSERT_EQ(keys->keys().size(), 3u);
  EXPECT_EQ(keys->keys()[0].algorithm, "RS256");
  EXPECT_EQ(keys->keys()[1].algorithm, "ES256");
  EXPECT_EQ(keys->keys()[2].algorithm, "EdDSA");
}

// RFC 7638, 3.1: its own example.
TEST(JwkSet, TheThumbprintIsThatOfTheRfc) {
  const auto keys =
      Parse(R"({"keys":[{"kty":"RSA","alg":"RS256","kid":"2011-04-29",
"n":"0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw",
"e":"AQAB"}]})");
  ASSERT_TRUE(keys.ok()) << keys.status();
  const std::string expected = "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs";
  EXPECT_EQ(keys->keys()[0].thumbprint, expected);
  EXPECT_TRUE(keys->HasThumbprint(expected));
  EXPECT_FALSE(keys->HasThumbprint("other"));
  EXPECT_FALSE(keys->HasThumbprint(""));
}

TEST(JwkSet, KeysForSomethingElseArePassedOver) {
  json encryption = Rsa().PublicJwk();
  encryption["use"] = "enc";
  json other_algorithm = Rsa().PublicJwk();
  other_algorithm["alg"] = "RSA-OAEP";
  json wrapping = Rsa().PublicJwk();
  wrapping["key_ops"] = json::array({"wrapKey"});
  const json curve = {
      {"kty", "EC"}, {"crv", "P-521"}, {"x", "AA"}, {"y", "AA"}};
  const json unknown = {{"kty", "XYZ"}};
  const std::vector<json> others = {encryption, other_algorithm, wrapping,
                                    curve, unknown};
  EXPECT_THAT(WrongWith(JwksText(others)),
              HasSubstr("has no key to check signatures with"));
  std::vector<json> all = others;
  json used = Ec().PublicJwk();
  used["use"] = "sig";
  used["key_ops"] = json::array({"verify"});
  used["alg"] = "ES256";
  all.push_back(used);
  const auto keys = Parse(JwksText(all));
  ASSERT_TRUE(keys.ok()) << keys.status();
  ASSERT_EQ(keys->keys().size(), 1u);
  EXPECT_EQ(keys->keys()[0].kid, "ec");
}

TEST(JwkSet, APrivateKeyIsRefusedLoudly) {
  for (const JwtIssuer* issuer : {&Rsa(), &Ec(), &Ed()}) {
    EXPECT_THAT(WrongWith(JwksText({Rsa().PublicJwk(), issuer->PrivateJwk()})),
                HasSubstr("key 2"));
    EXPECT_THAT(WrongWith(JwksText({issuer->PrivateJwk()})),
                HasSubstr("take it for leaked"));
  }
  // Also of a kind that is passed over otherwise, and a symmetric one.
  json encryption = Rsa().PrivateJwk();
  encryption["use"] = "enc";
  EXPECT_THAT(WrongWith(JwksText({Ec().PublicJwk(), encryption})),
              HasSubstr("take it for leaked"));
  const json shared = {{"kty", "oct"}, {"k", "c2VjcmV0"}};
  EXPECT_THAT(WrongWith(JwksText({shared})), HasSubstr("take it for leaked"));
}

TEST(JwkSet, SaysWhatIsWrongWithAFile) {
  EXPECT_THAT(WrongWith(""), HasSubstr("is no JSON Web Key Set"));
  EXPECT_THAT(WrongWith("[]"), HasSubstr("is no JSON Web Key Set"));
  EXPECT_THAT(WrongWith(R"({"keys":{}})"), HasSubstr("is no JSON Web Key Set"));
  EXPECT_THAT(WrongWith(R"({"keys":[7]})"), HasSubstr("key 1"));
  EXPECT_THAT(WrongWith(R"({"keys":[]})"), HasSubstr("has no key"));
  EXPECT_THAT(WrongWith("-----BEGIN PUBLIC KEY-----"),
              HasSubstr("is no JSON Web Key Set"));
  EXPECT_THAT(WrongWith(JwksText({Ec().PublicJwk(), Ec().PublicJwk()})),
              HasSubstr("has the kid of another one"));
  json cut = Rsa().PublicJwk();
  cut.erase("n");
  EXPECT_THAT(WrongWith(JwksText({cut})), HasSubstr("has no \"n\""));
  const JwtIssuer weak(Kind::kRsa, "weak", 1024);
  EXPECT_THAT(WrongWith(JwksText({weak.PublicJwk()})),
              HasSubstr("RSA key of 1024 bits"));
  std::string deep = R"({"keys":)";
  for (int i = 0; i < 1000; ++i) deep += "[";
  for (int i = 0; i < 1000; ++i) deep += "]";
  EXPECT_THAT(WrongWith(deep + "}"), HasSubstr("is no JSON Web Key Set"));
}

TEST(JwkSet, ChoosesByKidAndAlgorithmTogether) {
  const JwtIssuer second(Kind::kEc, "ec-2");
  const auto keys = Parse(
      JwksText({Rsa().PublicJwk(), Ec().PublicJwk(), second.PublicJwk()}));
  ASSERT_TRUE(keys.ok()) << keys.status();
  const auto choose = [&keys](const char* algorithm, const char* kid) {
    const std::string text = kid == nullptr ? "" : kid;
    const auto key = keys->Choose(algorithm, kid == nullptr ? nullptr : &text);
    if (key.ok()) return (*key)->kid;
    EXPECT_TRUE(absl::IsUnauthenticated(key.status()));
    return std::string(key.status().message());
  };
  EXPECT_EQ(choose("ES256", "ec"), "ec");
  EXPECT_EQ(choose("ES256", "ec-2"), "ec-2");
  EXPECT_EQ(choose("RS256", nullptr), "rsa");
  EXPECT_THAT(choose("ES256", nullptr), HasSubstr("several keys"));
  EXPECT_THAT(choose("ES256", "gone"), HasSubstr("(kid \"gone\")"));
  EXPECT_THAT(choose("RS256", "ec"), HasSubstr("not one for its alg"));
  EXPECT_THAT(choose("EdDSA", nullptr), HasSubstr("not one for its alg"));
  for (const char* algorithm : {"none", "HS256", "PS256", "rs256", ""}) {
    EXPECT_THAT(choose(algorithm, "rsa"), HasSubstr("the token's alg is"))
        << algorithm;
  }
}

TEST(JwkSet, WhatAStrangerWroteIsShownShortAndInAscii) {
  const auto keys = Parse(JwksText({Ec().PublicJwk()}));
  ASSERT_TRUE(keys.ok());
  const std::string kid = "a\nb\x1b" + std::string(1000, 'c');
  const std::string said(keys->Choose("ES256", &kid).status().message());
  EXPECT_THAT(said, HasSubstr("a\\nb\\033ccc"));
  EXPECT_LT(said.size(), 200u);
}

}  // namespace
}  // namespace msgproc::base
