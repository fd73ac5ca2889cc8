#include "wire/frame.h"

#include <cstddef>
#include <cstdint>
#include <random>
#include <string>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "msgproc/v1/processor.pb.h"

namespace msgproc::wire {
namespace {

std::string RandomBytes(std::mt19937* random, size_t most) {
  std::string bytes((*random)() % (most + 1), '\0');
  for (char& byte : bytes) byte = static_cast<char>('a' + (*random)() % 26);
  return bytes;
}

v1::ProcessRequest RandomRequest(std::mt19937* random) {
  v1::ProcessRequest request;
  if ((*random)() % 4 == 0) {
    request.mutable_open()->set_session_id(RandomBytes(random, 20));
  }
  const size_t messages = (*random)() % 5;
  for (size_t i = 0; i < messages; ++i) {
    v1::Message* message = request.add_messages();
    message->set_sequence((*random)() % 3 == 0 ? (*random)() : i);
    message->set_payload(RandomBytes(random, 300));
    for (size_t header = (*random)() % 3; header > 0; --header) {
      message->add_headers()->set_key(RandomBytes(random, 3));
      message->mutable_headers()->rbegin()->set_value(RandomBytes(random, 9));
    }
  }
  request.set_received_through((*random)() % 1000);
  if ((*random)() % 3 == 0) request.set_refresh_token("token");
  return request;
}

void ExpectSameHeaders(
    const HeaderRange& range,
    const google::protobuf::RepeatedPtrField<v1::Header>& headers) {
  int i = 0;
  for (const HeaderView& header : range) {
    ASSERT_LT(i, headers.size());
    EXPECT_EQ(header.key, headers[i].key());
    EXPECT_EQ(header.value, headers[i].value());
    ++i;
  }
  EXPECT_EQ(i, headers.size());
}

void ExpectSame(const RequestFrame& frame, const v1::ProcessRequest& request) {
  EXPECT_EQ(frame.has_open, request.has_open());
  EXPECT_EQ(frame.received_through, request.received_through());
  EXPECT_EQ(frame.refresh_token, request.refresh_token());
  EXPECT_EQ(frame.has_refresh_token, !request.refresh_token().empty());
  ASSERT_EQ(frame.messages.size(),
            static_cast<size_t>(request.messages_size()));
  for (int i = 0; i < request.messages_size(); ++i) {
    const MessageView& view = frame.messages[static_cast<size_t>(i)];
    EXPECT_EQ(view.sequence, request.messages(i).sequence());
    EXPECT_EQ(view.payload, request.messages(i).payload());
    ExpectSameHeaders(view.headers(), request.messages(i).headers());
  }
}

TEST(FrameTest, ReadsRequestsAsTheGeneratedClassesDo) {
  std::mt19937 random(1);
  RequestFrame frame;
  for (int i = 0; i < 2000; ++i) {
    const v1::ProcessRequest request = RandomRequest(&random);
    const std::string bytes = request.SerializeAsString();
    ASSERT_TRUE(frame.Parse(bytes));
    EXPECT_EQ(frame.open, request.open().SerializeAsString());
    ExpectSame(frame, request);
  }
}

// Damages an encoded message in ways that leave much of it as it was.
std::string Damage(std::string bytes, std::mt19937* random) {
  static const std::string* const kPieces = new std::string[10]{
      std::string("\x0b\x0c", 2),          // A group.
      std::string("\x1b\x1b\x1c\x1c", 4),  // Two, one in the other.
      std::string("\x0b", 1),              // One that does not end,
      std::string("\x14", 1),              // that did not begin.
      std::string("\x1a\x00", 2),          // An empty header.
      std::string("\x1a\x03\x0a\x01\xff", 5),
      std::string("\x80\x80\x80\x80\x80\x80\x00", 7),
      std::string("\x8a\x00", 2),  // A tag in more bytes than it needs.
      std::string("\x12\xff\xff\xff\xff\x0f", 6),
      std::string("\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x7f", 11)};
  for (int turns = 1 + static_cast<int>((*random)() % 3); turns > 0; --turns) {
    const size_t at = (*random)() % (bytes.size() + 1);
    switch ((*random)() % 6) {
      case 0:
        if (at < bytes.size()) bytes[at] = static_cast<char>((*random)());
        break;
      case 1:
        bytes.insert(at, 1, static_cast<char>((*random)()));
        break;
      case 2:
        bytes.erase(at, 1 + (*random)() % 3);
        break;
      case 3:
        bytes.insert(at, kPieces[(*random)() % 10]);
        break;
      case 4:
        // Fields twice, where they stand or elsewhere.
        bytes.insert(at, bytes.substr((*random)() % (bytes.size() + 1),
                                      (*random)() % 40));
        break;
      default:
        bytes.append(bytes.substr(0, at));
    }
  }
  return bytes;
}

TEST(FrameTest, AcceptsTheDamagedRequestsThatTheGeneratedClassesDo) {
  std::mt19937 random(2);
  RequestFrame frame;
  int accepted = 0;
  for (int i = 0; i < 200'000; ++i) {
    v1::ProcessRequest whole = RandomRequest(&random);
    const std::string bytes = Damage(whole.SerializeAsString(), &random);
    v1::ProcessRequest request;
    const bool expected = request.ParseFromString(bytes);
    v1::Open open;
    // The insides of an Open are read by the generated classes.
    const bool found =
        frame.Parse(bytes) && open.ParseFromString(std::string(frame.open));
    ASSERT_EQ(found, expected) << absl::CHexEscape(bytes);
    if (!found) continue;
    ++accepted;
    EXPECT_EQ(open.SerializeAsString(), request.open().SerializeAsString());
    ExpectSame(frame, request);
    ASSERT_FALSE(HasFailure()) << absl::CHexEscape(bytes);
  }
  EXPECT_GT(accepted, 20'000);
}

// Of an Error in two parts the last one counts: the one known difference.
bool HasErrorInParts(const ResponseFrame& frame) {
  for (const ResultView& result : frame.results) {
    int errors = 0;
    FieldReader reader(result.body, 1);
    uint32_t tag;
    while (!reader.Done() && reader.ReadTag(&tag)) {
      errors += tag == Tag(4, WireType::kLengthDelimited) ? 1 : 0;
      if (!reader.Skip(tag)) break;
    }
    if (errors > 1) return true;
  }
  return false;
}

bool InsidesAreRight(const ResponseFrame& frame) {
  for (const ResultView& result : frame.results) {
    if (!v1::Error().ParseFromString(std::string(result.error))) return false;
  }
  return v1::Welcome().ParseFromString(std::string(frame.welcome)) &&
         google::protobuf::Duration().ParseFromString(
             std::string(frame.token_expires_in)) &&
         v1::Drain().ParseFromString(std::string(frame.drain));
}

TEST(FrameTest, AcceptsTheDamagedResponsesThatTheGeneratedClassesDo) {
  std::mt19937 random(3);
  ResponseFrame frame;
  int accepted = 0;
  for (int i = 0; i < 100'000; ++i) {
    v1::ProcessResponse whole;
    if (random() % 3 == 0) whole.mutable_welcome()->set_server_id("server");
    if (random() % 3 == 0) whole.mutable_drain()->set_server_address("a:1");
    if (random() % 3 == 0) whole.mutable_token_expires_in()->set_seconds(9);
    for (uint32_t results = random() % 4; results > 0; --results) {
      v1::Result* const result = whole.add_results();
      result->set_sequence(random() % 1000);
      result->set_payload(RandomBytes(&random, 20));
      if (random() % 3 == 0) result->mutable_error()->set_message("no");
      if (random() % 3 == 0) result->add_headers()->set_key("key");
    }
    const std::string bytes = Damage(whole.SerializeAsString(), &random);
    v1::ProcessResponse response;
    const bool expected = response.ParseFromString(bytes);
    const bool read = frame.Parse(bytes);
    if (read && HasErrorInParts(frame)) continue;
    ASSERT_EQ(read && InsidesAreRight(frame), expected)
        << absl::CHexEscape(bytes);
    if (!expected) continue;
    ++accepted;
    ASSERT_EQ(frame.results.size(),
              static_cast<size_t>(response.results_size()));
    for (int r = 0; r < response.results_size(); ++r) {
      const ResultView& view = frame.results[static_cast<size_t>(r)];
      EXPECT_EQ(view.sequence, response.results(r).sequence());
      EXPECT_EQ(view.payload, response.results(r).payload());
      EXPECT_EQ(view.failed, response.results(r).has_error());
      ExpectSameHeaders(view.headers(), response.results(r).headers());
    }
    ASSERT_FALSE(HasFailure()) << absl::CHexEscape(bytes);
  }
  EXPECT_GT(accepted, 10'000);
}

TEST(FrameTest, SkipsGroupsAsDeepAsTheGeneratedClassesDo) {
  for (const int depth : {1, 97, 98, 99, 100, 101, 102, 1000}) {
    const std::string group = std::string(static_cast<size_t>(depth), '\x5b') +
                              std::string(static_cast<size_t>(depth), '\x5c');
    const std::string in_message = absl::StrCat(
        "\x12", std::string(1, static_cast<char>(group.size())), group);
    RequestFrame frame;
    EXPECT_EQ(frame.Parse(group), v1::ProcessRequest().ParseFromString(group))
        << depth;
    if (group.size() > 127) continue;
    EXPECT_EQ(frame.Parse(in_message),
              v1::ProcessRequest().ParseFromString(in_message))
        << depth;
  }
}

TEST(FrameTest, AnOpenInTwoPartsIsMerged) {
  RequestFrame frame;
  const std::string bytes =
      absl::StrCat(absl::string_view("\x0a\x03\x0a\x01x", 5),
                   absl::string_view("\x0a\x03\x22\x01h", 5));
  ASSERT_TRUE(frame.Parse(bytes));
  v1::Open open;
  ASSERT_TRUE(open.ParseFromString(std::string(frame.open)));
  EXPECT_EQ(open.session_id(), "x");
  EXPECT_EQ(open.handler(), "h");
}

TEST(FrameTest, AKeyThatIsNotUtf8IsRefusedByFramesAndSaidByMessages) {
  const std::string message("\x1a\x04\x0a\x02\xff\xfe", 6);
  RequestFrame request;
  EXPECT_FALSE(request.Parse(absl::StrCat("\x12\x06", message)));
  ResponseFrame response;
  EXPECT_FALSE(response.Parse(absl::StrCat("\x12\x06", message)));
  MessageView view;
  ASSERT_TRUE(ParseMessage(message, &view));
  EXPECT_FALSE(view.keys_are_utf8);
}

TEST(FrameTest, WindowBytesArePayloadsAndHeadersAndWhatNobodyKnows) {
  v1::Message message;
  message.set_sequence(UINT64_MAX);
  message.set_payload(std::string(1000, 'x'));
  for (int i = 0; i < 100; ++i) {
    message.add_headers()->set_key("k");
    message.mutable_headers(i)->set_value("v");
  }
  MessageView view;
  std::string bytes = message.SerializeAsString();
  ASSERT_TRUE(ParseMessage(bytes, &view));
  EXPECT_EQ(view.window_bytes(), 1200U);
  // Field 9, which is in no version yet.
  const size_t known = bytes.size();
  bytes += absl::StrCat("\x4a\xa0\x8d\x06", std::string(100'000, 'u'));
  ASSERT_TRUE(ParseMessage(bytes, &view));
  EXPECT_EQ(view.window_bytes(), bytes.size() - 32 - 100 * 24);
  EXPECT_GT(view.window_bytes(), 99'000U);
  EXPECT_LE(known, 1200U + 32 + 100 * 24);
}

TEST(FrameTest, ReadsResponsesAsTheGeneratedClassesDo) {
  v1::ProcessResponse response;
  response.mutable_welcome()->set_server_id("s");
  response.mutable_drain()->set_server_address("a:1");
  response.add_results()->set_payload("fine");
  v1::Result* failed = response.add_results();
  failed->set_sequence(UINT64_MAX);
  failed->mutable_error()->set_message("no");
  failed->add_headers()->set_key("k");
  const std::string bytes = response.SerializeAsString();
  ResponseFrame frame;
  ASSERT_TRUE(frame.Parse(bytes));
  EXPECT_TRUE(frame.has_welcome);
  EXPECT_EQ(frame.welcome, response.welcome().SerializeAsString());
  EXPECT_EQ(frame.drain, response.drain().SerializeAsString());
  ASSERT_EQ(frame.results.size(), 2U);
  EXPECT_EQ(frame.results[0].payload, "fine");
  EXPECT_FALSE(frame.results[0].failed);
  EXPECT_EQ(frame.results[1].sequence, UINT64_MAX);
  EXPECT_TRUE(frame.results[1].failed);
  EXPECT_EQ(frame.results[1].error, failed->error().SerializeAsString());
  ExpectSameHeaders(frame.results[1].headers(), failed->headers());
}

TEST(FrameTest, AnEmptyFrameIsAHeartbeat) {
  RequestFrame frame;
  ASSERT_TRUE(frame.Parse(""));
  EXPECT_FALSE(frame.has_open);
  EXPECT_TRUE(frame.messages.empty());
}

TEST(FrameTest, CountsMessagesThatItDoesNotKeep) {
  std::string bytes;
  for (int i = 0; i < 100'000; ++i) bytes += std::string("\x12\0", 2);
  RequestFrame frame;
  ASSERT_TRUE(frame.Parse(bytes, 10));
  EXPECT_EQ(frame.message_count, 100'000U);
  EXPECT_EQ(frame.messages.size(), 10U);
  EXPECT_LT(frame.messages.capacity(), 100U);
  // They must be right all the same.
  EXPECT_FALSE(frame.Parse(bytes + "\x12\x01", 10));
}

TEST(FrameTest, RefusesGarbage) {
  RequestFrame frame;
  EXPECT_FALSE(frame.Parse("\xff\xff\xff\xff garbage"));
  EXPECT_FALSE(frame.Parse(absl::string_view("\x12\x05\x01", 3)));
  EXPECT_FALSE(frame.Parse(absl::string_view("\0\0\0\0", 4)));
}

TEST(FrameTest, SkipsFieldsOfLaterVersions) {
  v1::ProcessRequest request;
  request.add_messages()->set_payload("hi");
  std::string bytes = request.SerializeAsString();
  bytes += std::string("\x58\x07\x62\x03new\x6d\x01\x02\x03\x04", 12);
  RequestFrame frame;
  ASSERT_TRUE(frame.Parse(bytes));
  ASSERT_EQ(frame.messages.size(), 1U);
  EXPECT_EQ(frame.messages[0].payload, "hi");
}

}  // namespace
}  // namespace msgproc::wire
