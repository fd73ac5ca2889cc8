#include "services/processor/session/session.h"

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "services/processor/testing/frames.h"
#include "wire/entry.h"

namespace msgproc::processor {
namespace {

using testing::HasSubstr;

constexpr SessionLimits kLimits = {.max_batch_messages = 8,
                                   .max_payload_bytes = 100,
                                   .max_outstanding_messages = 10,
                                   .max_outstanding_bytes = 200,
                                   .max_result_bytes = 1000};
const absl::Time kNow = absl::UnixEpoch();

Session Opened() { return {Session::Kind::kOpened, kLimits}; }
Session Anonymous() { return {Session::Kind::kAnonymous, kLimits}; }

// Accepts what may be accepted, and keeps it.
Session::Acceptance Feed(Session* session, const v1::ProcessRequest& request) {
  const TestFrame frame(request);
  const auto messages = absl::MakeConstSpan(frame->messages);
  const Session::Acceptance acceptance = session->Accept(messages, kNow);
  session->Enqueue(messages.first(acceptance.accepted));
  return acceptance;
}

// Processes everything that waits.
void Process(Session* session, size_t result_bytes = 8) {
  while (true) {
    std::vector<wire::Piece> pieces;
    const Session::Run run = session->NextBatch(100, 3, 1 << 20, &pieces);
    if (run.size == 0) return;
    wire::EntryLog results;
    const v1::ProcessRequest batch = DecodeMessages(pieces);
    for (const v1::Message& message : batch.messages()) {
      wire::AppendResult(&results, message.sequence(),
                         PayloadOf(message.sequence(), result_bytes));
    }
    ASSERT_TRUE(session->Complete(run, &results));
  }
}

std::vector<uint64_t> Take(Session* session, size_t max_bytes = 1 << 20) {
  std::vector<wire::Piece> pieces;
  const uint64_t taken = session->TakeResults(max_bytes, &pieces);
  std::vector<uint64_t> sequences = Sequences(Decode(&pieces));
  EXPECT_EQ(sequences.size(), taken);
  return sequences;
}

TEST(SessionTest, AcceptsSequencesFromOne) {
  Session session = Opened();
  EXPECT_EQ(Feed(&session, Messages(1, 3)).accepted, 3U);
  EXPECT_EQ(Feed(&session, Messages(4, 1)).accepted, 1U);
  EXPECT_EQ(session.accepted_through(), 4U);
  EXPECT_EQ(session.outstanding(), 4U);
  EXPECT_EQ(session.unanswered(), 4U);
}

TEST(SessionTest, RefusesAGapAndKeepsWhatStandsBeforeIt) {
  Session session = Opened();
  v1::ProcessRequest request = Messages(1, 2);
  request.MergeFrom(Messages(4, 2));
  const Session::Acceptance acceptance = Feed(&session, request);
  EXPECT_EQ(acceptance.accepted, 2U);
  EXPECT_EQ(acceptance.status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(acceptance.status.message()),
              HasSubstr("Message 4 follows message 2; the next sequence is 3"));
  EXPECT_EQ(session.accepted_through(), 2U);
}

TEST(SessionTest, RefusesARepeatedSequence) {
  Session session = Opened();
  Feed(&session, Messages(1, 2));
  const Session::Acceptance acceptance = Feed(&session, Messages(2, 1));
  EXPECT_EQ(acceptance.accepted, 0U);
  EXPECT_EQ(acceptance.status.code(), absl::StatusCode::kInvalidArgument);
}

TEST(SessionTest, AnonymousSequencesAreTheClientsOwnBusiness) {
  Session session = Anonymous();
  v1::ProcessRequest request = Messages(7, 1);
  request.MergeFrom(Messages(7, 1));
  request.MergeFrom(Messages(0, 1));
  EXPECT_TRUE(Feed(&session, request).status.ok());
  Process(&session);
  EXPECT_EQ(Take(&session), (std::vector<uint64_t>{7, 7, 0}));
}

TEST(SessionTest, RefusesABatchOverTheLimitAsAWhole) {
  for (const Session::Kind kind :
       {Session::Kind::kOpened, Session::Kind::kAnonymous}) {
    Session session(kind, kLimits);
    const Session::Acceptance acceptance = Feed(&session, Messages(1, 9));
    EXPECT_EQ(acceptance.accepted, 0U);
    EXPECT_EQ(acceptance.status.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(std::string(acceptance.status.message()),
                HasSubstr("9 messages; at most 8"));
  }
}

TEST(SessionTest, RefusesAPayloadOverTheLimit) {
  for (const Session::Kind kind :
       {Session::Kind::kOpened, Session::Kind::kAnonymous}) {
    Session session(kind, kLimits);
    EXPECT_TRUE(Feed(&session, Messages(1, 1, 100)).status.ok());
    const Session::Acceptance acceptance = Feed(&session, Messages(2, 1, 101));
    EXPECT_EQ(acceptance.accepted, 0U);
    EXPECT_EQ(acceptance.status.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(std::string(acceptance.status.message()),
                HasSubstr("payload of message 2 has 101 bytes"));
  }
}

TEST(SessionTest, RefusesHeadersOverTheLimit) {
  Session session = Anonymous();
  v1::ProcessRequest request = Messages(1, 1);
  v1::Header* header = request.mutable_messages(0)->add_headers();
  header->set_key("k");
  header->set_value(std::string(64 << 10, 'v'));
  EXPECT_EQ(Feed(&session, request).status.code(),
            absl::StatusCode::kInvalidArgument);
  header->mutable_value()->pop_back();
  EXPECT_TRUE(Feed(&session, request).status.ok());
}

TEST(SessionTest, RefusesMessagesBeyondTheWindow) {
  Session session = Opened();
  Feed(&session, Messages(1, 8));
  Process(&session);
  Take(&session);
  // Results that were sent are outstanding until they were received.
  const Session::Acceptance acceptance = Feed(&session, Messages(9, 3));
  EXPECT_EQ(acceptance.accepted, 2U);
  EXPECT_EQ(acceptance.status.code(), absl::StatusCode::kResourceExhausted);
  ASSERT_TRUE(session.Acknowledge(8).ok());
  EXPECT_EQ(session.outstanding(), 2U);
  EXPECT_TRUE(Feed(&session, Messages(11, 8)).status.ok());
  EXPECT_EQ(Feed(&session, Messages(19, 1)).status.code(),
            absl::StatusCode::kResourceExhausted);
}

TEST(SessionTest, RefusesBytesBeyondTheWindow) {
  Session session = Opened();
  EXPECT_TRUE(Feed(&session, Messages(1, 2, 90)).status.ok());
  const Session::Acceptance acceptance = Feed(&session, Messages(3, 1, 21));
  EXPECT_EQ(acceptance.status.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(std::string(acceptance.status.message()),
              HasSubstr("2 messages of 180 bytes"));
  EXPECT_TRUE(Feed(&session, Messages(3, 1, 20)).status.ok());
}

TEST(SessionTest, HeadersCountAgainstTheWindow) {
  Session session = Opened();
  v1::ProcessRequest request = Messages(1, 2, 90);
  v1::Header* header = request.mutable_messages(1)->add_headers();
  header->set_key("k");
  header->set_value(std::string(20, 'v'));
  EXPECT_EQ(Feed(&session, request).accepted, 1U);
}

TEST(SessionTest, OneMessageAlwaysFits) {
  SessionLimits limits = kLimits;
  limits.max_outstanding_bytes = 10;
  Session session(Session::Kind::kOpened, limits);
  EXPECT_TRUE(Feed(&session, Messages(1, 1, 100)).status.ok());
  EXPECT_EQ(Feed(&session, Messages(2, 1, 0)).status.code(),
            absl::StatusCode::kResourceExhausted);
}

// A window counts payloads and headers; what an encoding adds is bounded too.
TEST(SessionTest, BytesThatTheWindowDoesNotCountAreBounded) {
  for (const Session::Kind kind :
       {Session::Kind::kOpened, Session::Kind::kAnonymous}) {
    Session session(kind, kLimits);
    v1::ProcessRequest request = Messages(1, 1, 0);
    for (int i = 0; i < 300; ++i) request.mutable_messages(0)->add_headers();
    absl::Status status;
    uint64_t fed = 0;
    for (; status.ok() && !session.AtLimit() && fed < 10; ++fed) {
      request.mutable_messages(0)->set_sequence(fed + 1);
      status = Feed(&session, request).status;
    }
    EXPECT_LT(fed, 10U);
    EXPECT_LT(session.bytes(), 10'000U);
  }
}

// Two messages of headers without a key or a value, which count as nothing, and
// a payload in the second: together so many bytes below what may wait encoded.
v1::ProcessRequest NearlyTooMuchEncoding(const SessionLimits& limits,
                                         size_t below) {
  v1::ProcessRequest request = Messages(1, 2, 0);
  for (v1::Message& message : *request.mutable_messages()) {
    while (message.headers_size() < 128) message.add_headers();
  }
  // A payload's tag and length are two bytes.
  const size_t others = request.ByteSizeLong() + 2;
  request.mutable_messages(1)->set_payload(
      std::string(MaxEncodedBytes(limits) - others - below, 'p'));
  return request;
}

TEST(SessionTest, WhatWaitsMayFillItsBoundAndNoMore) {
  const SessionLimits limits = {.max_outstanding_messages = 3,
                                .max_outstanding_bytes = 100};
  // The tag and the length of the second come when it is kept.
  for (const bool more : {false, true}) {
    Session session(Session::Kind::kOpened, limits);
    v1::ProcessRequest request = NearlyTooMuchEncoding(limits, 0);
    request.mutable_messages(1)->mutable_payload()->append(more ? 4 : 3, 'p');
    v1::ProcessRequest first;
    first.add_messages()->Swap(request.mutable_messages(0));
    request.mutable_messages()->DeleteSubrange(0, 1);
    ASSERT_TRUE(Feed(&session, first).status.ok());
    const absl::Status status = Feed(&session, request).status;
    if (more) {
      EXPECT_THAT(std::string(status.message()),
                  HasSubstr("encoded bytes are waiting"));
    } else {
      EXPECT_TRUE(status.ok()) << status;
    }
  }
}

TEST(SessionTest, AnAnonymousSessionIsAtItsLimitOnceThatIsFull) {
  const SessionLimits limits = {.max_outstanding_messages = 3,
                                .max_outstanding_bytes = 100};
  for (const size_t below : {0, 1}) {
    Session session(Session::Kind::kAnonymous, limits);
    Feed(&session, NearlyTooMuchEncoding(limits, below));
    EXPECT_EQ(session.bytes(), MaxEncodedBytes(limits) - below);
    EXPECT_EQ(session.AtLimit(), below == 0);
  }
}

TEST(SessionTest, AnAnonymousSessionIsAtItsLimitUntilResultsAreTaken) {
  Session session = Anonymous();
  Feed(&session, Messages(1, 8));
  EXPECT_FALSE(session.AtLimit());
  // What was read is accepted: not to read is the only brake.
  EXPECT_EQ(Feed(&session, Messages(1, 8)).accepted, 8U);
  EXPECT_TRUE(session.AtLimit());
  Process(&session);
  EXPECT_TRUE(session.AtLimit());
  EXPECT_EQ(Take(&session).size(), 16U);
  EXPECT_FALSE(session.AtLimit());
  EXPECT_EQ(session.outstanding(), 0U);
}

TEST(SessionTest, AnAnonymousSessionIsAtItsLimitByBytes) {
  Session session = Anonymous();
  Feed(&session, Messages(1, 2, 100));
  EXPECT_TRUE(session.AtLimit());
  Process(&session);
  Take(&session);
  EXPECT_FALSE(session.AtLimit());
}

TEST(SessionTest, HeadersAreBoundInNumber) {
  for (const auto kind : {Session::Kind::kAnonymous, Session::Kind::kOpened}) {
    Session session(kind, SessionLimits());
    v1::ProcessRequest request = Messages(1, 2);
    for (size_t i = 0; i < wire::kMaxHeaders; ++i) {
      request.mutable_messages(0)->add_headers();
    }
    for (size_t i = 0; i <= wire::kMaxHeaders; ++i) {
      request.mutable_messages(1)->add_headers();
    }
    const Session::Acceptance acceptance = Feed(&session, request);
    EXPECT_EQ(acceptance.accepted, 1U);
    EXPECT_EQ(acceptance.status,
              absl::InvalidArgumentError(
                  "Message 2 has 129 headers; at most 128 are allowed."));
  }
}

v1::ProcessRequest WithUnknownBytes(uint64_t first, uint64_t messages,
                                    size_t bytes) {
  v1::ProcessRequest request = Messages(first, messages);
  for (v1::Message& message : *request.mutable_messages()) {
    v1::Message::GetReflection()
        ->MutableUnknownFields(&message)
        ->AddLengthDelimited(9, std::string(bytes, 'u'));
  }
  return request;
}

TEST(SessionTest, WhatNobodyKnowsIsBoundInAMessage) {
  for (const auto kind : {Session::Kind::kAnonymous, Session::Kind::kOpened}) {
    Session session(kind, SessionLimits());
    EXPECT_EQ(Feed(&session, WithUnknownBytes(1, 1, 4 << 10)).status,
              absl::OkStatus());
    const absl::Status status =
        Feed(&session, WithUnknownBytes(2, 1, 5 << 10)).status;
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(std::string(status.message()),
                testing::HasSubstr("beside its payload and its headers"));
  }
}

TEST(SessionTest, WhatNobodyKnowsCountsAgainstTheWindow) {
  SessionLimits limits;
  limits.max_outstanding_bytes = 64 << 10;
  Session session(Session::Kind::kOpened, limits);
  const Session::Acceptance acceptance =
      Feed(&session, WithUnknownBytes(1, 100, 4 << 10));
  EXPECT_EQ(acceptance.accepted, 16U);
  EXPECT_EQ(acceptance.status.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_LT(session.bytes(), 80U << 10);
}

TEST(SessionTest, AnOpenedSessionIsAlwaysRead) {
  Session session = Opened();
  Feed(&session, Messages(1, 8));
  Feed(&session, Messages(9, 2));
  EXPECT_FALSE(session.AtLimit());
}

TEST(SessionTest, DirectlyDispatchedMessagesPassByTheQueue) {
  Session session = Opened();
  const TestFrame frame(Messages(1, 5));
  ASSERT_EQ(session.Accept(frame->messages, kNow).accepted, 5U);
  ASSERT_TRUE(session.CanDispatchDirectly());
  const Session::Run run = session.DispatchDirectly(5);
  EXPECT_EQ(run.first_position, 1U);
  EXPECT_EQ(run.size, 5U);
  // One at a time: what comes meanwhile is kept.
  EXPECT_FALSE(session.CanDispatchDirectly());
  EXPECT_EQ(Feed(&session, Messages(6, 2)).accepted, 2U);
  std::vector<wire::Piece> pieces;
  EXPECT_EQ(session.NextBatch(1, 100, 1 << 20, &pieces).size, 0U);
  wire::EntryLog results;
  for (uint64_t i = 1; i <= 5; ++i) wire::AppendResult(&results, i, "");
  EXPECT_TRUE(session.Complete(run, &results));
  // What waits goes first.
  EXPECT_FALSE(session.CanDispatchDirectly());
  Process(&session);
  EXPECT_TRUE(session.CanDispatchDirectly());
  EXPECT_EQ(Take(&session), Range(1, 7));
}

TEST(SessionTest, BatchesAreCutByMessagesBytesAndNumber) {
  Session session = Opened();
  Feed(&session, Messages(1, 8, 20));
  std::vector<wire::Piece> pieces;
  EXPECT_EQ(session.NextBatch(3, 2, 1 << 20, &pieces).size, 2U);
  // An entry of 20 bytes takes 26 with what stands around it.
  EXPECT_EQ(session.NextBatch(3, 100, 60, &pieces).size, 2U);
  EXPECT_EQ(session.NextBatch(3, 100, 1, &pieces).size, 1U);
  EXPECT_EQ(session.NextBatch(3, 100, 1 << 20, &pieces).size, 0U);
  EXPECT_EQ(session.NextBatch(4, 100, 1 << 20, &pieces).size, 3U);
  EXPECT_EQ(Sequences(DecodeMessages(pieces)), Range(1, 8));
}

TEST(SessionTest, WhatARunBringsBackIsGivenFirstAgain) {
  Session session = Opened();
  Feed(&session, Messages(1, 6));
  std::vector<wire::Piece> pieces;
  Session::Run run = session.NextBatch(1, 4, 1 << 20, &pieces);
  EXPECT_EQ(session.dispatched_through(), 4U);
  wire::EntryLog rest(3);
  for (const uint64_t sequence : {3, 4}) {
    wire::AppendMessage(&rest, sequence, PayloadOf(sequence));
  }
  wire::EntryLog::Cursor cursor = rest.At(3);
  pieces.clear();
  rest.Take(&cursor, 2, 1 << 20, &pieces);
  run.size = 2;
  session.TakeBack(run, pieces);
  EXPECT_EQ(session.dispatched_through(), 2U);
  wire::EntryLog results;
  for (const uint64_t sequence : {1, 2}) {
    wire::AppendResult(&results, sequence, "");
  }
  ASSERT_TRUE(session.Complete(run, &results));
  pieces.clear();
  EXPECT_EQ(session.NextBatch(1, 8, 1 << 20, &pieces).first_position, 3U);
  EXPECT_EQ(Sequences(DecodeMessages(pieces)), Range(3, 6));
  // Not in another life.
  session.Restart(10);
  session.TakeBack(run, pieces);
  EXPECT_EQ(session.pending_messages(), 0U);
}

Session Stored() { return {Session::Kind::kStored, kLimits}; }

TEST(StoredSessionTest, ResultsLeaveWhenTheyAreCommitted) {
  Session session = Stored();
  session.Open(0);
  Feed(&session, Messages(1, 3));
  Process(&session);
  EXPECT_FALSE(session.HasResultsToTake());
  EXPECT_FALSE(session.AllCommitted());
  EXPECT_THAT(Take(&session), testing::IsEmpty());
  EXPECT_FALSE(session.Acknowledge(1).ok());

  std::vector<wire::Piece> pieces;
  const Session::Run run = session.TakeUncommitted(1 << 20, &pieces);
  EXPECT_EQ(run.size, 3u);
  EXPECT_THAT(Sequences(Decode(&pieces)), testing::ElementsAre(1, 2, 3));
  EXPECT_THAT(Take(&session), testing::IsEmpty());
  session.OnCommitted(run);
  EXPECT_TRUE(session.AllCommitted());
  EXPECT_THAT(Take(&session), testing::ElementsAre(1, 2, 3));
  EXPECT_TRUE(session.Acknowledge(3).ok());
  EXPECT_TRUE(session.AllReceived());
}

TEST(StoredSessionTest, WhatWasNotCommittedIsGivenAgain) {
  Session session = Stored();
  session.Open(0);
  Feed(&session, Messages(1, 1));
  Process(&session);
  std::vector<wire::Piece> pieces;
  const Session::Run first = session.TakeUncommitted(1 << 20, &pieces);
  Feed(&session, Messages(2, 1));
  Process(&session);
  // One commit at a time.
  EXPECT_EQ(session.TakeUncommitted(1 << 20, &pieces).size, 0u);
  session.OnNotCommitted(first);
  pieces.clear();
  const Session::Run second = session.TakeUncommitted(1 << 20, &pieces);
  EXPECT_THAT(Sequences(Decode(&pieces)), testing::ElementsAre(1, 2));
  session.OnCommitted(second);
  EXPECT_EQ(session.committed_through(), 2u);
}

TEST(StoredSessionTest, ACommitIsOfNoMoreThanTheStoreTakesAtOnce) {
  Session session = Stored();
  session.Open(0);
  Feed(&session, Messages(1, 3));
  Process(&session);
  std::vector<wire::Piece> pieces;
  session.OnCommitted(session.TakeUncommitted(1 << 20, &pieces, 2));
  EXPECT_THAT(Sequences(Decode(&pieces)), testing::ElementsAre(1, 2));
  EXPECT_EQ(session.TakeUncommitted(1 << 20, &pieces, 2).size, 1u);
}

TEST(StoredSessionTest, ACommitOfALifeBeforeIsOfNoInterest) {
  Session session = Stored();
  session.Open(0);
  Feed(&session, Messages(1, 1));
  Process(&session);
  std::vector<wire::Piece> pieces;
  const Session::Run run = session.TakeUncommitted(1 << 20, &pieces);
  session.Restart(1);
  session.OnCommitted(run);
  EXPECT_EQ(session.committed_through(), 1u);
}

TEST(StoredSessionTest, GoesOnWhereTheStoreHasIt) {
  Session session = Stored();
  wire::EntryLog results;
  for (const uint64_t sequence : {4, 5, 6}) {
    wire::AppendResult(&results, sequence, "r");
  }
  // The store has kept more than is lacking.
  session.Restore(4, 6, std::move(results));
  EXPECT_EQ(session.Open(4).state, Session::State::kResumed);
  EXPECT_EQ(session.accepted_through(), 6u);
  EXPECT_FALSE(session.HasUncommitted());
  EXPECT_THAT(Take(&session), testing::ElementsAre(5, 6));
  EXPECT_EQ(Feed(&session, Messages(7, 1)).accepted, 1u);
  Process(&session);
  std::vector<wire::Piece> pieces;
  const Session::Run run = session.TakeUncommitted(1 << 20, &pieces);
  EXPECT_EQ(run.first_position, 7u);
  session.OnCommitted(run);
  EXPECT_THAT(Take(&session), testing::ElementsAre(7));
  EXPECT_TRUE(session.Acknowledge(7).ok());
}

TEST(StoredSessionTest, WhatWasCommittedElsewhereLeavesAtOnce) {
  Session session = Stored();
  session.Open(0);
  Feed(&session, Messages(1, 2));
  Process(&session);
  session.CommitReady();
  EXPECT_FALSE(session.HasUncommitted());
  EXPECT_THAT(Take(&session), testing::ElementsAre(1, 2));
}

}  // namespace
}  // namespace msgproc::processor
