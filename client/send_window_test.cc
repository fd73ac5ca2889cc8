#include "client/send_window.h"

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "msgproc/v1/processor.pb.h"

namespace msgproc::client {
namespace {

constexpr WindowLimits kServer = {
    .messages = 100, .bytes = 1 << 20, .batch_messages = 10};
const absl::Time kNow = absl::UnixEpoch();

std::vector<wire::ResultView> Results(uint64_t first, uint64_t last,
                                      absl::string_view payload = "") {
  std::vector<wire::ResultView> results;
  for (uint64_t i = first; i <= last; ++i) {
    results.emplace_back().sequence = i;
    results.back().payload = payload;
  }
  return results;
}

class SendWindowTest : public testing::Test {
 protected:
  void Append(int count, size_t bytes = 1) {
    for (int i = 0; i < count; ++i) {
      ASSERT_NE(window_.TryAppend(std::string(bytes, 'x'), {}), 0U);
    }
  }

  // Opens, is welcomed, and writes frames until there is nothing to write.
  void Connect(SessionState state, uint64_t accepted_through = 0,
               const WindowLimits& server = kServer) {
    pieces_.clear();
    window_.OnOpen(&pieces_);
    ASSERT_TRUE(window_.OnWelcome(state, accepted_through, server).ok());
  }

  // The sequences in the next frame.
  std::vector<uint64_t> NextFrame() {
    pieces_.clear();
    window_.NextFrame(&pieces_);
    return Sequences();
  }

  std::vector<uint64_t> Sequences() const {
    std::string bytes;
    for (const wire::Piece& piece : pieces_) {
      bytes.append(piece.data, piece.size);
    }
    v1::ProcessRequest request;
    EXPECT_TRUE(request.ParseFromString(bytes));
    std::vector<uint64_t> sequences;
    for (const v1::Message& message : request.messages()) {
      sequences.push_back(message.sequence());
    }
    return sequences;
  }

  void SendAll() {
    while (window_.CanSend()) NextFrame();
  }

  SendWindow window_{WindowLimits{}};
  std::vector<wire::Piece> pieces_;
};

TEST_F(SendWindowTest, SixtyFourMessagesGoAlongWithTheFirstOpen) {
  Append(64);
  EXPECT_EQ(window_.TryAppend("x", {}), 0U);
  window_.OnOpen(&pieces_);
  EXPECT_EQ(Sequences().size(), 64U);
}

TEST_F(SendWindowTest, SixtyFourKibibytesGoAlongWithTheFirstOpen) {
  Append(3, 20 << 10);
  EXPECT_EQ(window_.TryAppend(std::string(20 << 10, 'x'), {}), 0U);
  window_.OnOpen(&pieces_);
  size_t bytes = 0;
  for (const wire::Piece& piece : pieces_) bytes += piece.size;
  EXPECT_LE(bytes, 64U << 10);
  EXPECT_EQ(Sequences().size(), 3U);
}

TEST_F(SendWindowTest, ALargeMessageWaitsForTheFirstWelcome) {
  const std::string large(65 << 10, 'x');
  EXPECT_EQ(window_.TryAppend(large, {}), 0U);
  Connect(SessionState::kNew);
  EXPECT_EQ(window_.TryAppend(large, {}), 1U);
}

TEST_F(SendWindowTest, TheFirstRequestHasRoomForWhatEncodingAdds) {
  // 32 bytes a message, 24 a header.
  constexpr size_t kMost = (64 << 10) - 32;
  EXPECT_EQ(window_.TryAppend(std::string(kMost + 1, 'x'), {}), 0U);
  const wire::HeaderView header = {.key = "key", .value = "value"};
  const std::string payload(kMost - 24 - 8, 'x');
  EXPECT_EQ(window_.TryAppend(payload + "x", {&header, 1}), 0U);
  SendWindow with_header{WindowLimits{}};
  EXPECT_EQ(with_header.TryAppend(payload, {&header, 1}), 1U);
  EXPECT_EQ(window_.TryAppend(std::string(kMost, 'x'), {}), 1U);
}

TEST_F(SendWindowTest, TheFirstRequestIsTheSameWhenItIsSentAgain) {
  Append(2);
  EXPECT_EQ(window_.OnOpen(&pieces_).messages, 2U);
  EXPECT_EQ(Sequences(), (std::vector<uint64_t>{1, 2}));
  Append(1);
  window_.OnDisconnected();
  pieces_.clear();
  window_.OnOpen(&pieces_);
  EXPECT_EQ(Sequences(), (std::vector<uint64_t>{1, 2}));
  ASSERT_TRUE(window_.OnWelcome(SessionState::kResumed, 2, kServer).ok());
  EXPECT_EQ(NextFrame(), (std::vector<uint64_t>{3}));
}

TEST_F(SendWindowTest, WhatWentAlongWithOpenIsNotSentAgain) {
  Append(2);
  // The server may say what it had accepted before or after it read them.
  for (const uint64_t accepted : {0, 2}) {
    SCOPED_TRACE(accepted);
    SendWindow window{WindowLimits{}};
    window.TryAppend("a", {});
    window.TryAppend("b", {});
    window.OnOpen(&pieces_);
    ASSERT_TRUE(window.OnWelcome(SessionState::kNew, accepted, kServer).ok());
    EXPECT_FALSE(window.CanSend());
  }
}

TEST_F(SendWindowTest, ALaterOpenCarriesNothing) {
  Connect(SessionState::kNew);
  Append(5);
  SendAll();
  window_.OnDisconnected();
  pieces_.clear();
  const SendWindow::Frame open = window_.OnOpen(&pieces_);
  EXPECT_EQ(open.messages, 0U);
  EXPECT_TRUE(pieces_.empty());
  ASSERT_TRUE(window_.OnWelcome(SessionState::kNew, 0, kServer).ok());
  EXPECT_EQ(NextFrame(), (std::vector<uint64_t>{1, 2, 3, 4, 5}));
}

TEST_F(SendWindowTest, ResumesBehindWhatWasAccepted) {
  Connect(SessionState::kNew);
  Append(5);
  SendAll();
  window_.OnResults(Results(1, 2), kNow);
  window_.OnDisconnected();
  Connect(SessionState::kResumed, 4);
  EXPECT_EQ(NextFrame(), (std::vector<uint64_t>{5}));
  EXPECT_EQ(window_.OnResults(Results(3, 5), kNow).count, 3U);
  EXPECT_TRUE(window_.drained());
}

TEST_F(SendWindowTest, AfterALossSendsAgainWhatHasNoResult) {
  Connect(SessionState::kNew);
  Append(5);
  SendAll();
  window_.OnResults(Results(1, 2), kNow);
  window_.OnDisconnected();
  // What a server that knows nothing says it accepted means nothing.
  Connect(SessionState::kLost, 77);
  EXPECT_EQ(NextFrame(), (std::vector<uint64_t>{3, 4, 5}));
}

TEST_F(SendWindowTest, AResultOfAnEarlierConnectionIsDropped) {
  Connect(SessionState::kNew);
  Append(5);
  SendAll();
  window_.OnResults(Results(1, 2), kNow);
  window_.OnDisconnected();
  Connect(SessionState::kResumed, 5);
  const SendWindow::NewResults found = window_.OnResults(Results(1, 4), kNow);
  EXPECT_TRUE(found.status.ok());
  EXPECT_EQ(found.first, 2U);
  EXPECT_EQ(found.count, 2U);
}

TEST_F(SendWindowTest, AResultThatComesTwiceOnOneConnectionIsAnError) {
  Connect(SessionState::kNew);
  Append(5);
  SendAll();
  std::vector<wire::ResultView> results = Results(1, 1);
  results.push_back(results[0]);
  const SendWindow::NewResults found = window_.OnResults(results, kNow);
  EXPECT_EQ(found.status.code(), absl::StatusCode::kInternal);
  EXPECT_EQ(found.status.message(),
            "the server sent the result of message 1 twice; that of 2 was due");
  EXPECT_TRUE(found.duplicate);
  EXPECT_EQ(found.count, 1U);
}

TEST_F(SendWindowTest, AResultThatComesAgainInALaterFrameIsAnError) {
  Connect(SessionState::kNew);
  Append(5);
  SendAll();
  window_.OnResults(Results(1, 2), kNow);
  const SendWindow::NewResults found = window_.OnResults(Results(2, 3), kNow);
  EXPECT_FALSE(found.status.ok());
  EXPECT_EQ(found.count, 0U);
}

TEST_F(SendWindowTest, AnOldResultComesOnceAndInFrontOfNewOnesOnly) {
  Connect(SessionState::kNew);
  Append(5);
  SendAll();
  window_.OnResults(Results(1, 2), kNow);
  window_.OnDisconnected();
  Connect(SessionState::kResumed, 5);
  EXPECT_TRUE(window_.OnResults(Results(1, 1), kNow).status.ok());
  EXPECT_FALSE(window_.OnResults(Results(1, 1), kNow).status.ok());
  EXPECT_TRUE(window_.OnResults(Results(2, 3), kNow).status.ok());
  EXPECT_FALSE(window_.OnResults(Results(2, 2), kNow).status.ok());
}

TEST_F(SendWindowTest, OldResultsMayComeAgainOnEachConnection) {
  Connect(SessionState::kNew);
  Append(2);
  SendAll();
  window_.OnResults(Results(1, 2), kNow);
  for (int connection = 0; connection < 2; ++connection) {
    window_.OnDisconnected();
    Connect(SessionState::kResumed, 2);
    const SendWindow::NewResults found = window_.OnResults(Results(1, 2), kNow);
    EXPECT_TRUE(found.status.ok());
    EXPECT_EQ(found.count, 0U);
  }
}

TEST_F(SendWindowTest, OpenTellsTheServerWhatIsReceived) {
  Connect(SessionState::kNew);
  Append(3);
  SendAll();
  window_.OnResults(Results(1, 2), kNow);
  window_.OnDisconnected();
  EXPECT_FALSE(window_.acknowledged());
  EXPECT_EQ(window_.acknowledge_by(), absl::InfiniteFuture());
  const SendWindow::Frame open = window_.OnOpen(&pieces_);
  EXPECT_EQ(open.received_through, 2U);
  EXPECT_EQ(open.messages, 0U);
  EXPECT_TRUE(window_.acknowledged());
}

TEST_F(SendWindowTest, WithoutAConnectionNothingIsSent) {
  Append(20);
  EXPECT_FALSE(window_.connected());
  Connect(SessionState::kNew);
  EXPECT_TRUE(window_.connected());
  Append(10);
  EXPECT_TRUE(window_.frame_full());
  EXPECT_TRUE(window_.CanSend());
  window_.OnDisconnected();
  EXPECT_FALSE(window_.connected());
  EXPECT_FALSE(window_.frame_full());
  EXPECT_FALSE(window_.CanSend());
}

TEST_F(SendWindowTest, AFrameIsFullWithABatch) {
  Connect(SessionState::kNew);
  EXPECT_FALSE(window_.CanSend());
  Append(9);
  EXPECT_EQ(window_.unsent(), 9U);
  EXPECT_FALSE(window_.frame_full());
  Append(1);
  EXPECT_TRUE(window_.frame_full());
}

TEST_F(SendWindowTest, KnowsWhatIsCollectedAndWhatIsDrained) {
  EXPECT_TRUE(window_.drained());
  EXPECT_TRUE(window_.collected());
  Connect(SessionState::kNew);
  Append(11);
  EXPECT_TRUE(window_.collected());
  NextFrame();
  EXPECT_FALSE(window_.collected());
  window_.OnResults(Results(1, 10), kNow);
  EXPECT_TRUE(window_.collected());
  EXPECT_FALSE(window_.drained());
  EXPECT_EQ(window_.outstanding(), 1U);
}

TEST_F(SendWindowTest, AGapInTheResultsIsAnError) {
  Connect(SessionState::kNew);
  Append(5);
  SendAll();
  std::vector<wire::ResultView> results = Results(1, 2);
  results.emplace_back().sequence = 4;
  const SendWindow::NewResults found = window_.OnResults(results, kNow);
  EXPECT_EQ(found.status.code(), absl::StatusCode::kInternal);
  EXPECT_EQ(found.status.message(),
            "the server sent a result of message 4 where that of 3 was due; "
            "messages are sent up to 5");
  EXPECT_FALSE(found.duplicate);
  EXPECT_EQ(found.count, 2U);
  EXPECT_EQ(window_.received_through(), 2U);
}

TEST_F(SendWindowTest, TheFirstResultMustBeTheFirstMessages) {
  for (const uint64_t sequence : {0, 2}) {
    SCOPED_TRACE(sequence);
    SendWindow window{WindowLimits{}};
    window.TryAppend("a", {});
    window.TryAppend("b", {});
    window.OnOpen(&pieces_);
    ASSERT_TRUE(window.OnWelcome(SessionState::kNew, 2, kServer).ok());
    const SendWindow::NewResults found =
        window.OnResults(Results(sequence, sequence), kNow);
    EXPECT_FALSE(found.status.ok());
    EXPECT_FALSE(found.duplicate);
    EXPECT_EQ(found.first, 0U);
  }
}

TEST_F(SendWindowTest, AResultOfAMessageThatWasNotSentIsAnError) {
  Connect(SessionState::kNew);
  Append(15);
  NextFrame();
  const SendWindow::NewResults found = window_.OnResults(Results(1, 11), kNow);
  EXPECT_FALSE(found.status.ok());
  EXPECT_FALSE(found.duplicate);
  EXPECT_EQ(window_.received_through(), 10U);
}

TEST_F(SendWindowTest, ANewSessionAfterResultsIsAnError) {
  Connect(SessionState::kNew);
  Append(1);
  SendAll();
  window_.OnResults(Results(1, 1), kNow);
  window_.OnDisconnected();
  window_.OnOpen(&pieces_);
  EXPECT_EQ(window_.OnWelcome(SessionState::kNew, 0, kServer).code(),
            absl::StatusCode::kInternal);
}

TEST_F(SendWindowTest, AcceptedMessagesThatWereNeverSentAreAnError) {
  Connect(SessionState::kNew);
  Append(3);
  SendAll();
  Append(3);
  window_.OnDisconnected();
  window_.OnOpen(&pieces_);
  EXPECT_EQ(window_.OnWelcome(SessionState::kResumed, 4, kServer).code(),
            absl::StatusCode::kFailedPrecondition);
}

TEST_F(SendWindowTest, AcceptingLessThanWasReceivedIsAnError) {
  Connect(SessionState::kNew);
  Append(3);
  SendAll();
  window_.OnResults(Results(1, 3), kNow);
  window_.OnDisconnected();
  window_.OnOpen(&pieces_);
  EXPECT_FALSE(window_.OnWelcome(SessionState::kResumed, 2, kServer).ok());
}

TEST_F(SendWindowTest, AcceptingWhatWasReceivedIsFine) {
  Connect(SessionState::kNew);
  Append(4);
  NextFrame();
  window_.OnResults(Results(1, 3), kNow);
  window_.OnDisconnected();
  Connect(SessionState::kResumed, 3);
  EXPECT_EQ(NextFrame(), std::vector<uint64_t>{4});
}

TEST_F(SendWindowTest, AWindowTravelsInFourFrames) {
  Connect(SessionState::kNew, 0, {.messages = 4000, .bytes = 64 << 20});
  Append(2000);
  EXPECT_EQ(NextFrame().size(), 1000U);
}

TEST_F(SendWindowTest, ASmallWindowTravelsInOneFrame) {
  Connect(SessionState::kNew, 0, {.messages = 256, .bytes = 64 << 20});
  Append(256);
  EXPECT_EQ(NextFrame().size(), 256U);
}

TEST_F(SendWindowTest, AFrameHasRoomForItsHead) {
  Connect(SessionState::kNew, 0, {.messages = 1000, .bytes = 64 << 20});
  // Together a little more than a frame may have without its head.
  Append(2, (512 << 10) - 8);
  EXPECT_EQ(NextFrame().size(), 1U);
}

TEST_F(SendWindowTest, AServerThatAllowsNothingIsGivenOneMessage) {
  Connect(SessionState::kNew, 0,
          {.messages = 0, .bytes = 0, .batch_messages = 0});
  Append(1);
  EXPECT_EQ(window_.TryAppend("", {}), 0U);
  EXPECT_TRUE(window_.frame_full());
  EXPECT_TRUE(window_.CanSend());
  EXPECT_EQ(NextFrame().size(), 1U);
}

TEST_F(SendWindowTest, AFrameHoldsABatchOrAMebibyteOrOneMessage) {
  Connect(SessionState::kNew, 0,
          {.messages = 1000, .bytes = 64 << 20, .batch_messages = 10});
  Append(11);
  EXPECT_EQ(NextFrame().size(), 10U);
  EXPECT_EQ(NextFrame().size(), 1U);
  Append(1, 3 << 20);
  Append(2, 400 << 10);
  Append(1, 400 << 10);
  EXPECT_EQ(NextFrame().size(), 1U);
  EXPECT_EQ(NextFrame().size(), 2U);
  EXPECT_EQ(NextFrame().size(), 1U);
}

TEST_F(SendWindowTest, TheWindowIsFullAtTheServersLimits) {
  Connect(SessionState::kNew, 0, {.messages = 3, .bytes = 100});
  Append(3);
  EXPECT_EQ(window_.TryAppend("x", {}), 0U);
  SendAll();
  window_.OnResults(Results(1, 3), kNow);
  Append(1, 60);
  EXPECT_EQ(window_.TryAppend(std::string(41, 'x'), {}), 0U);
  EXPECT_NE(window_.TryAppend(std::string(40, 'x'), {}), 0U);
}

TEST_F(SendWindowTest, OneMessageAlwaysFits) {
  Connect(SessionState::kNew, 0, {.messages = 3, .bytes = 100});
  Append(1, 1000);
  EXPECT_EQ(window_.TryAppend("x", {}), 0U);
}

TEST_F(SendWindowTest, HeadersCountAgainstTheWindow) {
  Connect(SessionState::kNew, 0, {.messages = 3, .bytes = 100});
  Append(1);
  const wire::HeaderView header = {.key = "key", .value = "value"};
  EXPECT_EQ(window_.TryAppend(std::string(92, 'x'), {&header, 1}), 0U);
  EXPECT_NE(window_.TryAppend(std::string(91, 'x'), {&header, 1}), 0U);
}

TEST_F(SendWindowTest, AServerWithASmallerWindowIsGivenNoMoreThanThat) {
  Connect(SessionState::kNew);
  Append(20);
  SendAll();
  window_.OnDisconnected();
  Connect(SessionState::kNew, 0, {.messages = 7, .bytes = 1 << 20});
  EXPECT_EQ(NextFrame().size(), 7U);
  EXPECT_FALSE(window_.CanSend());
  window_.OnResults(Results(1, 2), kNow);
  EXPECT_EQ(NextFrame(), (std::vector<uint64_t>{8, 9}));
  EXPECT_EQ(window_.TryAppend("x", {}), 0U);
}

TEST_F(SendWindowTest, HalfAWindowOfResultsIsAcknowledgedAtOnce) {
  Connect(SessionState::kNew, 0, {.messages = 10, .bytes = 1000});
  Append(10);
  SendAll();
  EXPECT_EQ(window_.acknowledge_by(), absl::InfiniteFuture());
  window_.OnResults(Results(1, 1), kNow);
  EXPECT_EQ(window_.acknowledge_by(), kNow + absl::Seconds(1));
  window_.OnResults(Results(2, 4), kNow + absl::Milliseconds(500));
  EXPECT_EQ(window_.acknowledge_by(), kNow + absl::Seconds(1));
  window_.OnResults(Results(5, 5), kNow);
  EXPECT_EQ(window_.acknowledge_by(), absl::InfinitePast());
  EXPECT_EQ(window_.Acknowledge().received_through, 5U);
  EXPECT_EQ(window_.acknowledge_by(), absl::InfiniteFuture());
  window_.OnResults(Results(6, 6, std::string(500, 'x')), kNow);
  EXPECT_EQ(window_.acknowledge_by(), absl::InfinitePast());
}

TEST_F(SendWindowTest, HalfAWindowIsCountedFromTheLastAcknowledgement) {
  Connect(SessionState::kNew, 0, {.messages = 10, .bytes = 1000});
  Append(6);
  SendAll();
  window_.OnResults(Results(1, 4, std::string(100, 'x')), kNow);
  const SendWindow::Frame acknowledgement = window_.Acknowledge();
  EXPECT_EQ(acknowledgement.messages, 0U);
  EXPECT_EQ(acknowledgement.received_through, 4U);
  window_.OnResults(Results(5, 5, std::string(499, 'x')), kNow);
  EXPECT_EQ(window_.acknowledge_by(), kNow + absl::Seconds(1));
  window_.OnResults(Results(6, 6, "x"), kNow);
  EXPECT_EQ(window_.acknowledge_by(), absl::InfinitePast());
}

TEST_F(SendWindowTest, AResultThatIsTheWindowIsAcknowledgedAtOnce) {
  for (const WindowLimits& server :
       {WindowLimits{.messages = 1, .bytes = 1000},
        WindowLimits{.messages = 100, .bytes = 2}}) {
    SendWindow window{WindowLimits{}};
    window.TryAppend("a", {});
    window.OnOpen(&pieces_);
    ASSERT_TRUE(window.OnWelcome(SessionState::kNew, 1, server).ok());
    window.OnResults(Results(1, 1, "x"), kNow);
    EXPECT_EQ(window.acknowledge_by(), absl::InfinitePast());
  }
}

TEST_F(SendWindowTest, EveryFrameAcknowledges) {
  Connect(SessionState::kNew);
  Append(2);
  SendAll();
  window_.OnResults(Results(1, 2), kNow);
  EXPECT_FALSE(window_.acknowledged());
  Append(1);
  EXPECT_EQ(window_.NextFrame(&pieces_).received_through, 2U);
  EXPECT_TRUE(window_.acknowledged());
  EXPECT_EQ(window_.acknowledge_by(), absl::InfiniteFuture());
}

TEST_F(SendWindowTest, WhatHasItsResultLeavesMemory) {
  Connect(SessionState::kNew, 0, {.messages = 1000, .bytes = 8 << 20});
  for (uint64_t i = 1; i <= 10'000; ++i) {
    ASSERT_EQ(window_.TryAppend(std::string(1000, 'x'), {}), i);
    NextFrame();
    pieces_.clear();
    if (i > 500) window_.OnResults(Results(i - 500, i - 500), kNow);
    ASSERT_LT(window_.held_bytes(), 1U << 20);
  }
}

// With an outbox.
class KeptWindowTest : public SendWindowTest {
 protected:
  KeptWindowTest() { window_.GoOn({}); }

  void Keep(uint64_t messages, uint64_t results = 0, bool ended = false) {
    window_.OnKept({.messages = messages, .results = results, .ended = ended},
                   kNow);
  }
};

TEST_F(KeptWindowTest, NothingGoesAlongWithOpen) {
  Append(3);
  EXPECT_EQ(window_.unsent(), 0U);
  window_.OnOpen(&pieces_);
  EXPECT_TRUE(pieces_.empty());
}

TEST_F(KeptWindowTest, AMessageIsSentOnceItIsKept) {
  Append(3);
  Connect(SessionState::kNew);
  EXPECT_FALSE(window_.CanSend());
  Keep(2);
  EXPECT_EQ(window_.unsent(), 2U);
  EXPECT_TRUE(window_.CanSend());
  EXPECT_EQ(NextFrame(), (std::vector<uint64_t>{1, 2}));
  EXPECT_FALSE(window_.CanSend());
  Keep(3);
  EXPECT_EQ(NextFrame(), (std::vector<uint64_t>{3}));
}

TEST_F(KeptWindowTest, AResultIsToldAndMakesRoomOnceItsMessageIsGone) {
  Connect(SessionState::kNew, 0, {.messages = 3, .bytes = 1 << 20});
  Append(3);
  Keep(3);
  SendAll();
  EXPECT_EQ(window_.OnResults(Results(1, 2), kNow).count, 2U);
  EXPECT_EQ(window_.received_through(), 2U);
  EXPECT_FALSE(window_.settled());
  EXPECT_EQ(window_.outstanding(), 3U);
  EXPECT_EQ(window_.TryAppend("x", {}), 0U);
  EXPECT_EQ(window_.acknowledge_by(), absl::InfiniteFuture());
  EXPECT_EQ(window_.Acknowledge().received_through, 0U);
  Keep(3, 1);
  EXPECT_FALSE(window_.settled());
  EXPECT_EQ(window_.outstanding(), 2U);
  EXPECT_EQ(window_.Acknowledge().received_through, 1U);
  Keep(3, 2);
  EXPECT_TRUE(window_.settled());
  EXPECT_NE(window_.acknowledge_by(), absl::InfiniteFuture());
  EXPECT_EQ(window_.TryAppend("x", {}), 4U);
  EXPECT_EQ(window_.NextFrame(&pieces_).received_through, 2U);
  EXPECT_TRUE(window_.acknowledged());
}

TEST_F(KeptWindowTest, ItIsDrainedOnceTheOutboxHasEnded) {
  Connect(SessionState::kNew);
  EXPECT_FALSE(window_.drained());
  Append(1);
  Keep(1);
  SendAll();
  window_.OnResults(Results(1, 1), kNow);
  EXPECT_FALSE(window_.collected());
  Keep(1, 1);
  EXPECT_TRUE(window_.collected());
  EXPECT_FALSE(window_.drained());
  Keep(1, 1, /*ended=*/true);
  EXPECT_TRUE(window_.drained());
}

TEST_F(KeptWindowTest, AServerWithASmallerWindowGetsNoMoreThanThat) {
  Connect(SessionState::kNew);
  Append(6);
  Keep(6);
  SendAll();
  window_.OnResults(Results(1, 2), kNow);
  Keep(6, 1);
  window_.OnDisconnected();
  Keep(6, 2);
  Connect(SessionState::kLost, 2, {.messages = 3, .bytes = 1 << 20});
  EXPECT_EQ(NextFrame(), (std::vector<uint64_t>{3, 4, 5}));
  EXPECT_FALSE(window_.CanSend());
  // Received, and not gone: the server still counts it.
  window_.OnResults(Results(3, 3), kNow);
  EXPECT_FALSE(window_.CanSend());
  Keep(6, 3);
  EXPECT_EQ(NextFrame(), (std::vector<uint64_t>{6}));
}

// One that goes on after 3 results, with 2 messages left.
class ResumedWindowTest : public SendWindowTest {
 protected:
  ResumedWindowTest() {
    KeptSession kept;
    kept.welcomed = true;
    kept.received_through = 3;
    kept.messages.resize(2);
    kept.messages[0].payload = "four";
    kept.messages[0].headers = {{"of", "four"}};
    kept.messages[1].headers = {{"key", "value"}};
    window_.GoOn(kept);
  }
};

TEST_F(ResumedWindowTest, GoesOnWhereAnEarlierProgramWas) {
  EXPECT_EQ(window_.received_through(), 3U);
  EXPECT_EQ(window_.next_sequence(), 6U);
  EXPECT_EQ(window_.outstanding(), 2U);
  EXPECT_TRUE(window_.settled());
  EXPECT_EQ(window_.OnOpen(&pieces_).received_through, 3U);
  EXPECT_TRUE(pieces_.empty());
  ASSERT_TRUE(window_.OnWelcome(SessionState::kResumed, 4, kServer).ok());
  EXPECT_EQ(NextFrame(), (std::vector<uint64_t>{5}));
  EXPECT_EQ(window_.OnResults(Results(4, 5), kNow).count, 2U);
}

TEST_F(ResumedWindowTest, SendsAllToAServerThatLostThem) {
  Connect(SessionState::kLost, 3);
  pieces_.clear();
  window_.NextFrame(&pieces_);
  std::string bytes;
  for (const wire::Piece& piece : pieces_) bytes.append(piece.data, piece.size);
  v1::ProcessRequest request;
  ASSERT_TRUE(request.ParseFromString(bytes));
  ASSERT_EQ(request.messages_size(), 2);
  EXPECT_EQ(request.messages(0).sequence(), 4U);
  EXPECT_EQ(request.messages(0).payload(), "four");
  ASSERT_EQ(request.messages(1).headers_size(), 1);
  EXPECT_EQ(request.messages(1).headers(0).key(), "key");
}

TEST_F(ResumedWindowTest, BelievesNoServerThatHasMoreThanWasKept) {
  window_.OnOpen(&pieces_);
  EXPECT_EQ(window_.OnWelcome(SessionState::kResumed, 6, kServer).code(),
            absl::StatusCode::kFailedPrecondition);
  // One that no server had answered has sent nothing.
  KeptSession kept;
  kept.messages.resize(1);
  SendWindow silent{WindowLimits{}};
  silent.GoOn(kept);
  pieces_.clear();
  silent.OnOpen(&pieces_);
  EXPECT_TRUE(pieces_.empty());
  EXPECT_EQ(silent.OnWelcome(SessionState::kResumed, 1, kServer).code(),
            absl::StatusCode::kFailedPrecondition);
}

TEST_F(KeptWindowTest, AnEarlierProgramsMessagesFillTheWindow) {
  KeptSession kept;
  kept.welcomed = true;
  kept.messages.resize(100);
  SendWindow window{WindowLimits{}};
  window.GoOn(kept);
  EXPECT_EQ(window.outstanding(), 100U);
  EXPECT_EQ(window.TryAppend("x", {}), 0U);
  window.OnOpen(&pieces_);
  ASSERT_TRUE(window.OnWelcome(SessionState::kResumed, 0, kServer).ok());
  EXPECT_EQ(window.TryAppend("x", {}), 0U);
}

using KeptWindowDeathTest = KeptWindowTest;

TEST_F(KeptWindowDeathTest, WhatCannotBeEndsTheProgram) {
  EXPECT_DEATH(Keep(0, 1), "");
  Connect(SessionState::kNew);
  Append(2);
  Keep(2);
  EXPECT_DEATH(Keep(1), "");
  EXPECT_DEATH(window_.GoOn({}), "");
  SendWindow without{WindowLimits{}};
  EXPECT_DEATH(without.OnKept({}, kNow), "");
}

}  // namespace
}  // namespace msgproc::client
