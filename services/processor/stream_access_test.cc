// Who may open a stream, whose a session is, and what becomes of a stream whose
// client may not be there any more.
#include <cstddef>
#include <fstream>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "services/base/identity/access_file.h"
#include "services/base/identity/authenticator.h"
#include "services/base/testing/jwt_issuer.h"
#include "services/processor/stream/principal_throttle.h"
#include "services/processor/testing/processor_fixture.h"

namespace msgproc::processor {
namespace {

using base::JwtIssuer;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

// What the neighbour of the tests needs.
constexpr char kAnonymousMayEcho[] =
    "rules { sources: SOURCE_ANONYMOUS handlers: 'echo' }\n";

class StreamAccessTest : public ProcessorFixture {
 protected:
  StreamAccessTest() { WriteKeys(issuer_); }

  static void Write(const std::string& path, const std::string& text) {
    std::ofstream(path, std::ios::trunc) << text;
  }
  void WriteKeys(const JwtIssuer& issuer) {
    Write(keys_, base::JwksText({issuer.PublicJwk()}));
  }
  void StartWithKeys() {
    auto made =
        base::Authenticator::Create({keys_, "issuer", "audience", &clock_});
    ASSERT_TRUE(made.ok()) << made.status();
    authenticator_ = *made;
    options_.streams.access.authenticator = authenticator_;
    Start();
  }
  void StartWithRules(const std::string& rules) {
    Write(rules_, rules + kAnonymousMayEcho);
    auto file = base::LoadAccessFile(rules_);
    ASSERT_TRUE(file.ok()) << file.status();
    access_file_ = *file;
    options_.streams.access.file = access_file_;
    StartWithKeys();
  }
  // The files' watcher comes by, and then the ticker.
  template <typename Watched>
  void Reload(const Watched& watched) {
    for (int i = 0; i < 2; ++i) {
      ASSERT_TRUE(watched.files().at(0)->Poll(clock_.Now()).ok());
    }
    server_->Tick();
  }

  std::string Token(const std::string& subject,
                    absl::Duration good_for = absl::Hours(1)) const {
    nlohmann::json claims = base::GoodClaims(clock_.Now());
    claims["sub"] = subject;
    claims["exp"] = absl::ToUnixSeconds(clock_.Now() + good_for);
    return issuer_.Token(claims);
  }
  static std::string Bearer(const std::string& token) {
    return absl::StrCat("Bearer ", token);
  }
  // Opens a session and keeps it.
  std::unique_ptr<RawStream> Open(const std::string& session,
                                  const std::string& token,
                                  const std::string& handler = "") {
    auto stream = std::make_unique<RawStream>(address(), Bearer(token));
    stream->Open(OpenRequest(session, handler));
    return stream;
  }
  // What becomes of one that may not be opened.
  absl::Status Refused(const std::string& session, const std::string& token,
                       const std::string& handler = "") {
    RawStream stream(address(), Bearer(token));
    stream.Write(OpenRequest(session, handler));
    return stream.Finish();
  }
  static v1::ProcessRequest RefreshRequest(const std::string& token) {
    v1::ProcessRequest request;
    request.set_refresh_token(token);
    return request;
  }

  const JwtIssuer issuer_{JwtIssuer::Kind::kEc};
  const std::string keys_ = testing::TempDir() + "/keys.json";
  const std::string rules_ = testing::TempDir() + "/access.textproto";
  std::shared_ptr<base::Authenticator> authenticator_;
  std::shared_ptr<base::AccessFile> access_file_;
};

TEST_F(StreamAccessTest, WelcomeSaysWhoTheClientIsAndForHowLong) {
  StartWithKeys();
  const auto stream = Open("s", Token("alice", absl::Seconds(90)));
  EXPECT_EQ(stream->welcome()->principal(), "alice");
  EXPECT_EQ(stream->welcome()->token_expires_in().seconds(), 90);
  RawStream anonymous(address());
  const v1::Welcome welcome = anonymous.Open(OpenRequest("a"));
  EXPECT_EQ(welcome.principal(), "");
  EXPECT_FALSE(welcome.has_token_expires_in());
}

TEST_F(StreamAccessTest, ABadTokenIsRefusedBeforeAnythingIsRead) {
  StartWithKeys();
  const JwtIssuer stranger(JwtIssuer::Kind::kEc);
  for (const std::string& authorization :
       {Bearer("nonsense"), std::string("Basic YTpi"),
        Bearer(stranger.Token(base::GoodClaims(clock_.Now()))),
        Bearer(Token("alice", -absl::Seconds(1)))}) {
    RawStream stream(address(), authorization);
    EXPECT_EQ(stream.Finish().code(), absl::StatusCode::kUnauthenticated)
        << authorization;
  }
  EXPECT_EQ(
      counters().rejected[static_cast<size_t>(Rejection::kUnauthenticated)],
      4u);
  EXPECT_EQ(refusals(Refusal::kUnauthenticated), 4u);
}

TEST_F(StreamAccessTest, ARoleInAListCountsAndATextThatReadsLikeAListDoesNot) {
  StartWithRules(
      "rules { claim { name: 'roles' value: 'admin' } handlers: '*' }\n");
  nlohmann::json claims = base::GoodClaims(clock_.Now());
  claims["roles"] = {"ops", "admin"};
  EXPECT_EQ(Open("a", issuer_.Token(claims))->welcome()->principal(), "alice");
  for (const nlohmann::json& roles :
       {nlohmann::json(R"(["admin"])"), nlohmann::json(R"(["ops","admin"])"),
        nlohmann::json::array({R"(["admin"])"}),
        nlohmann::json::array({nlohmann::json::array({"admin"})})}) {
    claims["roles"] = roles;
    EXPECT_EQ(Refused("m", issuer_.Token(claims)).code(),
              absl::StatusCode::kPermissionDenied)
        << roles;
  }
}

TEST_F(StreamAccessTest, RefusalsOfAPrincipalAreOneLineAMinute) {
  StartWithRules("rules { principal { exact: 'alice' } handlers: 'echo' }\n");
  testing::internal::CaptureStderr();
  for (int i = 0; i < 4; ++i) {
    EXPECT_FALSE(Refused("m", Token("mallory")).ok());
  }
  EXPECT_FALSE(Refused("b", Token("bob")).ok());
  RawStream stranger(address(), Bearer("nonsense"));
  EXPECT_EQ(stranger.Finish().code(), absl::StatusCode::kUnauthenticated);
  clock_.Advance(PrincipalThrottle::kInterval);
  EXPECT_FALSE(Refused("m", Token("mallory")).ok());
  std::vector<std::string> lines;
  for (const absl::string_view line :
       absl::StrSplit(testing::internal::GetCapturedStderr(), '\n')) {
    if (absl::StrContains(line, "request refused")) lines.emplace_back(line);
  }
  EXPECT_THAT(
      lines,
      ElementsAre(
          AllOf(HasSubstr("principal=mallory"), HasSubstr("suppressed=0")),
          AllOf(HasSubstr("principal=bob"), HasSubstr("suppressed=0")),
          AllOf(HasSubstr("rule=unauthenticated"), HasSubstr("suppressed=0")),
          AllOf(HasSubstr("principal=mallory"), HasSubstr("suppressed=3"))));
}

TEST_F(StreamAccessTest, ASessionBelongsToWhoOpenedIt) {
  StartWithKeys();
  {
    const auto alice = Open("s", Token("alice"));
    ASSERT_TRUE(alice->Write(Messages(1, 1)));
    EXPECT_EQ(alice->ReadResults(1).size(), 1u);
  }
  ASSERT_TRUE(EventuallyDetached(1));
  // With the session's secret, too, which OpenRequest makes of its name.
  const absl::Status mallory = Refused("s", Token("mallory"));
  EXPECT_EQ(mallory.code(), absl::StatusCode::kPermissionDenied);
  EXPECT_THAT(std::string(mallory.message()), HasSubstr("mallory"));
  EXPECT_THAT(std::string(mallory.message()), Not(HasSubstr("alice")));
  RawStream anonymous(address());
  anonymous.Write(OpenRequest("s"));
  EXPECT_EQ(anonymous.Finish().code(), absl::StatusCode::kPermissionDenied);
  // And not the other way round either.
  RawStream nobody(address());
  nobody.Open(OpenRequest("a"));
  EXPECT_EQ(Refused("a", Token("alice")).code(),
            absl::StatusCode::kPermissionDenied);
  EXPECT_EQ(Open("s", Token("alice"))->welcome()->state(),
            v1::Welcome::STATE_RESUMED);
  EXPECT_EQ(refusals(Refusal::kNotOwner), 3u);
}

TEST_F(StreamAccessTest, AnotherPrincipalDoesNotDisturbTheStreamInUse) {
  StartWithKeys();
  const auto alice = Open("s", Token("alice"));
  EXPECT_EQ(Refused("s", Token("mallory")).code(),
            absl::StatusCode::kPermissionDenied);
  ASSERT_TRUE(alice->Write(Messages(1, 1)));
  EXPECT_EQ(alice->ReadResults(1).size(), 1u);
}

TEST_F(StreamAccessTest, AStreamEndsWithItsTokenAndTheSessionStays) {
  StartWithKeys();
  const auto stream = Open("s", Token("alice", absl::Seconds(30)));
  ASSERT_TRUE(stream->Write(Messages(1, 3)));
  EXPECT_EQ(stream->ReadResults(3).size(), 3u);
  Pass(absl::Seconds(29));
  ASSERT_TRUE(stream->Acknowledge(1));
  Pass(absl::Seconds(2));
  const absl::Status end = stream->Finish();
  EXPECT_EQ(end.code(), absl::StatusCode::kUnauthenticated);
  EXPECT_THAT(std::string(end.message()), HasSubstr("expired"));
  ASSERT_TRUE(EventuallyDetached(1));
  v1::ProcessRequest again = OpenRequest("s");
  again.set_received_through(1);
  RawStream resumed(address(), Bearer(Token("alice")));
  const v1::Welcome welcome = resumed.Open(again);
  EXPECT_EQ(welcome.state(), v1::Welcome::STATE_RESUMED);
  EXPECT_EQ(resumed.ReadResults(2).size(), 2u);
}

TEST_F(StreamAccessTest, AFreshTokenKeepsTheStream) {
  StartWithKeys();
  const auto stream = Open("s", Token("alice", absl::Seconds(30)));
  for (int i = 0; i < 3; ++i) {
    Pass(absl::Seconds(20));
    ASSERT_TRUE(
        stream->Write(RefreshRequest(Token("alice", absl::Seconds(30)))));
    const auto response = stream->Read();
    ASSERT_TRUE(response.has_value());
    EXPECT_EQ(response->token_expires_in().seconds(), 30);
  }
  ASSERT_TRUE(stream->Write(Messages(1, 1)));
  EXPECT_EQ(stream->ReadResults(1).size(), 1u);
}

TEST_F(StreamAccessTest, ARefreshMustBeOfTheSamePrincipalAndGood) {
  StartWithKeys();
  for (const auto& [token, code] :
       {std::pair(Token("mallory"), absl::StatusCode::kPermissionDenied),
        {"nonsense", absl::StatusCode::kUnauthenticated},
        {Token("alice", -absl::Seconds(1)),
         absl::StatusCode::kUnauthenticated}}) {
    const auto stream = Open("s", Token("alice"));
    // What came before it is answered.
    v1::ProcessRequest request = Messages(1, 1);
    request.set_refresh_token(token);
    ASSERT_TRUE(stream->Write(request));
    EXPECT_EQ(stream->Finish().code(), code);
  }
}

TEST_F(StreamAccessTest, AKeyThatLeavesTakesItsStreamsAlong) {
  StartWithKeys();
  const auto stream = Open("s", Token("alice"));
  const JwtIssuer next(JwtIssuer::Kind::kEc, "next");
  Write(keys_, base::JwksText({issuer_.PublicJwk(), next.PublicJwk()}));
  Reload(*authenticator_);
  // Both keys hold while tokens of the old one are about.
  ASSERT_TRUE(stream->Write(Messages(1, 1)));
  EXPECT_EQ(stream->ReadResults(1).size(), 1u);
  WriteKeys(next);
  Reload(*authenticator_);
  EXPECT_EQ(stream->Finish().code(), absl::StatusCode::kUnauthenticated);
  EXPECT_EQ(Refused("t", Token("alice")).code(),
            absl::StatusCode::kUnauthenticated);
}

TEST_F(StreamAccessTest, RightsAreThoseOfTheAccessFile) {
  StartWithRules("rules { principal { exact: 'alice' } handlers: 'seen' }\n");
  EXPECT_EQ(Open("s", Token("alice"), "seen")->welcome()->principal(), "alice");
  const absl::Status other = Refused("t", Token("alice"), "sha256");
  EXPECT_EQ(other.code(), absl::StatusCode::kPermissionDenied);
  EXPECT_THAT(std::string(other.message()), HasSubstr("sha256"));
  EXPECT_EQ(Refused("u", Token("bob"), "seen").code(),
            absl::StatusCode::kPermissionDenied);
  // Without an Open the handler is the default.
  RawStream bob(address(), Bearer(Token("bob")));
  bob.Write(Messages(1, 1));
  EXPECT_EQ(bob.Finish().code(), absl::StatusCode::kPermissionDenied);
  EXPECT_EQ(refusals(Refusal::kDenied), 3u);
  EXPECT_EQ(Refused("v", Token("alice"), "none").code(),
            absl::StatusCode::kNotFound);
  EXPECT_EQ(refusals(Refusal::kHandlerUnknown), 1u);
}

TEST_F(StreamAccessTest, StreamsAndSessionsBeyondALimitAreRefused) {
  StartWithRules(
      "rules { principal { prefix: 'a' } handlers: '*'\n"
      "        limits { streams: 2 sessions: 3 } }\n");
  const auto first = Open("s1", Token("alice"));
  auto second = Open("s2", Token("alice"));
  const absl::Status third = Refused("s3", Token("alice"));
  EXPECT_EQ(third.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(std::string(third.message()),
              HasSubstr("'alice' has 2 streams; its limit, from the access "
                        "file, is 2"));
  // A stream that takes its own session over counts in place of the other.
  const auto again = Open("s1", Token("alice"));
  EXPECT_EQ(first->Finish().code(), absl::StatusCode::kAborted);
  // Others have limits of their own.
  const auto anna = Open("a1", Token("anna"));
  EXPECT_EQ(anna->welcome()->principal(), "anna");
  // A session that is detached is one still, and no stream any more.
  ASSERT_TRUE(second->Write(Messages(1, 1)));
  EXPECT_EQ(second->ReadResults(1).size(), 1u);
  second.reset();
  ASSERT_TRUE(EventuallyDetached(1));
  auto third_session = Open("s3", Token("alice"));
  ASSERT_TRUE(third_session->Write(Messages(1, 1)));
  EXPECT_EQ(third_session->ReadResults(1).size(), 1u);
  third_session.reset();
  ASSERT_TRUE(EventuallyDetached(2));
  const absl::Status fourth = Refused("s4", Token("alice"));
  EXPECT_EQ(fourth.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(std::string(fourth.message()), HasSubstr("3 sessions"));
  EXPECT_EQ(refusals(Refusal::kQuota), 2u);
}

TEST_F(StreamAccessTest, MessagesBeyondTheRateWaitAndNothingBreaks) {
  StartWithRules(
      "rules { principal { prefix: 'a' } handlers: '*'\n"
      "        limits { messages_per_second: 10 } }\n");
  for (const char* handler : {"echo", "pool"}) {
    const std::string who = absl::StrCat("a-", handler);
    const auto stream = Open(who, Token(who), handler);
    ASSERT_TRUE(stream->Write(Messages(1, 40)));
    EXPECT_EQ(stream->ReadResults(11).size(), 11u);
    // It waits, and heartbeats are answered meanwhile.
    ASSERT_TRUE(stream->Acknowledge(11));
    const auto response = stream->Read();
    ASSERT_TRUE(response.has_value());
    EXPECT_EQ(response->results_size(), 0);
    for (const size_t each_second : {10, 10, 9}) {
      clock_.Advance(absl::Seconds(1));
      EXPECT_EQ(stream->ReadResults(each_second).size(), each_second);
    }
  }
}

TEST_F(StreamAccessTest, AnotherRateHoldsForStreamsThatAreOpen) {
  const auto rules = [](double rate) {
    return absl::StrCat("rules { principal { exact: 'alice' } handlers: '*'\n",
                        "        limits { messages_per_second: ", rate,
                        " } }\n", kAnonymousMayEcho);
  };
  StartWithRules(rules(1));
  const auto stream = Open("s", Token("alice"));
  ASSERT_TRUE(stream->Write(Messages(1, 100)));
  EXPECT_EQ(stream->ReadResults(2).size(), 2u);
  Write(rules_, rules(1000));
  Reload(*access_file_);
  clock_.Advance(absl::Seconds(3));
  EXPECT_EQ(stream->ReadResults(98).size(), 98u);
}

TEST_F(StreamAccessTest, ARightThatIsTakenAwayEndsOpenStreams) {
  StartWithRules("rules { principal { prefix: 'a' } handlers: '*' }\n");
  const auto alice = Open("s", Token("alice"));
  const auto anna = Open("t", Token("anna"), "seen");
  ASSERT_TRUE(alice->Write(Messages(1, 2)));
  EXPECT_EQ(alice->ReadResults(2).size(), 2u);
  Write(rules_,
        absl::StrCat("rules { principal { exact: 'anna' } handlers: 'seen' }\n",
                     kAnonymousMayEcho));
  Reload(*access_file_);
  const absl::Status end = alice->Finish();
  EXPECT_EQ(end.code(), absl::StatusCode::kPermissionDenied);
  EXPECT_EQ(Refused("s", Token("alice")).code(),
            absl::StatusCode::kPermissionDenied);
  // Who may still be here has noticed nothing.
  ASSERT_TRUE(anna->Write(Messages(1, 1)));
  EXPECT_EQ(anna->ReadResults(1).size(), 1u);
}

TEST_F(StreamAccessTest, ASessionIsNotResumedWithAHandlerThatIsForbiddenNow) {
  StartWithRules("rules { principal { exact: 'alice' } handlers: '*' }\n");
  const auto stream = Open("s", Token("alice"), "seen");
  ASSERT_TRUE(stream->Write(Messages(1, 1)));
  EXPECT_EQ(stream->ReadResults(1).size(), 1u);
  stream->Cancel();
  ASSERT_TRUE(EventuallyDetached(1));
  Write(rules_, absl::StrCat(
                    "rules { principal { exact: 'alice' } handlers: 'echo' }\n",
                    kAnonymousMayEcho));
  Reload(*access_file_);
  // Resuming names no handler; the session's own counts.
  EXPECT_EQ(Refused("s", Token("alice"), "echo").code(),
            absl::StatusCode::kPermissionDenied);
}

}  // namespace
}  // namespace msgproc::processor
