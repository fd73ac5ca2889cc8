#include "services/processor/executors/thread_pool_executor.h"

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/time/clock.h"
#include "common/mutex.h"
#include "gtest/gtest.h"
#include "services/base/testing/eventually.h"
#include "services/processor/testing/function_handler.h"
#include "services/processor/testing/gate.h"
#include "services/processor/testing/session_fixture.h"
#include "wire/entry.h"

namespace msgproc::processor {
namespace {

constexpr absl::Duration kPatience = absl::Seconds(60);

// Wakes the test when results are there.
class WaitingAttachment final : public AttachedStream {
 public:
  void OnResultsReady(bool /*more*/) override {
    MutexLock lock(&mutex_);
    ++ready_;
    changed_.SignalAll();
  }
  void OnTakenOver() override {}

  // Takes results until there are so many.
  std::vector<uint64_t> Await(HostedSession* session, size_t results) {
    std::vector<uint64_t> sequences;
    while (true) {
      int seen;
      {
        MutexLock lock(&mutex_);
        seen = ready_;
      }
      std::vector<wire::Piece> pieces;
      session->TakeResults(this, &pieces);
      for (const uint64_t s : Sequences(Decode(&pieces))) {
        sequences.push_back(s);
      }
      if (sequences.size() >= results) return sequences;
      MutexLock lock(&mutex_);
      while (ready_ == seen) {
        if (!changed_.WaitFor(&mutex_, kPatience)) return sequences;
      }
    }
  }

 private:
  Mutex mutex_;
  CondVar changed_;
  int ready_ MSGPROC_GUARDED_BY(mutex_) = 0;
};

class ThreadPoolExecutorTest : public SessionFixture {
 protected:
  struct Client {
    std::shared_ptr<HostedSession> session;
    std::shared_ptr<WaitingAttachment> stream;
  };

  Client NewClient() {
    Client client{NewSession(pool_.get()),
                  std::make_shared<WaitingAttachment>()};
    client.session->Attach(client.stream, 0);
    return client;
  }
  void Handle(std::function<void(const Message&)> function) {
    handler_ = std::make_unique<FunctionHandler>(
        [function = std::move(function)](const Message& message, Reply* reply) {
          function(message);
          reply->BorrowPayload(message.payload);
          return absl::OkStatus();
        });
    binding_.handler = handler_.get();
    binding_.max_payload_bytes = 1 << 20;
  }
  static void Send(const Client& client, const v1::ProcessRequest& request) {
    ASSERT_TRUE(
        client.session->OnFrame(client.stream.get(), *TestFrame(request)).ok());
  }

  std::unique_ptr<FunctionHandler> handler_;
  std::unique_ptr<ThreadPoolExecutor> pool_ =
      std::make_unique<ThreadPoolExecutor>(3);
};

TEST_F(ThreadPoolExecutorTest, AnswersEverythingInOrder) {
  Handle([](const Message& message) {
    if (message.sequence % 7 == 0) absl::SleepFor(absl::Microseconds(50));
  });
  const Client client = NewClient();
  for (uint64_t i = 0; i < 20; ++i) Send(client, Messages(1 + i * 50, 50));
  EXPECT_EQ(client.stream->Await(client.session.get(), 1000), Range(1, 1000));
}

TEST_F(ThreadPoolExecutorTest, RunsASessionsMessagesInParallel) {
  Gate gate;
  Handle([&](const Message& /*message*/) { gate.Pass(); });
  const Client client = NewClient();
  Send(client, Messages(1, 50));
  EXPECT_TRUE(gate.Await(3));
  gate.Open();
  EXPECT_EQ(client.stream->Await(client.session.get(), 50), Range(1, 50));
  // Never more than there are threads.
  EXPECT_EQ(gate.most(), 3);
}

TEST_F(ThreadPoolExecutorTest, OrderedHandlersSeeOneMessageAtATimeInOrder) {
  binding_.traits.ordered = true;
  std::atomic<int> inside{0};
  std::vector<uint64_t> seen;
  Handle([&](const Message& message) {
    EXPECT_EQ(++inside, 1);
    seen.push_back(message.sequence);
    --inside;
  });
  const Client client = NewClient();
  for (uint64_t i = 1; i <= 300; ++i) Send(client, Messages(i, 1));
  EXPECT_EQ(client.stream->Await(client.session.get(), 300), Range(1, 300));
  EXPECT_EQ(seen, Range(1, 300));
}

TEST_F(ThreadPoolExecutorTest, ASlowSessionDoesNotHoldUpOthers) {
  binding_.traits.ordered = true;
  Gate gate;
  Handle([&](const Message& message) {
    if (message.payload == "slow") gate.Pass();
  });
  const Client slow = NewClient();
  v1::ProcessRequest request;
  request.add_messages()->set_sequence(1);
  request.mutable_messages(0)->set_payload("slow");
  Send(slow, request);
  ASSERT_TRUE(gate.Await(1));
  for (int i = 0; i < 5; ++i) {
    const Client quick = NewClient();
    Send(quick, Messages(1, 20));
    EXPECT_EQ(quick.stream->Await(quick.session.get(), 20), Range(1, 20));
  }
  gate.Open();
  EXPECT_EQ(slow.stream->Await(slow.session.get(), 1), Range(1, 1));
}

TEST_F(ThreadPoolExecutorTest, AHangingSessionLeavesThreadsToOthers) {
  Gate gate;
  Handle([&](const Message& message) {
    if (message.payload == "hang") gate.Pass();
  });
  const Client quick = NewClient();
  Send(quick, Messages(1, 20));
  EXPECT_EQ(quick.stream->Await(quick.session.get(), 20), Range(1, 20));
  const Client hanging = NewClient();
  v1::ProcessRequest request;
  for (uint64_t i = 1; i <= 1000; ++i) {
    request.add_messages()->set_sequence(i);
    request.mutable_messages(static_cast<int>(i) - 1)->set_payload("hang");
  }
  Send(hanging, request);
  ASSERT_TRUE(gate.Await(2));
  for (uint64_t i = 1; i <= 50; ++i) {
    const uint64_t first = i * 20 + 1;
    Send(quick, Messages(first, 20));
    EXPECT_EQ(quick.stream->Await(quick.session.get(), 20),
              Range(first, first + 19));
  }
  EXPECT_EQ(gate.most(), 2);
  gate.Open();
  EXPECT_EQ(hanging.stream->Await(hanging.session.get(), 1000), Range(1, 1000));
}

// The first is measured alone and then beside the second, in the same run: what
// else the machine does falls on both.
TEST_F(ThreadPoolExecutorTest, AVictimKeepsItsRateThroughAStormOfSlowMessages) {
  Handle([&](const Message& message) {
    absl::SleepFor(message.payload == "slow" ? absl::Milliseconds(700)
                                             : absl::Milliseconds(20));
  });
  const Client victim = NewClient();
  uint64_t sent = 0;
  const auto answered_in = [&](absl::Duration time, absl::Duration* longest) {
    uint64_t answered = 0;
    for (const absl::Time end = absl::Now() + time; absl::Now() < end;) {
      const absl::Time begin = absl::Now();
      Send(victim, Messages(++sent, 1));
      EXPECT_EQ(victim.stream->Await(victim.session.get(), 1).size(), 1u);
      *longest = std::max(*longest, absl::Now() - begin);
      ++answered;
    }
    return answered;
  };
  absl::Duration longest;
  const uint64_t calm = answered_in(absl::Seconds(2), &longest);
  const Client slow = NewClient();
  v1::ProcessRequest request;
  for (uint64_t i = 1; i <= 1000; ++i) {
    request.add_messages()->set_sequence(i);
    request.mutable_messages(static_cast<int>(i) - 1)->set_payload("slow");
  }
  Send(slow, request);
  longest = absl::ZeroDuration();
  const uint64_t storm = answered_in(absl::Seconds(2), &longest);
  // All of it but for what a busy machine makes of it: the victim's threads
  // have nothing else to do.
  EXPECT_GE(storm * 2, calm);
  EXPECT_LE(longest, absl::Seconds(2));
  pool_->Stop();
}

TEST_F(ThreadPoolExecutorTest, SkipsWhatNobodyWaitsForAnyMore) {
  Gate gate;
  std::atomic<int> handled{0};
  Handle([&](const Message& message) {
    if (message.payload == "quick") return;
    gate.Pass();
    ++handled;
  });
  // Both of them are gone when the gate opens: an anonymous stream that ended,
  // and a session that was given up.
  std::vector<Client> gone;
  for (const std::string id : {"", "opened"}) {
    gone.push_back(
        {NewSession(pool_.get(), id), std::make_shared<WaitingAttachment>()});
    gone.back().session->Attach(gone.back().stream, 0);
    Send(gone.back(), Messages(1, 500));
  }
  ASSERT_TRUE(gate.Await(3));
  gone[0].session->Detach(gone[0].stream.get());
  gone[1].session->Detach(gone[1].stream.get());
  gone[1].session->Abandon();
  gate.Open();
  const Client other = NewClient();
  v1::ProcessRequest request;
  request.add_messages()->set_sequence(1);
  request.mutable_messages(0)->set_payload("quick");
  Send(other, request);
  EXPECT_EQ(other.stream->Await(other.session.get(), 1), Range(1, 1));
  pool_->Stop();
  EXPECT_EQ(handled, 3);
}

TEST_F(ThreadPoolExecutorTest, HoldsABoundedNumberOfBatches) {
  EXPECT_EQ(pool_->LimitsFor(binding_).max_batches, 6U);
  binding_.traits.ordered = true;
  EXPECT_EQ(pool_->LimitsFor(binding_).max_batches, 1U);
}

TEST_F(ThreadPoolExecutorTest, CutsBatchesByWhatAMessageTakes) {
  const uint64_t unknown = pool_->LimitsFor(binding_).max_messages;
  EXPECT_GE(unknown, 1U);
  binding_.message_nanoseconds = absl::ToInt64Nanoseconds(absl::Seconds(1));
  EXPECT_EQ(pool_->LimitsFor(binding_).max_messages, 1U);
  binding_.message_nanoseconds = 1000;
  EXPECT_GT(pool_->LimitsFor(binding_).max_messages, unknown);
  binding_.message_nanoseconds = 1;
  EXPECT_LE(pool_->LimitsFor(binding_).max_messages, 1024U);
}

TEST_F(ThreadPoolExecutorTest, StopWaitsOnlyForTheMessagesBeingHandled) {
  Gate gate;
  std::atomic<int> handled{0};
  Handle([&](const Message& /*message*/) {
    gate.Pass();
    ++handled;
  });
  const Client client = NewClient();
  Send(client, Messages(1, 1000));
  ASSERT_TRUE(gate.Await(3));
  std::thread opener([&] {
    // Lets go once Stop has begun, which refuses batches.
    EXPECT_TRUE(base::Eventually(
        [&] {
          const Client probe = NewClient();
          Send(probe, Messages(1, 1));
          return probe.session.use_count() == 1;
        },
        kPatience));
    gate.Open();
  });
  pool_->Stop();
  opener.join();
  EXPECT_LE(handled, 3);
  // What it held is let go: only the test and nobody else has the session.
  EXPECT_EQ(client.session.use_count(), 1);
  Send(client, Messages(1001, 1));
  EXPECT_EQ(client.session.use_count(), 1);
  pool_->Stop();
}

}  // namespace
}  // namespace msgproc::processor
