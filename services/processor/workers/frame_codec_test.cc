#include "services/processor/workers/frame_codec.h"

#include <google/protobuf/util/delimited_message_util.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "msgproc/worker/v1/worker.pb.h"
#include "services/processor/handlers/message_effects.h"
#include "services/processor/store/commit_source.h"
#include "services/processor/workers/testing/worker_batches.h"

namespace msgproc::processor {
namespace {

using ::google::protobuf::util::ParseDelimitedFromZeroCopyStream;
using ::google::protobuf::util::SerializeDelimitedToOstream;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using worker::v1::ResultBatch;
using worker::v1::WorkBatch;

constexpr size_t kMaxPayload = 1000;

std::string Delimited(const ResultBatch& batch) {
  std::ostringstream out;
  SerializeDelimitedToOstream(batch, &out);
  return out.str();
}

class FrameCodecTest : public ::testing::Test {
 protected:
  FrameCodecTest() {
    binding_.name = "upper";
    binding_.max_payload_bytes = kMaxPayload;
    ResultBatch ready;
    ready.mutable_ready()->set_protocol_version(1);
    EXPECT_TRUE(Say(ready).ok());
  }

  // What a worker would read.
  std::vector<WorkBatch> Give(WorkerBatch* work, bool one_at_a_time = false,
                              int attempt = 1) {
    std::vector<OutFrame> frames;
    std::vector<ResponseTracker::Expected> expected;
    codec_.Encode({.item = &work->item,
                   .messages = work->item.remaining(),
                   .one_at_a_time = one_at_a_time,
                   .attempt = attempt,
                   .attempt_behind = one_at_a_time ? 1 : attempt},
                  &frames, &expected);
    for (const auto& one : expected) responses_.Expect(one, absl::UnixEpoch());
    std::string bytes;
    for (const OutFrame& frame : frames) {
      bytes += frame.head;
      for (const wire::Piece& piece : frame.pieces) {
        bytes.append(piece.data, piece.size);
      }
    }
    return ReadAll(bytes);
  }

  static std::vector<WorkBatch> ReadAll(const std::string& bytes) {
    std::istringstream in(bytes);
    google::protobuf::io::IstreamInputStream stream(&in);
    std::vector<WorkBatch> batches;
    bool clean_end = false;
    WorkBatch batch;
    while (ParseDelimitedFromZeroCopyStream(&batch, &stream, &clean_end)) {
      batches.push_back(batch);
      batch.Clear();
    }
    EXPECT_TRUE(clean_end);
    return batches;
  }

  absl::Status SayBytes(const std::string& bytes) {
    return codec_
        .Decode(bytes, absl::UnixEpoch() + absl::Seconds(1), &responses_)
        .status();
  }
  absl::Status Say(const ResultBatch& batch) {
    return SayBytes(Delimited(batch));
  }
  // An answer to messages `first` to `last`.
  static ResultBatch Answer(uint64_t id, uint64_t first, uint64_t last) {
    ResultBatch batch;
    batch.set_batch_id(id);
    for (uint64_t i = first; i <= last; ++i) {
      v1::Result* result = batch.add_results();
      result->set_sequence(i);
      result->set_payload("r" + std::to_string(i));
    }
    return batch;
  }
  std::vector<uint64_t> TakeAnswered() {
    std::vector<uint64_t> answered;
    responses_.TakeAnswered(&answered);
    return answered;
  }

  HandlerBinding binding_;
  FrameCodec codec_{7, kMaxPayload};
  ResponseTracker responses_;
};

TEST_F(FrameCodecTest, GreetsWithWhatAWorkerMustKnow) {
  const auto batches = ReadAll(codec_.Greeting());
  ASSERT_EQ(batches.size(), 1u);
  EXPECT_EQ(batches[0].hello().protocol_version(), 1u);
  EXPECT_EQ(batches[0].hello().worker(), 7u);
  EXPECT_EQ(batches[0].hello().max_payload_bytes(), kMaxPayload);
  EXPECT_EQ(batches[0].hello().max_frame_bytes(), 1u << 20);
}

TEST_F(FrameCodecTest, SendsAParcelAsOneBatch) {
  const auto work = MakeWorkerBatch(&binding_, {"a", "b", "c"}, 41);
  const auto batches = Give(work.get());
  ASSERT_EQ(batches.size(), 1u);
  EXPECT_EQ(batches[0].batch_id(), 1u);
  EXPECT_EQ(batches[0].handler(), "upper");
  EXPECT_FALSE(batches[0].answer_before_next());
  ASSERT_EQ(batches[0].messages_size(), 3);
  EXPECT_EQ(batches[0].messages(2).sequence(), 43u);
  EXPECT_EQ(batches[0].messages(2).payload(), "c");
}

TEST_F(FrameCodecTest, SaysWhoSentTheMessagesAndWhichTryItIs) {
  const auto work = MakeWorkerBatch(&binding_, {"a", "b", "c"});
  worker::v1::Context session;
  session.set_session_id("s");
  session.set_principal("alice");
  work->context =
      std::make_shared<const std::string>(session.SerializeAsString());
  const auto together = Give(work.get(), false, 2);
  ASSERT_EQ(together.size(), 1u);
  EXPECT_EQ(together[0].context().principal(), "alice");
  EXPECT_EQ(together[0].context().attempt(), 2u);
  EXPECT_EQ(together[0].messages_size(), 3);
  const auto single = Give(work.get(), true, 3);
  ASSERT_EQ(single.size(), 3u);
  EXPECT_EQ(single[0].context().attempt(), 3u);
  EXPECT_EQ(single[1].context().attempt(), 1u);
  EXPECT_EQ(single[2].context().session_id(), "s");
}

TEST_F(FrameCodecTest, SaysOfTracedMessagesUnderWhichSpanTheyAre) {
  const auto work = MakeWorkerBatch(&binding_, {"a", "b", "c", "d"}, 41);
  for (const uint64_t index : {0, 1, 3}) {
    work->batch->traced.push_back({.index = index,
                                   .sequence = 41 + index,
                                   .context = {1, 2, index + 1, true}});
  }
  // The first one is answered.
  work->item.answered = 1;
  work->unanswered.Next(work->pieces);
  const auto together = Give(work.get());
  ASSERT_EQ(together.size(), 1u);
  ASSERT_EQ(together[0].messages_size(), 3);
  ASSERT_EQ(together[0].traces_size(), 2);
  EXPECT_EQ(together[0].traces(0).sequence(), 42u);
  EXPECT_EQ(together[0].traces(0).traceparent(),
            "00-00000000000000010000000000000002-0000000000000002-01");
  EXPECT_EQ(together[0].traces(1).sequence(), 44u);
  const auto single = Give(work.get(), true);
  ASSERT_EQ(single.size(), 3u);
  ASSERT_EQ(single[0].traces_size(), 1);
  EXPECT_EQ(single[0].traces(0).sequence(), 42u);
  EXPECT_EQ(single[1].traces_size(), 0);
  ASSERT_EQ(single[2].traces_size(), 1);
  EXPECT_EQ(single[2].traces(0).sequence(), 44u);
}

TEST_F(FrameCodecTest, NotesWhenATracedMessageIsAnswered) {
  const auto work = MakeWorkerBatch(&binding_, {"a", "b", "c"});
  for (const uint64_t index : {0, 1, 2}) {
    work->batch->traced.push_back({.index = index, .sequence = 1 + index});
  }
  Give(work.get());
  ASSERT_TRUE(Say(Answer(1, 1, 2)).ok());
  const absl::Time at = absl::UnixEpoch() + absl::Seconds(1);
  EXPECT_EQ(work->batch->traced[0].end, at);
  EXPECT_EQ(work->batch->traced[1].end, at);
  EXPECT_EQ(work->batch->traced[2].end, absl::InfinitePast());
}

TEST_F(FrameCodecTest, SaysThatNobodyWaitsForTheBatchesOfAnItem) {
  const auto work = MakeWorkerBatch(&binding_, {"a", "b", "c"});
  std::vector<OutFrame> frames;
  codec_.EncodeCancelled(*work, &frames);
  EXPECT_TRUE(frames.empty());  // It never left.
  Give(work.get());
  Give(work.get(), true);
  codec_.EncodeCancelled(*work, &frames);
  ASSERT_EQ(frames.size(), 1u);
  const auto batches = ReadAll(frames[0].head);
  ASSERT_EQ(batches.size(), 1u);
  EXPECT_THAT(batches[0].cancelled_batch_ids(), ElementsAre(2, 3, 4));
  EXPECT_EQ(batches[0].messages_size(), 0);
}

TEST_F(FrameCodecTest, LetsAPlainLoopAnswerAFrameWithoutMessages) {
  const auto work = MakeWorkerBatch(&binding_, {"a"});
  Give(work.get());
  std::vector<OutFrame> frames;
  codec_.EncodeCancelled(*work, &frames);
  EXPECT_TRUE(Say(ResultBatch()).ok());
  EXPECT_FALSE(Say(ResultBatch()).ok());
  EXPECT_TRUE(Say(Answer(1, 1, 1)).ok());
  EXPECT_EQ(ResultsOf(work->batch->results).size(), 1u);
}

TEST_F(FrameCodecTest, TakesAnAnswerAndCountsIt) {
  const auto work = MakeWorkerBatch(&binding_, {"a", "b", "c"});
  Give(work.get());
  ResultBatch answer = Answer(1, 1, 3);
  answer.set_handler_nanoseconds(3000);
  EXPECT_TRUE(Say(answer).ok());
  const auto results = ResultsOf(work->batch->results);
  ASSERT_EQ(results.size(), 3u);
  EXPECT_EQ(results[1].sequence(), 2u);
  EXPECT_EQ(results[1].payload(), "r2");
  EXPECT_EQ(work->batch->payload_bytes, 6u);
  EXPECT_EQ(work->batch->handler_time, absl::Microseconds(3));
  EXPECT_EQ(binding_.message_nanoseconds.load(), 1001);
  EXPECT_THAT(TakeAnswered(), ElementsAre(3));
  EXPECT_TRUE(responses_.Empty());
}

TEST_F(FrameCodecTest, TakesAnAnswerInParts) {
  const auto work = MakeWorkerBatch(&binding_, {"a", "b", "c"});
  Give(work.get());
  EXPECT_TRUE(
      SayBytes(Delimited(Answer(1, 1, 1)) + Delimited(Answer(1, 2, 3))).ok());
  EXPECT_THAT(TakeAnswered(), ElementsAre(1, 2));
  EXPECT_EQ(ResultsOf(work->batch->results).size(), 3u);
}

TEST_F(FrameCodecTest, WaitsForTheRestOfAFrame) {
  const auto work = MakeWorkerBatch(&binding_, {"a", "b"});
  Give(work.get());
  const std::string bytes = Delimited(Answer(1, 1, 2)) + "\x7f";
  for (size_t size = 0; size + 1 < bytes.size(); ++size) {
    const auto consumed =
        codec_.Decode(absl::string_view(bytes).substr(0, size),
                      absl::UnixEpoch(), &responses_);
    ASSERT_TRUE(consumed.ok());
    ASSERT_EQ(*consumed, 0u);
  }
  EXPECT_EQ(codec_.Decode(bytes, absl::UnixEpoch(), &responses_).value(),
            bytes.size() - 1);
}

TEST_F(FrameCodecTest, SendsWhatIsLeftApart) {
  const auto work = MakeWorkerBatch(&binding_, {"a", "b", "c"});
  Give(work.get());
  ASSERT_TRUE(Say(Answer(1, 1, 1)).ok());
  work->item.answered = 1;
  responses_ = ResponseTracker();
  const auto batches = Give(work.get(), /*one_at_a_time=*/true);
  ASSERT_EQ(batches.size(), 2u);
  for (int i = 0; i < 2; ++i) {
    ASSERT_EQ(batches[i].messages_size(), 1);
    EXPECT_EQ(batches[i].messages(0).sequence(), 2u + i);
    EXPECT_TRUE(batches[i].answer_before_next());
  }
  EXPECT_TRUE(Say(Answer(2, 2, 2)).ok());
  EXPECT_TRUE(Say(Answer(3, 3, 3)).ok());
  EXPECT_EQ(ResultsOf(work->batch->results).size(), 3u);
}

TEST_F(FrameCodecTest, TurnsContentThatClientsMayNotGetIntoAnError) {
  const auto work = MakeWorkerBatch(&binding_, {"a", "b", "c", "d", "e", "f"});
  Give(work.get());
  ResultBatch answer = Answer(1, 1, 6);
  answer.mutable_results(1)->set_payload(std::string(kMaxPayload + 1, 'x'));
  answer.mutable_results(2)->add_headers()->set_key("\xff\xfe");
  answer.mutable_results(3)->add_headers()->set_value(std::string(70000, 'x'));
  answer.mutable_results(4)->mutable_error()->set_code(77);
  answer.mutable_results(4)->mutable_error()->set_message("\xff");
  EXPECT_TRUE(Say(answer).ok());
  const auto results = ResultsOf(work->batch->results);
  ASSERT_EQ(results.size(), 6u);
  EXPECT_EQ(results[0].payload(), "r1");
  EXPECT_EQ(results[1].error().code(), 11);
  EXPECT_THAT(results[1].error().message(), HasSubstr("1001 bytes"));
  EXPECT_EQ(results[2].error().code(), 13);
  EXPECT_EQ(results[3].error().code(), 11);
  EXPECT_EQ(results[4].error().code(), 13);
  EXPECT_EQ(results[5].payload(), "r6");
  EXPECT_EQ(work->batch->failed, 4u);
  for (uint64_t i = 0; i < 6; ++i) EXPECT_EQ(results[i].sequence(), i + 1);
}

TEST_F(FrameCodecTest, CutsAWorkersLongErrorBetweenCharacters) {
  for (const std::string character :
       {"\xc3\xa9", "\xe2\x82\xac", "\xf0\x9f\x98\x80"}) {
    auto work = MakeWorkerBatch(&binding_, {"a"});
    const uint64_t id = Give(work.get())[0].batch_id();
    ResultBatch answer = Answer(id, 1, 1);
    v1::Error* error = answer.mutable_results(0)->mutable_error();
    error->set_code(9);
    // The cut falls inside of a character.
    error->set_message(std::string(1023, 'x') + character);
    ASSERT_TRUE(Say(answer).ok());
    const auto results = ResultsOf(work->batch->results);
    ASSERT_EQ(results.size(), 1u);
    EXPECT_EQ(results[0].error().message(), std::string(1023, 'x'));
  }
}

TEST_F(FrameCodecTest, AnswersForOneResultThatIsFarTooLarge) {
  const auto work = MakeWorkerBatch(&binding_, {"a", "b"});
  Give(work.get(), /*one_at_a_time=*/true);
  ResultBatch answer = Answer(1, 1, 1);
  answer.mutable_results(0)->set_payload(std::string(40 << 20, 'x'));
  const std::string bytes = Delimited(answer) + Delimited(Answer(2, 2, 2));
  // In the pieces in which a socket might bring it.
  std::string unread;
  for (size_t at = 0; at < bytes.size(); at += 100'000) {
    unread += bytes.substr(at, 100'000);
    const auto read = codec_.Decode(unread, absl::UnixEpoch(), &responses_);
    ASSERT_TRUE(read.ok()) << read.status();
    unread.erase(0, *read);
    EXPECT_LE(unread.size(), 100'000u);
  }
  const auto results = ResultsOf(work->batch->results);
  ASSERT_EQ(results.size(), 2u);
  EXPECT_EQ(results[0].error().code(), 11);
  EXPECT_EQ(results[0].sequence(), 1u);
  EXPECT_EQ(results[1].payload(), "r2");
  EXPECT_TRUE(responses_.Empty());
}

// A varint may have more bytes than it needs: what is said is the same, however
// the bytes arrive. Found by tests/fuzz/worker_frames.
TEST_F(FrameCodecTest, TakesLengthsAndTagsThatArePaddedByteByByte) {
  const auto padded = [](uint64_t value, size_t bytes) {
    std::string varint;
    for (size_t i = 1; i < bytes; ++i, value >>= 7) {
      varint += static_cast<char>(value | 0x80);
    }
    return varint + static_cast<char>(value);
  };
  const auto work = MakeWorkerBatch(&binding_, {"a", "b"});
  Give(work.get(), /*one_at_a_time=*/true);
  std::string bytes =
      padded(100'000'000, 10) + padded(1 << 3, 5) + padded(1, 10);
  std::string unread;
  const auto say = [&](absl::string_view said) {
    for (const char byte : said) {
      unread += byte;
      const auto read = codec_.Decode(unread, absl::UnixEpoch(), &responses_);
      ASSERT_TRUE(read.ok()) << read.status();
      unread.erase(0, *read);
    }
  };
  say(bytes);
  EXPECT_EQ(unread, "");
  const std::string rest(100'000'000 - 15, 'x');
  ASSERT_EQ(*codec_.Decode(rest, absl::UnixEpoch(), &responses_), rest.size());
  const std::string answer = Answer(2, 2, 2).SerializeAsString();
  say(padded(answer.size(), 10) + answer);
  const auto results = ResultsOf(work->batch->results);
  ASSERT_EQ(results.size(), 2u);
  EXPECT_EQ(results[0].error().code(), 11);
  EXPECT_EQ(results[1].payload(), "r2");
}

TEST_F(FrameCodecTest, RefusesALengthThatDoesNotEnd) {
  EXPECT_TRUE(SayBytes(std::string(9, '\x80')).ok());
  EXPECT_THAT(SayBytes(std::string(10, '\x80')).message(),
              HasSubstr("malformed"));
}

TEST_F(FrameCodecTest, RefusesAFrameThatIsTooLargeAndMayAnswerSeveral) {
  const auto work = MakeWorkerBatch(&binding_, {"a", "b"});
  Give(work.get());
  ResultBatch answer = Answer(1, 1, 2);
  answer.mutable_results(0)->set_payload(std::string(40 << 20, 'x'));
  EXPECT_THAT(Say(answer).message(), HasSubstr("at most"));
  EXPECT_EQ(work->batch->failed, 0u);
}

TEST_F(FrameCodecTest, PassesAWorkersErrorOn) {
  const auto work = MakeWorkerBatch(&binding_, {"a"});
  Give(work.get());
  ResultBatch answer;
  answer.set_batch_id(1);
  answer.add_results()->set_sequence(1);
  answer.mutable_results(0)->mutable_error()->set_code(9);
  answer.mutable_results(0)->mutable_error()->set_message("not now");
  answer.mutable_results(0)->mutable_error()->set_retryable(true);
  EXPECT_TRUE(Say(answer).ok());
  const auto results = ResultsOf(work->batch->results);
  ASSERT_EQ(results.size(), 1u);
  EXPECT_EQ(results[0].error().code(), 9);
  EXPECT_EQ(results[0].error().message(), "not now");
  EXPECT_TRUE(results[0].error().retryable());
}

// Each lie, and that nothing but what was true before it gets into the batch.
TEST_F(FrameCodecTest, RefusesWhateverIsNotOwed) {
  struct Lie {
    const char* name;
    std::function<std::string()> bytes;
    size_t taken;
  };
  ResultBatch again;
  again.mutable_ready()->set_protocol_version(1);
  const std::vector<Lie> lies = {
      {"another batch", [] { return Delimited(Answer(2, 1, 3)); }, 0},
      {"no batch", [] { return Delimited(Answer(0, 1, 3)); }, 0},
      {"two answers",
       [] { return Delimited(Answer(1, 1, 3)) + Delimited(Answer(1, 1, 3)); },
       3},
      {"too many results", [] { return Delimited(Answer(1, 1, 4)); }, 3},
      {"another message", [] { return Delimited(Answer(1, 2, 3)); }, 0},
      {"a message twice",
       [] {
         ResultBatch batch = Answer(1, 1, 2);
         batch.mutable_results(1)->set_sequence(1);
         return Delimited(batch);
       },
       1},
      {"no results", [] { return Delimited(Answer(1, 2, 1)); }, 0},
      {"nothing", [] { return std::string(1, '\0'); }, 0},
      {"ready again", [&] { return Delimited(again); }, 0},
      {"garbage", [] { return std::string(100, '\x5b'); }, 0},
      {"text",
       [] {
         return std::string(
             "Traceback (most recent call last)"
             " and much more than a length says,"
             " which is 84 here, as T is 0x54");
       },
       0},
      {"a huge length", [] { return std::string("\xff\xff\xff\xff\x0f"); }, 0},
      {"an endless length", [] { return std::string(12, '\xff'); }, 0},
      {"a result cut short",
       [] { return std::string("\x06\x08\x01\x12\x7f\x08\x01", 7); }, 0},
  };
  for (const Lie& lie : lies) {
    SCOPED_TRACE(lie.name);
    FrameCodec fresh(0, kMaxPayload);
    ASSERT_TRUE(
        fresh.Decode(Delimited(again), absl::UnixEpoch(), &responses_).ok());
    ResponseTracker responses;
    const auto work = MakeWorkerBatch(&binding_, {"a", "b", "c"});
    std::vector<OutFrame> frames;
    std::vector<ResponseTracker::Expected> expected;
    fresh.Encode({.item = &work->item, .messages = 3}, &frames, &expected);
    responses.Expect(expected[0], absl::UnixEpoch());
    EXPECT_EQ(fresh.Decode(lie.bytes(), absl::UnixEpoch(), &responses)
                  .status()
                  .code(),
              absl::StatusCode::kInvalidArgument);
    EXPECT_EQ(ResultsOf(work->batch->results).size(), lie.taken);
    std::vector<uint64_t> answered;
    responses.TakeAnswered(&answered);
    EXPECT_EQ(answered.empty() ? 0u : answered[0], lie.taken);
  }
}

// A session that is kept in a store, as far as its batches ask.
class StoredOwner final : public BatchOwner, public CommitSource {
 public:
  explicit StoredOwner(bool stored) : stored_(stored) {}
  void OnBatchDone(std::unique_ptr<Batch> /*batch*/) override {}
  std::shared_ptr<CommitSource> commits() override {
    if (!stored_) return nullptr;
    return std::shared_ptr<CommitSource>(this, [](CommitSource*) {});
  }
  Claim ClaimAnew() const override { return {}; }
  SessionWrite TakeCommit(size_t /*bytes*/, bool /*results*/) override {
    return {};
  }
  void OnCommitted(const SessionWrite& /*write*/, uint64_t /*epoch*/) override {
  }
  void OnNotCommitted(const SessionWrite& /*write*/,
                      uint64_t /*epoch*/) override {}
  void OnFenced(const SessionWrite& /*write*/) override {}

 private:
  const bool stored_;
};

class FrameEffectsTest : public FrameCodecTest {
 protected:
  // A batch of the messages 1 to 3, which is batch 1.
  void GiveThree(bool stored = true) {
    work_ = MakeWorkerBatch(&binding_, {"a", "b", "c"});
    work_->batch->owner = std::make_shared<StoredOwner>(stored);
    Give(work_.get());
  }
  static void AddEffects(ResultBatch* batch, uint64_t sequence,
                         const std::string& sql = "UPDATE t") {
    worker::v1::Effects* effects = batch->add_effects();
    effects->set_sequence(sequence);
    effects->add_statements()->set_sql(sql);
  }
  std::vector<std::string> Effects() const {
    std::vector<std::string> said;
    for (const SharedEffects& effects : work_->batch->effects) {
      for (const Statement& statement : effects->statements) {
        said.push_back(std::to_string(effects->sequence) + " " + statement.sql);
      }
    }
    return said;
  }

  std::unique_ptr<WorkerBatch> work_;
};

TEST_F(FrameEffectsTest, StayWithTheBatchInOrderOfItsResults) {
  GiveThree();
  ResultBatch answer = Answer(1, 1, 2);
  AddEffects(&answer, 2, "second");
  AddEffects(&answer, 1, "first");
  ASSERT_TRUE(Say(answer).ok());
  answer = Answer(1, 3, 3);
  AddEffects(&answer, 3, "third");
  ASSERT_TRUE(Say(answer).ok());
  EXPECT_THAT(Effects(), ElementsAre("1 first", "2 second", "3 third"));
  EXPECT_EQ(work_->batch->failed, 0u);
}

TEST_F(FrameEffectsTest, OfAMessageThatFailedAreDropped) {
  GiveThree();
  ResultBatch answer = Answer(1, 1, 3);
  answer.mutable_results(0)->mutable_error()->set_code(3);
  answer.mutable_results(1)->set_payload(std::string(kMaxPayload + 1, 'x'));
  for (const uint64_t sequence : {1, 2, 3}) AddEffects(&answer, sequence);
  ASSERT_TRUE(Say(answer).ok());
  EXPECT_THAT(Effects(), ElementsAre("3 UPDATE t"));
}

TEST_F(FrameEffectsTest, InMemoryTheResultIsAnErrorThatSaysWhatToDo) {
  GiveThree(/*stored=*/false);
  ResultBatch answer = Answer(1, 1, 3);
  AddEffects(&answer, 2);
  // Says nothing.
  answer.add_effects()->set_sequence(3);
  ASSERT_TRUE(Say(answer).ok());
  const auto results = ResultsOf(work_->batch->results);
  EXPECT_FALSE(results[0].has_error());
  EXPECT_EQ(results[1].error().code(), 9);
  EXPECT_THAT(results[1].error().message(), HasSubstr("--session_store"));
  EXPECT_FALSE(results[2].has_error());
  EXPECT_THAT(Effects(), ElementsAre());
  EXPECT_EQ(work_->batch->failed, 1u);
}

TEST_F(FrameEffectsTest, OfAnotherMessageAreABreach) {
  GiveThree();
  ResultBatch answer = Answer(1, 1, 1);
  AddEffects(&answer, 2);
  const absl::Status breach = Say(answer);
  EXPECT_TRUE(absl::IsInvalidArgument(breach));
  EXPECT_THAT(breach.message(), HasSubstr("effects of message 2"));
  EXPECT_THAT(Effects(), ElementsAre());
}

TEST_F(FrameEffectsTest, WithoutAnyResultAreABreach) {
  GiveThree();
  std::vector<OutFrame> frames;
  codec_.EncodeCancelled(*work_, &frames);
  ResultBatch answer;
  AddEffects(&answer, 1);
  EXPECT_FALSE(Say(answer).ok());
}

TEST_F(FrameEffectsTest, OfAWorkerThatCommitsByItselfAreABreach) {
  binding_.traits.workers_commit = true;
  GiveThree();
  ResultBatch answer = Answer(1, 1, 2);
  AddEffects(&answer, 2);
  EXPECT_THAT(Say(answer).message(), HasSubstr("commits by itself"));
  // It is the second's turn, as before.
  EXPECT_THAT(ResultsOf(work_->batch->results), ::testing::SizeIs(1));
  EXPECT_EQ(SequenceOf(work_->unanswered.Next(work_->pieces)), 2u);
}

TEST_F(FrameEffectsTest, WhatAWorkerHasCommittedStandsByteForByte) {
  binding_.traits.workers_commit = true;
  GiveThree();
  ResultBatch answer = Answer(1, 1, 3);
  answer.mutable_results(1)->mutable_error()->set_code(9);
  answer.mutable_results(1)->mutable_error()->set_message(
      std::string(5000, 'x'));
  ASSERT_TRUE(Say(answer).ok());
  const auto results = ResultsOf(work_->batch->results);
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(results[static_cast<size_t>(i)].SerializeAsString(),
              answer.results(i).SerializeAsString());
  }
  EXPECT_EQ(work_->batch->failed, 1u);
}

TEST_F(FrameEffectsTest, WhatAWorkerHasCommittedAndNoClientMayGetIsABreach) {
  binding_.traits.workers_commit = true;
  GiveThree();
  ResultBatch answer = Answer(1, 1, 1);
  answer.mutable_results(0)->set_payload(std::string(kMaxPayload + 1, 'x'));
  EXPECT_THAT(Say(answer).message(), HasSubstr("no client may get"));
  answer = Answer(1, 1, 1);
  answer.mutable_results(0)->mutable_error()->set_code(99);
  EXPECT_FALSE(Say(answer).ok());
  EXPECT_THAT(ResultsOf(work_->batch->results), ::testing::SizeIs(0));
}

TEST_F(FrameCodecTest, SaysWhichClaimOfItsSessionThisIs) {
  auto work = MakeWorkerBatch(&binding_, {"a"});
  EXPECT_EQ(Give(work.get())[0].context().session_epoch(), 0u);
  work->batch->store_epoch = 300;
  EXPECT_EQ(Give(work.get())[0].context().session_epoch(), 300u);
}

TEST_F(FrameEffectsTest, ThatCannotBeReadAreABreach) {
  GiveThree();
  const std::string answer =
      Answer(1, 1, 1).SerializeAsString() + std::string("\x2a\x01\x08", 3);
  EXPECT_THAT(SayBytes(static_cast<char>(answer.size()) + answer).message(),
              HasSubstr("effects cannot be parsed"));
}

TEST_F(FrameCodecTest, RefusesAWorkerThatIsNotReadyOrOfAnotherVersion) {
  FrameCodec codec(0, kMaxPayload);
  EXPECT_THAT(
      codec.Decode(Delimited(Answer(1, 1, 1)), absl::UnixEpoch(), &responses_)
          .status()
          .message(),
      HasSubstr("ready"));
  ResultBatch old;
  old.mutable_ready()->set_protocol_version(2);
  EXPECT_THAT(codec.Decode(Delimited(old), absl::UnixEpoch(), &responses_)
                  .status()
                  .message(),
              HasSubstr("version 2"));
  EXPECT_FALSE(codec.ready());
}

TEST_F(FrameCodecTest, ReadsFieldsItDoesNotKnowAndTagsLongerThanNeeded) {
  const auto work = MakeWorkerBatch(&binding_, {"a", "b"});
  Give(work.get());
  std::string frame;
  frame += std::string("\x92\x00\x02\x08\x01", 5);  // A result, its tag padded.
  frame += std::string("\x7a\x01x", 3);             // Field 15.
  frame += std::string("\x12\x02\x08\x02", 4);      // The other one.
  frame += std::string("\x08\x01", 2);              // The id comes last.
  EXPECT_TRUE(
      SayBytes(std::string(1, static_cast<char>(frame.size())) + frame).ok());
  const auto results = ResultsOf(work->batch->results);
  ASSERT_EQ(results.size(), 2u);
  EXPECT_EQ(results[1].sequence(), 2u);
}

}  // namespace
}  // namespace msgproc::processor
