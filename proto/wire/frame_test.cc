#include "proto/wire/frame.h"

#include <random>
#include <string>

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
  EXPECT_EQ(frame.open, request.open().SerializeAsString());
  EXPECT_EQ(frame.received_through, request.received_through());
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
    ExpectSame(frame, request);
  }
}

TEST(FrameTest, AcceptsDamagedRequestsOnlyIfTheGeneratedClassesDo) {
  std::mt19937 random(2);
  RequestFrame frame;
  int accepted = 0;
  for (int i = 0; i < 20000; ++i) {
    v1::ProcessRequest damaged = RandomRequest(&random);
    // Whether a header's key is UTF-8 is left to the handler.
    for (v1::Message& message : *damaged.mutable_messages()) {
      message.clear_headers();
    }
    std::string bytes = damaged.SerializeAsString();
    if (bytes.empty()) continue;
    bytes[random() % bytes.size()] = static_cast<char>(random());
    if (random() % 4 == 0) bytes.resize(random() % bytes.size());
    if (!frame.Parse(bytes)) continue;
    ++accepted;
    // The insides of an Open are read by the generated classes later.
    v1::ProcessRequest request;
    ASSERT_TRUE(request.ParseFromString(bytes) || frame.has_open);
  }
  EXPECT_GT(accepted, 100);
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
