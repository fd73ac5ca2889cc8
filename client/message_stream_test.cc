#include "client/message_stream.h"

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "client/testing/scripted_server.h"
#include "common/mutex.h"
#include "gtest/gtest.h"

namespace msgproc::client {
namespace {

constexpr absl::Duration kPatience = absl::Seconds(30);

v1::ProcessResponse Welcome(v1::Welcome::State state,
                            uint64_t accepted_through = 0) {
  v1::ProcessResponse response;
  v1::Welcome* welcome = response.mutable_welcome();
  welcome->set_server_id("scripted");
  welcome->set_state(state);
  welcome->set_accepted_through(accepted_through);
  welcome->set_max_batch_messages(1024);
  welcome->set_max_payload_bytes(1 << 20);
  welcome->set_max_outstanding_messages(1024);
  welcome->set_max_outstanding_bytes(16 << 20);
  welcome->mutable_heartbeat_interval()->set_seconds(10);
  return response;
}

// The results of all messages in a request.
v1::ProcessResponse Echo(const v1::ProcessRequest& request) {
  v1::ProcessResponse response;
  for (const v1::Message& message : request.messages()) {
    v1::Result* result = response.add_results();
    result->set_sequence(message.sequence());
    result->set_payload(message.payload());
  }
  return response;
}

class MessageStreamTest : public testing::Test {
 protected:
  MessageStreamOptions Options() {
    MessageStreamOptions options;
    options.target = server_.address();
    options.on_result = [this](const Result& result) {
      MutexLock lock(&mutex_);
      results_.emplace_back(result.sequence, std::string(result.payload));
      changed_.SignalAll();
    };
    options.on_event = [this](const StreamEvent& event) {
      MutexLock lock(&mutex_);
      events_.push_back(event);
      changed_.SignalAll();
    };
    return options;
  }

  bool AwaitResults(size_t count) {
    MutexLock lock(&mutex_);
    while (results_.size() < count) {
      if (!changed_.WaitFor(&mutex_, kPatience)) return false;
    }
    return true;
  }

  Mutex mutex_;
  CondVar changed_;
  std::vector<std::pair<uint64_t, std::string>> results_
      MSGPROC_GUARDED_BY(mutex_);
  std::vector<StreamEvent> events_ MSGPROC_GUARDED_BY(mutex_);
  ScriptedServer server_;
};

TEST_F(MessageStreamTest, AMessageGetsItsResult) {
  auto stream = MessageStream::Open(Options());
  ASSERT_TRUE(stream.ok()) << stream.status();
  std::shared_ptr<ScriptedStream> call = server_.Accept();
  ASSERT_NE(call, nullptr);
  v1::ProcessRequest request;
  ASSERT_TRUE(call->Read(&request));
  EXPECT_TRUE(request.has_open());
  call->Write(Welcome(v1::Welcome::STATE_NEW));
  ASSERT_TRUE((*stream)->WaitUntilConnected(kPatience).ok());
  EXPECT_EQ(*(*stream)->Send("hello"), 1U);
  ASSERT_TRUE(call->Read(&request));
  ASSERT_EQ(request.messages_size(), 1);
  call->Write(Echo(request));
  ASSERT_TRUE(AwaitResults(1));
  EXPECT_EQ((*stream)->Close(absl::ZeroDuration()).code(),
            absl::StatusCode::kDeadlineExceeded);
  std::vector<v1::ProcessRequest> rest = call->ReadAll();
  ASSERT_EQ(rest.size(), 1U);
  EXPECT_EQ(rest[0].received_through(), 1U);
  call->Finish(absl::OkStatus());
  EXPECT_EQ((*stream)->Close(), absl::OkStatus());
  MutexLock lock(&mutex_);
  ASSERT_EQ(results_.size(), 1U);
  EXPECT_EQ(results_[0].second, "hello");
  ASSERT_EQ(events_.size(), 2U);
  EXPECT_EQ(events_[0].kind, StreamEvent::Kind::kConnected);
  EXPECT_EQ(events_[1].kind, StreamEvent::Kind::kClosed);
}

}  // namespace
}  // namespace msgproc::client
