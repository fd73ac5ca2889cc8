// More than there is memory for.
#include <cstddef>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "services/processor/testing/processor_fixture.h"

namespace msgproc::processor {
namespace {

using testing::HasSubstr;

class StreamMemoryTest : public ProcessorFixture {};

TEST_F(StreamMemoryTest, WhatWaitsForHandlersIsNotReadBeyondTheBudget) {
  constexpr size_t kStreams = 20;
  constexpr size_t kMessage = 900 << 10;
  // One that comes in, and one that may be on its way.
  constexpr size_t kFrames = 2 << 20;
  constexpr size_t kBudget = 8 << 20;
  options_.streams.sessions.memory_budget = kBudget;
  Start();
  std::vector<std::unique_ptr<RawStream>> streams;
  for (size_t i = 0; i < kStreams; ++i) {
    streams.push_back(std::make_unique<RawStream>(address()));
    streams.back()->Open(OpenRequest("s" + std::to_string(i), "gate"));
  }
  for (const auto& stream : streams) {
    ASSERT_TRUE(stream->Write(Messages(1, 1, kMessage)));
  }
  MemoryBudget& memory = *server_->context()->sessions()->memory();
  ASSERT_TRUE(Eventually([&] { return memory.used() >= kStreams * kMessage; }));
  // Those that came before it was too much are read once more.
  for (const auto& stream : streams) {
    stream->BeginWrite(Messages(2, 1, kMessage));
  }
  ASSERT_TRUE(Eventually([&] {
    // Whoever writes has to poll.
    for (const auto& stream : streams) stream->WriteIsDone();
    return counters().memory_pauses >= kStreams;
  }));
  for (int i = 0; i < 20; ++i) neighbour().Exchange();
  EXPECT_LE(memory.used(), kBudget + kStreams * kFrames);

  for (const bool anonymous : {false, true}) {
    RawStream late(address());
    v1::ProcessRequest request;
    if (!anonymous) request = OpenRequest("late", "echo");
    request.MergeFrom(Messages(1, 1));
    ASSERT_TRUE(late.Write(request));
    const absl::Status refused = late.Finish();
    EXPECT_EQ(refused.code(), absl::StatusCode::kUnavailable) << refused;
    EXPECT_THAT(std::string(refused.message()),
                HasSubstr("a budget of 8388608"));
  }
  EXPECT_EQ(counters().memory_refusals, 2U);
  EXPECT_EQ(refusals(Refusal::kMemory), 2U);

  // They are not heard, since nobody listens: that is not their fault.
  Pass(4 * options_.streams.heartbeat_interval);
  EXPECT_EQ(counters().silent_sessions, 0U);
  EXPECT_TRUE(Eventually([&] { return counters().streams == kStreams + 1; }));

  // Handlers go on. None of these has acknowledged anything yet, and what would
  // is behind more than there is memory for: they are told to open the session
  // anew, which says it in front of everything else.
  gate_.Open();
  for (const auto& stream : streams) {
    EXPECT_EQ(stream->ReadResults(1).size(), 1U);
  }
  ASSERT_TRUE(Eventually([&] {
    Pass(2 * StreamState::kMostStarving);
    return counters().memory_ends > 0 && !memory.Full();
  }));
  for (size_t i = 0; i < kStreams; ++i) {
    auto& stream = streams[i];
    stream = std::make_unique<RawStream>(address());
    v1::ProcessRequest again = OpenRequest("s" + std::to_string(i), "gate");
    again.set_received_through(1);
    const v1::Welcome welcome = stream->Open(again);
    if (welcome.accepted_through() < 2) {
      ASSERT_TRUE(stream->Write(Messages(2, 1, kMessage)));
    }
    EXPECT_EQ(stream->ReadResults(1).size(), 1U);
    ASSERT_TRUE(stream->Acknowledge(2));
  }
  ASSERT_TRUE(Eventually([&] { return memory.used() < kBudget / 2; }));
  streams.push_back(std::make_unique<RawStream>(address()));
  EXPECT_EQ(streams.back()->Open(OpenRequest("late", "echo")).state(),
            v1::Welcome::STATE_NEW);
  for (const auto& stream : streams) {
    stream->HalfClose();
    EXPECT_EQ(stream->Finish(), absl::OkStatus());
  }
}

// Nobody but the ticker tells who waits that memory was given back.
TEST_F(StreamMemoryTest, WhoIsNotReadIsLookedAtOnceOthersHaveFreedMemory) {
  constexpr size_t kBudget = 8 << 20;
  options_.streams.sessions.memory_budget = kBudget;
  Start();
  MemoryBudget& memory = *server_->context()->sessions()->memory();
  RawStream stream(address());
  stream.Open(OpenRequest("s", "gate"));
  {
    // So many that a share is less than what it sends.
    std::deque<MemoryBudget::Share> others;
    for (int i = 0; i < 100; ++i) {
      others.emplace_back(&memory, 0).Set({.results = kBudget / 64});
    }
    ASSERT_TRUE(memory.Full());
    ASSERT_TRUE(stream.Write(Messages(1, 1, 900 << 10)));
    ASSERT_TRUE(Eventually([&] { return counters().memory_pauses == 1; }));
  }
  stream.BeginWrite(Messages(2, 1));
  neighbour().Exchange();
  EXPECT_EQ(counters().outstanding, 1);
  // It was short and is not any more, both since the last tick.
  ASSERT_EQ(memory.level(), MemoryBudget::Level::kFree);
  server_->Tick();
  EXPECT_TRUE(Eventually([&] {
    stream.WriteIsDone();
    return counters().outstanding == 2;
  }));
  gate_.Open();
  EXPECT_EQ(stream.ReadResults(2).size(), 2U);
}

}  // namespace
}  // namespace msgproc::processor
