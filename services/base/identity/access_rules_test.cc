#include "services/base/identity/access_rules.h"

#include <string>
#include <utility>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace msgproc::base {
namespace {

using ::testing::HasSubstr;
using Source = Principal::Source;

AccessRules Rules(const std::string& text) {
  auto rules = AccessRules::Parse({"access.txtpb", text});
  EXPECT_TRUE(rules.ok()) << rules.status();
  return *std::move(rules);
}

std::string WrongWith(const std::string& text) {
  const auto rules = AccessRules::Parse({"access.txtpb", text});
  if (rules.ok()) return "nothing";
  EXPECT_TRUE(absl::IsInvalidArgument(rules.status()));
  return std::string(rules.status().message());
}

Principal Named(const std::string& name, Source source = Source::kToken) {
  Principal principal;
  principal.source = source;
  principal.name = name;
  return principal;
}

// The rule that holds; "none".
std::string Holds(const AccessRules& rules, const Principal& principal) {
  const Grant* const grant = rules.Find(principal);
  return grant == nullptr ? "none" : grant->rule;
}

TEST(AccessRules, TheFirstThatFitsHolds) {
  const AccessRules rules = Rules(R"(
rules { name: "one" principal { exact: "alice" } handlers: "echo" }
rules { name: "two" principal { prefix: "spiffe://a/" } handlers: "echo" }
rules { name: "three" principal { suffix: ".example.org" } handlers: "echo" }
rules { name: "four" principal { prefix: "al" } handlers: "*" }
)");
  EXPECT_EQ(Holds(rules, Named("alice")), "one");
  EXPECT_EQ(Holds(rules, Named("alicia")), "four");
  EXPECT_EQ(Holds(rules, Named("Alice")), "none");
  EXPECT_EQ(Holds(rules, Named("spiffe://a/b")), "two");
  EXPECT_EQ(Holds(rules, Named("spiffe://ab")), "none");
  EXPECT_EQ(Holds(rules, Named("a.example.org")), "three");
  EXPECT_EQ(Holds(rules, Named("example.org")), "none");
  EXPECT_EQ(Holds(rules, Principal()), "none");
}

TEST(AccessRules, AnEmptyFileLetsNobodyDoAnything) {
  EXPECT_EQ(Rules("").Find(Named("alice")), nullptr);
  EXPECT_EQ(Rules("# nothing\n").Find(Principal()), nullptr);
}

TEST(AccessRules, SourcesNarrowARule) {
  const AccessRules rules = Rules(R"(
rules { name: "cert" principal { exact: "a" } sources: SOURCE_CERTIFICATE
        handlers: "*" }
rules { name: "tokens" sources: SOURCE_TOKEN handlers: "*" }
rules { name: "open" sources: [SOURCE_ANONYMOUS] handlers: "*" }
)");
  EXPECT_EQ(Holds(rules, Named("a", Source::kCertificate)), "cert");
  EXPECT_EQ(Holds(rules, Named("a")), "tokens");
  EXPECT_EQ(Holds(rules, Named("b", Source::kCertificate)), "none");
  EXPECT_EQ(Holds(rules, Principal()), "open");
}

TEST(AccessRules, AClaimFitsAsItStands) {
  const AccessRules rules = Rules(R"(
rules { claim { name: "tier" value: "gold" } handlers: "*" }
rules { claim { name: "groups" value: '["a","b"]' } handlers: "echo" }
)");
  Principal gold = Named("alice");
  gold.claims["tier"] = "gold";
  EXPECT_EQ(Holds(rules, gold), "rule 1");
  gold.claims["tier"] = "golden";
  EXPECT_EQ(Holds(rules, gold), "none");
  gold.claims["groups"] = R"(["a","b"])";
  EXPECT_EQ(Holds(rules, gold), "rule 2");
}

TEST(AccessRules, AListFitsWhereTheValueIsInIt) {
  const AccessRules rules = Rules(R"(
rules { claim { name: "roles" value: "admin" } handlers: "*" }
rules { claim { name: "roles" value: "" } handlers: "echo" }
)");
  Principal alice = Named("alice");
  alice.claims["roles"] = R"(["ops","admin"])";
  alice.list_claims["roles"] = {"ops", "admin"};
  EXPECT_EQ(Holds(rules, alice), "rule 1");
  alice.list_claims["roles"] = {"ops", "administrator"};
  EXPECT_EQ(Holds(rules, alice), "none");
  alice.list_claims["roles"] = {};
  EXPECT_EQ(Holds(rules, alice), "none");
  alice.list_claims["roles"] = {"ops", ""};
  EXPECT_EQ(Holds(rules, alice), "rule 2");
}

// Whoever may choose a text in its token has chosen one with quotes in it.
TEST(AccessRules, ATextThatReadsLikeAListIsNone) {
  const AccessRules rules = Rules(
      R"(rules { claim { name: "roles" value: "admin" } handlers: "*" })");
  Principal mallory = Named("mallory");
  mallory.claims["roles"] = R"(["admin"])";
  EXPECT_EQ(Holds(rules, mallory), "none");
  mallory.list_claims["roles"] = {R"(["admin"])", R"("admin")"};
  EXPECT_EQ(Holds(rules, mallory), "none");
  // The list of another claim gives nothing either.
  mallory.claims["nicknames"] = R"(["admin"])";
  mallory.list_claims["nicknames"] = {"admin"};
  EXPECT_EQ(Holds(rules, mallory), "none");
}

// Nobody has given an anonymous client claims or a name.
TEST(AccessRules, AnAnonymousClientHasNoName) {
  const AccessRules rules = Rules(R"(
rules { principal { suffix: "a" } handlers: "*" }
rules { claim { name: "a" } handlers: "*" }
)");
  EXPECT_EQ(Holds(rules, Principal()), "none");
}

TEST(AccessRules, AGrantHasHandlersAndLimits) {
  const AccessRules rules = Rules(R"(
rules {
  principal { exact: "alice" }
  handlers: ["echo", "sha256"]
  limits { streams: 1 sessions: 2 messages_per_second: 0.5 bytes_per_second: 4
           outstanding_bytes: 5 }
}
rules { principal { exact: "bob" } handlers: "*" }
)");
  const Grant* const alice = rules.Find(Named("alice"));
  ASSERT_NE(alice, nullptr);
  EXPECT_TRUE(alice->Allows("echo"));
  EXPECT_TRUE(alice->Allows("sha256"));
  EXPECT_FALSE(alice->Allows("upper"));
  EXPECT_FALSE(alice->Allows("*"));
  EXPECT_EQ(alice->limits, (AccessLimits{1, 2, 0.5, 4, 5}));
  EXPECT_EQ(alice->rule, "rule 1");
  const Grant* const bob = rules.Find(Named("bob"));
  EXPECT_TRUE(bob->Allows("anything"));
  EXPECT_EQ(bob->limits, AccessLimits());
}

TEST(AccessRules, AMistakeIsSaidWithItsPlace) {
  EXPECT_EQ(WrongWith("rules {\n  principle { exact: \"a\" }\n}").substr(0, 17),
            "access.txtpb:2:13");
  EXPECT_THAT(WrongWith("rules {\n  principle {}\n}"),
              HasSubstr("no field named \"principle\""));
  EXPECT_THAT(WrongWith("rules {"), HasSubstr("access.txtpb:1:8: "));
  EXPECT_THAT(WrongWith("rules { sources: SOURCE_X handlers: '*' }"),
              HasSubstr("Unknown enumeration value"));
  EXPECT_THAT(WrongWith("rules {\n limits {\n  streams: -1 } }"),
              HasSubstr("access.txtpb:3:"));
  EXPECT_THAT(WrongWith("\xff"), HasSubstr("is not UTF-8"));
}

TEST(AccessRules, ARuleWithoutSenseIsRefusedWithItsPlace) {
  const std::string first =
      "rules { principal { exact: 'a' } handlers: '*' }\n  ";
  EXPECT_EQ(WrongWith(first + "rules { handlers: '*' }"),
            "access.txtpb:2:3: rule 2 fits nobody in particular: give it a "
            "principal, a claim, or the sources that it is for");
  EXPECT_EQ(
      WrongWith("rules { name: 'x' principal { exact: 'a' } }"),
      "access.txtpb:1:1: x has no handlers; \"*\" stands for all of them");
  EXPECT_THAT(WrongWith("rules { principal { } handlers: '*' }"),
              HasSubstr("has an empty principal"));
  EXPECT_THAT(WrongWith("rules { principal { prefix: '' } handlers: '*' }"),
              HasSubstr("has an empty principal"));
  EXPECT_THAT(WrongWith("rules { claim { value: 'a' } handlers: '*' }"),
              HasSubstr("a claim without a name"));
  EXPECT_THAT(WrongWith("rules { sources: SOURCE_UNSPECIFIED handlers: '*' }"),
              HasSubstr("SOURCE_UNSPECIFIED"));
  // Found by tests/fuzz/access_file: it was taken for SOURCE_ANONYMOUS.
  EXPECT_THAT(WrongWith("rules { sources: 7 handlers: '*' }"),
              HasSubstr("a source that is none: 7"));
  EXPECT_THAT(WrongWith("rules { sources: SOURCE_TOKEN handlers: '' }"),
              HasSubstr("a handler without a name"));
  for (const char* rate : {"-1", "nan", "inf"}) {
    EXPECT_THAT(WrongWith(std::string("rules { sources: SOURCE_TOKEN handlers: "
                                      "'*' limits { messages_per_second: ") +
                          rate + " } }"),
                HasSubstr("has messages_per_second"));
  }
}

}  // namespace
}  // namespace msgproc::base
