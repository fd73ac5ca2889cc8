// What breaks the rules of processor.proto, over a real connection: a clear
// status for whoever did it, results of what was accepted, nothing for others.
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "services/processor/testing/processor_fixture.h"

namespace msgproc::processor {
namespace {

using testing::HasSubstr;

class StreamRulesTest : public ProcessorFixture {
 protected:
  StreamRulesTest() {
    options_.streams.sessions.limits = {.max_batch_messages = 100,
                                        .max_payload_bytes = 1000,
                                        .max_outstanding_messages = 64,
                                        .max_outstanding_bytes = 64 << 10};
  }

  // Answers what was sent before, then ends with this status.
  static void ExpectEnd(RawStream* stream, uint64_t answered,
                        absl::StatusCode code, const std::string& message) {
    EXPECT_EQ(stream->ReadToEnd(), Range(1, answered));
    const absl::Status status = stream->Finish();
    EXPECT_EQ(status.code(), code) << status;
    EXPECT_THAT(std::string(status.message()), HasSubstr(message));
  }

  uint64_t Rejected(Rejection reason) {
    return counters().rejected[static_cast<size_t>(reason)];
  }
};

constexpr auto kInvalid = absl::StatusCode::kInvalidArgument;

TEST_F(StreamRulesTest, ASmallClientNeedsNoOpen) {
  Start();
  RawStream stream(address());
  ASSERT_TRUE(stream.Write(Messages(1, 3)));
  const std::vector<v1::Result> results = stream.ReadResults(3);
  ASSERT_EQ(results.size(), 3U);
  EXPECT_EQ(results[2].sequence(), 3U);
  EXPECT_EQ(results[2].payload(), PayloadOf(3));
  stream.HalfClose();
  EXPECT_EQ(stream.Finish(), absl::OkStatus());
}

TEST_F(StreamRulesTest, InitialMetadataComesBeforeAnyMessage) {
  Start();
  RawStream stream(address());
  EXPECT_TRUE(stream.AwaitInitialMetadata());
}

TEST_F(StreamRulesTest, WelcomeSaysTheLimits) {
  Start();
  RawStream stream(address());
  const v1::Welcome welcome = stream.Open(OpenRequest("s"));
  EXPECT_EQ(welcome.server_id(), "under-test");
  EXPECT_EQ(welcome.session_id(), "s");
  EXPECT_EQ(welcome.session_token(), TokenOf("s"));
  EXPECT_EQ(welcome.state(), v1::Welcome::STATE_NEW);
  EXPECT_EQ(welcome.accepted_through(), 0U);
  EXPECT_EQ(welcome.max_batch_messages(), 100U);
  EXPECT_EQ(welcome.max_payload_bytes(), 1000U);
  EXPECT_EQ(welcome.max_outstanding_messages(), 64U);
  EXPECT_EQ(welcome.max_outstanding_bytes(), 64U << 10);
  EXPECT_EQ(welcome.heartbeat_interval().seconds(), 20);
}

TEST_F(StreamRulesTest, AHeartbeatGetsAResponse) {
  Start();
  RawStream opened(address());
  opened.Open(OpenRequest("s"));
  RawStream anonymous(address());
  for (RawStream* stream : {&opened, &anonymous}) {
    for (int i = 0; i < 3; ++i) {
      ASSERT_TRUE(stream->Write({}));
      const auto response = stream->Read();
      ASSERT_TRUE(response.has_value());
      EXPECT_EQ(response->ByteSizeLong(), 0U);
    }
  }
}

TEST_F(StreamRulesTest, AGap) {
  Start();
  RawStream stream(address());
  stream.Open(OpenRequest("s"));
  v1::ProcessRequest request = Messages(1, 2);
  request.MergeFrom(Messages(4, 2));
  ASSERT_TRUE(stream.Write(request));
  ExpectEnd(&stream, 2, kInvalid, "the next sequence is 3");
  EXPECT_EQ(Rejected(Rejection::kInvalidArgument), 1U);
}

TEST_F(StreamRulesTest, ARepeatedSequence) {
  Start();
  RawStream stream(address());
  stream.Open(OpenRequest("s"));
  ASSERT_TRUE(stream.Write(Messages(1, 2)));
  ASSERT_TRUE(stream.Write(Messages(2, 1)));
  ExpectEnd(&stream, 2, kInvalid, "Message 2 follows message 2");
}

TEST_F(StreamRulesTest, ABatchOverTheLimit) {
  Start();
  RawStream anonymous(address());
  ASSERT_TRUE(anonymous.Write(Messages(1, 100)));
  ASSERT_TRUE(anonymous.Write(Messages(101, 101)));
  ExpectEnd(&anonymous, 100, kInvalid, "101 messages; at most 100");
}

TEST_F(StreamRulesTest, APayloadOverTheLimit) {
  Start();
  RawStream opened(address());
  opened.Open(OpenRequest("s"));
  ASSERT_TRUE(opened.Write(Messages(1, 1, 1000)));
  ASSERT_TRUE(opened.Write(Messages(2, 1, 1001)));
  ExpectEnd(&opened, 1, kInvalid, "message 2 has 1001 bytes; at most 1000");
  // Far over the limit, and still by name.
  RawStream anonymous(address());
  ASSERT_TRUE(anonymous.Write(Messages(1, 1, 2 << 20)));
  ExpectEnd(&anonymous, 0, kInvalid, "max_payload_bytes");
}

TEST_F(StreamRulesTest, AFrameOverTheLimit) {
  options_.streams.sessions.limits.max_payload_bytes = 1 << 20;
  Start();
  RawStream stream(address());
  // One message may be as large as it likes, two together may not.
  ASSERT_TRUE(stream.Write(Messages(1, 1, 1 << 20)));
  EXPECT_EQ(stream.ReadResults(1).size(), 1U);
  ASSERT_TRUE(stream.Write(Messages(2, 2, 600 << 10)));
  ExpectEnd(&stream, 0, kInvalid, "at most 1048576 bytes or one message");
}

TEST_F(StreamRulesTest, AFrameBeyondWhatIsReadAtAll) {
  Start();
  RawStream stream(address());
  stream.Write(Messages(1, 1, 5 << 20));
  ExpectEnd(&stream, 0, absl::StatusCode::kResourceExhausted,
            "larger than max");
}

TEST_F(StreamRulesTest, AWindowExceededInMessages) {
  Start();
  RawStream stream(address());
  stream.Open(OpenRequest("s"));
  ASSERT_TRUE(stream.Write(Messages(1, 60)));
  ASSERT_TRUE(stream.Write(Messages(61, 5)));
  ExpectEnd(&stream, 64, absl::StatusCode::kResourceExhausted,
            "Message 65 exceeds the window");
  EXPECT_EQ(Rejected(Rejection::kResourceExhausted), 1U);
}

TEST_F(StreamRulesTest, AWindowExceededInBytes) {
  options_.streams.sessions.limits.max_payload_bytes = 100'000;
  Start();
  RawStream stream(address());
  stream.Open(OpenRequest("s"));
  // One always fits.
  ASSERT_TRUE(stream.Write(Messages(1, 1, 100'000)));
  ASSERT_TRUE(stream.Write(Messages(2, 1, 1)));
  ExpectEnd(&stream, 1, absl::StatusCode::kResourceExhausted,
            "1 messages of 100000 bytes");
}

TEST_F(StreamRulesTest, ReceivingMakesRoomInTheWindow) {
  Start();
  RawStream stream(address());
  stream.Open(OpenRequest("s"));
  for (uint64_t i = 0; i < 10; ++i) {
    v1::ProcessRequest request = Messages(1 + i * 64, 64);
    request.set_received_through(i * 64);
    ASSERT_TRUE(stream.Write(request));
    ASSERT_EQ(stream.ReadResults(64).size(), 64U) << stream.Finish();
  }
}

TEST_F(StreamRulesTest, ASecondOpen) {
  Start();
  RawStream stream(address());
  stream.Open(OpenRequest("s"));
  ASSERT_TRUE(stream.Write(Messages(1, 2)));
  ASSERT_TRUE(stream.Write(OpenRequest("s")));
  ExpectEnd(&stream, 2, kInvalid, "first request of a stream only");
}

TEST_F(StreamRulesTest, ALateOpen) {
  Start();
  RawStream stream(address());
  ASSERT_TRUE(stream.Write(Messages(1, 2)));
  ASSERT_TRUE(stream.Write(OpenRequest("s")));
  ExpectEnd(&stream, 2, kInvalid, "first request of a stream only");
}

TEST_F(StreamRulesTest, AnUnknownHandler) {
  Start();
  RawStream stream(address());
  ASSERT_TRUE(stream.Write(OpenRequest("s", "ecko")));
  ExpectEnd(&stream, 0, absl::StatusCode::kNotFound,
            "There is no handler 'ecko'; there are: echo");
  EXPECT_EQ(Rejected(Rejection::kNotFound), 1U);
}

// A status travels in trailers, and clients refuse long ones.
TEST_F(StreamRulesTest, ALongNameIsEchoedInPart) {
  Start();
  for (const size_t bytes : {9U << 10, 3U << 20}) {
    RawStream stream(address());
    ASSERT_TRUE(stream.Write(OpenRequest("s", std::string(bytes, 'h'))));
    ExpectEnd(&stream, 0, absl::StatusCode::kNotFound,
              "There is no handler '" + std::string(128, 'h') + "'");
  }
}

TEST_F(StreamRulesTest, AWrongToken) {
  Start();
  RawStream owner(address());
  owner.Open(OpenRequest("s"));
  RawStream thief(address());
  v1::ProcessRequest request = OpenRequest("s");
  request.mutable_open()->set_session_token(std::string(20, '?'));
  ASSERT_TRUE(thief.Write(request));
  ExpectEnd(&thief, 0, absl::StatusCode::kPermissionDenied, "session 's'");
  EXPECT_EQ(Rejected(Rejection::kPermissionDenied), 1U);
  // The owner has not noticed.
  ASSERT_TRUE(owner.Write(Messages(1, 2)));
  EXPECT_EQ(owner.ReadResults(2).size(), 2U);
}

TEST_F(StreamRulesTest, AMalformedOpen) {
  Start();
  for (const size_t bytes : {1U, 15U, 65U}) {
    RawStream stream(address());
    v1::ProcessRequest request = OpenRequest("s");
    request.mutable_open()->set_session_token(std::string(bytes, 't'));
    ASSERT_TRUE(stream.Write(request));
    ExpectEnd(&stream, 0, kInvalid, "16 to 64 are needed");
  }
  RawStream named(address());
  ASSERT_TRUE(named.Write(OpenRequest(std::string(129, 'n'))));
  ExpectEnd(&named, 0, kInvalid, "at most 128");
  // An Open whose inside is garbage, and one whose name is not UTF-8.
  for (const std::string& open : {std::string("\x0a\x02\x01\xff", 4),
                                  std::string("\x0a\x04\x0a\x02\xff\xfe", 6)}) {
    RawStream stream(address());
    ASSERT_TRUE(stream.WriteBytes(open));
    ExpectEnd(&stream, 0, kInvalid, "");
  }
}

TEST_F(StreamRulesTest, TooMuchAlongWithTheFirstOpen) {
  options_.streams.sessions.limits.max_payload_bytes = 1 << 20;
  Start();
  v1::ProcessRequest many = OpenRequest("s");
  many.MergeFrom(Messages(1, 65));
  RawStream first(address());
  ASSERT_TRUE(first.Write(many));
  ExpectEnd(&first, 0, kInvalid, "65 messages of 520 bytes along");
  v1::ProcessRequest large = OpenRequest("s");
  large.MergeFrom(Messages(1, 2, (32 << 10) + 1));
  RawStream second(address());
  ASSERT_TRUE(second.Write(large));
  ExpectEnd(&second, 0, kInvalid, "at most 64 messages and 65536 bytes");
  // Nothing was opened; exactly as much as is allowed is.
  v1::ProcessRequest right = OpenRequest("s");
  right.MergeFrom(Messages(1, 64, 1 << 10));
  RawStream third(address());
  ASSERT_TRUE(third.Write(right));
  EXPECT_EQ(third.ReadResults(64).size(), 64U);
  EXPECT_EQ(third.welcome()->state(), v1::Welcome::STATE_NEW);
  EXPECT_EQ(third.welcome()->accepted_through(), 64U);
}

TEST_F(StreamRulesTest, ReceivedThroughBeyondWhatExists) {
  Start();
  RawStream stream(address());
  stream.Open(OpenRequest("s"));
  ASSERT_TRUE(stream.Write(Messages(1, 2)));
  ASSERT_TRUE(stream.Acknowledge(3));
  EXPECT_EQ(stream.ReadToEnd(), Range(1, 2));
  const absl::Status status = stream.Finish();
  EXPECT_EQ(status.code(), kInvalid);
  EXPECT_THAT(std::string(status.message()),
              HasSubstr("received_through is 3"));
}

TEST_F(StreamRulesTest, GarbageInPlaceOfAFrame) {
  Start();
  for (const std::string& garbage :
       {std::string("\xff\xff\xff\xff garbage"), std::string(1000, '\0'),
        std::string("\x12\x7f"), std::string(100'000, '\xff')}) {
    RawStream first(address());
    ASSERT_TRUE(first.WriteBytes(garbage));
    ExpectEnd(&first, 0, kInvalid, "not a msgproc.v1.ProcessRequest");
    RawStream later(address());
    later.Open(OpenRequest("s" + std::to_string(garbage.size())));
    ASSERT_TRUE(later.Write(Messages(1, 3)));
    ASSERT_TRUE(later.WriteBytes(garbage));
    ExpectEnd(&later, 3, kInvalid, "not a msgproc.v1.ProcessRequest");
  }
}

// A frame of a million empty messages is told so by name, not by memory.
TEST_F(StreamRulesTest, AFrameOfEmptyMessages) {
  Start();
  std::string frame;
  for (int i = 0; i < 1'000'000; ++i) frame += std::string("\x12\0", 2);
  RawStream stream(address());
  ASSERT_TRUE(stream.WriteBytes(frame));
  ExpectEnd(&stream, 0, kInvalid, "1000000 messages; at most 100");
}

// Two million empty headers are no two million objects.
TEST_F(StreamRulesTest, AMessageOfEmptyHeaders) {
  Start();
  std::string headers;
  for (int i = 0; i < 2'000'000; ++i) headers += std::string("\x1a\0", 2);
  std::string frame = "\x12";
  for (size_t left = headers.size(); left > 0; left >>= 7) {
    frame += static_cast<char>((left & 0x7f) | (left >= 0x80 ? 0x80 : 0));
  }
  RawStream stream(address());
  ASSERT_TRUE(stream.WriteBytes(frame + headers));
  ExpectEnd(&stream, 0, kInvalid, "2000000 headers; at most 128");
}

TEST_F(StreamRulesTest, AHeaderKeyThatIsNotUtf8) {
  Start();
  RawStream stream(address());
  ASSERT_TRUE(stream.WriteBytes(
      std::string("\x12\x0c\x08\x01\x1a\x08\x0a\x02\xff\xfe\x12\x02ok", 14)));
  ExpectEnd(&stream, 0, kInvalid, "key is not UTF-8");
}

TEST_F(StreamRulesTest, FieldsOfLaterVersionsAreSkipped) {
  Start();
  RawStream stream(address());
  ASSERT_TRUE(stream.WriteBytes(Messages(1, 1).SerializeAsString() +
                                "\x62\x03new\x58\x07"));
  EXPECT_EQ(stream.ReadResults(1).size(), 1U);
}

TEST_F(StreamRulesTest, RefusalsAreLoggedWithRuleValueAndPeerAndFewOfThem) {
  Start();
  RawStream owner(address());
  owner.Open(OpenRequest("s"));
  testing::internal::CaptureStderr();
  for (int i = 0; i < 50; ++i) {
    RawStream stream(address());
    v1::ProcessRequest request = OpenRequest("other");
    request.mutable_open()->set_handler("no-such-handler");
    ASSERT_TRUE(stream.Write(request));
    EXPECT_EQ(stream.Finish().code(), absl::StatusCode::kNotFound);
  }
  RawStream thief(address());
  v1::ProcessRequest request = OpenRequest("s");
  request.mutable_open()->set_session_token("0123456789abcdef-of-another");
  ASSERT_TRUE(thief.Write(request));
  EXPECT_EQ(thief.Finish().code(), absl::StatusCode::kPermissionDenied);
  RawStream malformed(address());
  request.mutable_open()->set_session_token("short");
  ASSERT_TRUE(malformed.Write(request));
  EXPECT_EQ(malformed.Finish().code(), kInvalid);
  const std::string log = testing::internal::GetCapturedStderr();
  size_t lines = 0;
  for (size_t at = log.find("request refused"); at != std::string::npos;
       at = log.find("request refused", at + 1)) {
    ++lines;
  }
  EXPECT_THAT(log, HasSubstr("rule=not_found"));
  EXPECT_THAT(log, HasSubstr("no-such-handler"));
  EXPECT_THAT(log, HasSubstr("rule=permission_denied"));
  EXPECT_THAT(log, HasSubstr("rule=invalid_argument"));
  EXPECT_THAT(log, HasSubstr("peer=ipv4:127.0.0.1:"));
  EXPECT_LT(lines, 25U) << log;
  EXPECT_EQ(Rejected(Rejection::kNotFound), 50U);
}

}  // namespace
}  // namespace msgproc::processor
