#include "services/processor/handlers/builtin.h"

#include <openssl/evp.h>
#include <time.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "services/processor/testing/frames.h"

namespace msgproc::processor {
namespace {

using testing::HasSubstr;

class BuiltinTest : public testing::Test {
 protected:
  BuiltinTest() {
    RegisterBuiltinHandlers(&registry_, {.spin = absl::Milliseconds(2)});
  }

  // Calls a handler with one message.
  absl::Status Call(const std::string& name, const v1::Message& message) {
    v1::ProcessRequest request;
    *request.add_messages() = message;
    frame_ = std::make_unique<TestFrame>(request);
    reply_.Clear();
    return (*registry_.Find(name))
        ->handler->Handle({}, (*frame_)->messages[0], &reply_);
  }
  std::string Payload(const std::string& name, const std::string& payload) {
    v1::Message message;
    message.set_payload(payload);
    EXPECT_TRUE(Call(name, message).ok());
    return std::string(reply_.payload());
  }
  absl::Status Spin(const std::string& microseconds) {
    v1::Message message;
    message.set_payload("p");
    message.add_headers()->set_key("other");
    v1::Header* header = message.add_headers();
    header->set_key("spin-us");
    header->set_value(microseconds);
    return Call("spin", message);
  }

  HandlerRegistry registry_;
  std::unique_ptr<TestFrame> frame_;
  Reply reply_;
};

std::string Sha256ByOpenssl(const std::string& bytes) {
  std::string digest(EVP_MAX_MD_SIZE, '\0');
  unsigned int size = 0;
  EXPECT_EQ(EVP_Digest(bytes.data(), bytes.size(),
                       reinterpret_cast<unsigned char*>(digest.data()), &size,
                       EVP_sha256(), nullptr),
            1);
  digest.resize(size);
  return digest;
}

absl::Duration ThreadCpuTime() {
  timespec time;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return absl::DurationFromTimespec(time);
}

TEST_F(BuiltinTest, EchoGivesBackPayloadAndHeaders) {
  v1::Message message;
  message.set_payload(std::string("\0hi\xff", 4));
  message.add_headers()->set_key("k");
  message.mutable_headers(0)->set_value("v");
  ASSERT_TRUE(Call("echo", message).ok());
  EXPECT_EQ(reply_.payload(), message.payload());
  ASSERT_EQ(reply_.headers().size(), 1U);
  EXPECT_EQ(reply_.headers()[0].first, "k");
  EXPECT_EQ(reply_.headers()[0].second, "v");
  EXPECT_EQ(Payload("echo", ""), "");
}

TEST_F(BuiltinTest, UppercaseTouchesLettersOnly) {
  EXPECT_EQ(Payload("uppercase", "aZz `{\xc3\xa4 1"), "AZZ `{\xc3\xa4 1");
  EXPECT_EQ(Payload("uppercase", ""), "");
}

TEST_F(BuiltinTest, Sha256IsWhatOpensslSays) {
  EXPECT_EQ(absl::BytesToHexString(Payload("sha256", "abc")),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  for (const size_t bytes : {0U, 1U, 55U, 56U, 64U, 1000U, 1U << 20}) {
    std::string payload(bytes, '\0');
    for (size_t i = 0; i < bytes; ++i) payload[i] = static_cast<char>(i * 31);
    EXPECT_EQ(Payload("sha256", payload), Sha256ByOpenssl(payload));
  }
}

TEST_F(BuiltinTest, SpinBurnsCpuTime) {
  absl::Duration begin = ThreadCpuTime();
  EXPECT_EQ(Payload("spin", "p"), "p");
  EXPECT_GE(ThreadCpuTime() - begin, absl::Milliseconds(2));
  begin = ThreadCpuTime();
  ASSERT_TRUE(Spin("5000").ok());
  EXPECT_EQ(reply_.payload(), "p");
  EXPECT_GE(ThreadCpuTime() - begin, absl::Milliseconds(5));
  EXPECT_TRUE(Spin("0").ok());
}

TEST_F(BuiltinTest, SpinRefusesWhatIsNotATime) {
  for (const char* text : {"", "soon", "-1", "10000001", "1e3", "\xff"}) {
    const absl::Status status = Spin(text);
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << text;
    EXPECT_THAT(std::string(status.message()), HasSubstr("spin-us"));
  }
}

TEST_F(BuiltinTest, SpinIsThereOnlyWhereItIsAskedFor) {
  HandlerRegistry registry;
  RegisterBuiltinHandlers(&registry);
  EXPECT_EQ(registry.Names(),
            (std::vector<std::string>{"echo", "sha256", "uppercase"}));
  EXPECT_FALSE(registry.Find("spin").ok());
}

TEST_F(BuiltinTest, OnlyQuickHandlersRunInline) {
  EXPECT_TRUE((*registry_.Find("echo"))->traits.never_blocks);
  EXPECT_TRUE((*registry_.Find("uppercase"))->traits.never_blocks);
  EXPECT_FALSE((*registry_.Find("sha256"))->traits.never_blocks);
  EXPECT_FALSE((*registry_.Find("spin"))->traits.never_blocks);
}

}  // namespace
}  // namespace msgproc::processor
