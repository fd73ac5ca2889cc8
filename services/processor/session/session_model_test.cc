// Session against a naive model of itself, under random operations.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "services/processor/handlers/message_effects.h"
#include "services/processor/session/session.h"
#include "services/processor/testing/frames.h"
#include "wire/entry.h"

namespace msgproc::processor {
namespace {

constexpr SessionLimits kLimits = {.max_batch_messages = 12,
                                   .max_payload_bytes = 6000,
                                   .max_outstanding_messages = 40,
                                   .max_outstanding_bytes = 40'000,
                                   .max_result_bytes = 30'000};

// One message of the model: position is its index + 1.
struct Record {
  size_t bytes = 0;
  bool ready = false;
  std::string result;
  bool effects = false;
};

// What a session is, said without a thought for speed.
struct Model {
  uint64_t received = 0;
  uint64_t taken = 0;
  uint64_t dispatched = 0;
  uint64_t committed = 0;  // Of a stored session.
  uint64_t base = 0;       // Where this life began.
  std::vector<Record> records;

  Record& At(uint64_t position) { return records.at(position - base - 1); }
  uint64_t accepted() const { return base + records.size(); }
  uint64_t Ready() {
    uint64_t ready = base;
    while (ready < accepted() && At(ready + 1).ready) ++ready;
    return ready;
  }
  uint64_t OutstandingBytes() {
    uint64_t bytes = 0;
    for (uint64_t i = received + 1; i <= accepted(); ++i) bytes += At(i).bytes;
    return bytes;
  }
};

class SessionModelTest : public testing::TestWithParam<int> {
 protected:
  SessionModelTest()
      : random_(static_cast<unsigned>(GetParam())),
        opened_(GetParam() % 4 != 0),
        stored_(GetParam() % 4 == 1),
        session_(stored_   ? Session::Kind::kStored
                 : opened_ ? Session::Kind::kOpened
                           : Session::Kind::kAnonymous,
                 kLimits) {
    EXPECT_EQ(session_.Open(0).state, Session::State::kNew);
  }

  uint64_t Random(uint64_t below) { return random_() % below; }
  // Results up to here may leave.
  uint64_t Leaving() { return stored_ ? model_.committed : model_.Ready(); }
  size_t RandomBytes() { return Random(5) == 0 ? Random(6000) : Random(60); }

  // Up to 12 messages, sometimes with one that breaks a rule; answers how many
  // stand before that.
  uint64_t MakeRequest(v1::ProcessRequest* request) {
    uint64_t outstanding = model_.accepted() - model_.received;
    uint64_t bytes = model_.OutstandingBytes();
    uint64_t fit = 0;
    bool refused = false;
    for (uint64_t n = 0, count = 1 + Random(12); n < count; ++n) {
      const bool wrong = opened_ && Random(60) == 0;
      const size_t size = RandomBytes();
      v1::Message* message = request->add_messages();
      message->set_sequence(model_.accepted() + 1 + n + (wrong ? 1 : 0));
      message->set_payload(std::string(size, 'm'));
      refused = refused || wrong ||
                (opened_ && outstanding > 0 &&
                 (outstanding == kLimits.max_outstanding_messages ||
                  bytes + size > kLimits.max_outstanding_bytes));
      if (refused) continue;
      ++fit;
      ++outstanding;
      bytes += size;
    }
    return fit;
  }

  void Accept() {
    if (closed_ || session_.AtLimit()) return;
    v1::ProcessRequest request;
    const uint64_t fit = MakeRequest(&request);
    const TestFrame frame(request);
    const Session::Acceptance acceptance =
        session_.Accept(frame->messages, absl::UnixEpoch());
    ASSERT_EQ(acceptance.accepted, fit) << acceptance.status;
    ASSERT_EQ(acceptance.status.ok(), fit == frame->messages.size());
    for (uint64_t i = 0; i < fit; ++i) {
      model_.records.push_back({frame->messages[i].payload.size()});
    }
    if (fit > 0 && session_.CanDispatchDirectly() && Random(2) == 0) {
      const Session::Run run = session_.DispatchDirectly(fit);
      ASSERT_EQ(run.first_position, model_.dispatched + 1);
      model_.dispatched += fit;
      runs_.push_back(run);
    } else {
      session_.Enqueue(absl::MakeConstSpan(frame->messages).first(fit));
    }
  }

  void Dispatch() {
    std::vector<wire::Piece> pieces;
    const Session::Run run =
        session_.NextBatch(1 + Random(5), 1 + Random(9), Random(8000), &pieces);
    const v1::ProcessRequest batch = DecodeMessages(pieces);
    ASSERT_EQ(static_cast<uint64_t>(batch.messages_size()), run.size);
    if (run.size == 0) return;
    ASSERT_EQ(run.first_position, model_.dispatched + 1);
    for (const v1::Message& message : batch.messages()) {
      ++model_.dispatched;
      ASSERT_EQ(message.sequence(), model_.dispatched);
      ASSERT_EQ(message.payload().size(), model_.At(model_.dispatched).bytes);
    }
    runs_.push_back(run);
  }

  void Complete() {
    if (runs_.empty()) return;
    std::swap(runs_[Random(runs_.size())], runs_.back());
    const Session::Run run = runs_.back();
    runs_.pop_back();
    const bool now = run.epoch == epoch_;
    wire::EntryLog results;
    std::vector<SharedEffects> effects;
    for (uint64_t i = 0; i < run.size; ++i) {
      const uint64_t position = run.first_position + i;
      const std::string result = PayloadOf(position, RandomBytes());
      wire::AppendResult(&results, position, result);
      const bool with_effects = stored_ && Random(4) == 0;
      if (with_effects) effects.push_back(MakeEffects(position));
      if (!now) continue;
      ASSERT_FALSE(model_.At(position).ready) << "Answered twice.";
      model_.At(position).ready = true;
      model_.At(position).result = result;
      model_.At(position).effects = with_effects;
    }
    ASSERT_EQ(session_.Complete(run, &results, &effects), now);
  }

  SharedEffects MakeEffects(uint64_t position) {
    MessageEffects effects;
    effects.sequence = position;
    effects.statements.resize(1 + Random(200));
    effects.bytes = RandomBytes();
    return std::make_shared<const MessageEffects>(std::move(effects));
  }

  void Take() {
    std::vector<wire::Piece> pieces;
    const uint64_t taken = session_.TakeResults(Random(9000), &pieces);
    const v1::ProcessResponse response = Decode(&pieces);
    ASSERT_EQ(static_cast<uint64_t>(response.results_size()), taken);
    ASSERT_EQ(taken > 0, Leaving() > model_.taken);
    for (const v1::Result& result : response.results()) {
      ++model_.taken;
      ASSERT_EQ(result.sequence(), model_.taken);
      ASSERT_EQ(result.payload(), model_.At(model_.taken).result);
    }
    if (!opened_) model_.received = model_.taken;
  }

  // The store is given what is ready, and says later what has become of it.
  void Commit() {
    if (committing_.size > 0) {
      if (Random(4) == 0) {
        session_.OnNotCommitted(committing_);
      } else {
        FinishCommit();
      }
      committing_ = Session::Run();
      return;
    }
    const bool some = session_.HasUncommitted();
    std::vector<wire::Piece> pieces;
    committing_ = session_.TakeUncommitted(Random(9000), &pieces);
    ASSERT_EQ(committing_.size > 0, some);
    const v1::ProcessResponse results = Decode(&pieces);
    ASSERT_EQ(static_cast<uint64_t>(results.results_size()), committing_.size);
    uint64_t position = model_.committed;
    for (const v1::Result& result : results.results()) {
      ASSERT_EQ(result.sequence(), ++position);
      ASSERT_EQ(result.payload(), model_.At(position).result);
    }
    if (committing_.size == 0) return;
    std::vector<uint64_t> expected;
    for (uint64_t i = model_.committed + 1; i <= position; ++i) {
      if (model_.At(i).effects) expected.push_back(i);
    }
    std::vector<uint64_t> effects;
    for (const SharedEffects& each : session_.EffectsOf(committing_)) {
      effects.push_back(each->sequence);
    }
    ASSERT_EQ(effects, expected);
  }

  // Perhaps with other results than it was given.
  void FinishCommit() {
    if (committing_.epoch != epoch_ || Random(2) == 0) {
      session_.OnCommitted(committing_);
    } else {
      wire::EntryLog amended(committing_.first_position);
      for (uint64_t i = 1; i <= committing_.size; ++i) {
        const uint64_t position = model_.committed + i;
        std::string& result = model_.At(position).result;
        if (Random(3) == 0) result = "amended " + PayloadOf(position);
        wire::AppendResult(&amended, position, result);
      }
      session_.OnCommitted(committing_, &amended);
    }
    if (committing_.epoch == epoch_) model_.committed += committing_.size;
  }

  void Acknowledge() {
    if (closed_) return;
    const uint64_t through = Random(model_.accepted() + 3);
    const bool right =
        !opened_ || through <= model_.received || through <= Leaving();
    ASSERT_EQ(session_.Acknowledge(through).ok(), right);
    if (!right || !opened_) return;
    model_.received = std::max(model_.received, through);
    model_.taken = std::max(model_.taken, model_.received);
  }

  // The stream broke, or half-closed; another comes, perhaps after a journey.
  void Reconnect() {
    if (!opened_) return;
    if (Random(2) == 0) {
      closed_ = true;
      session_.CloseInput();
      return;
    }
    uint64_t received =
        model_.received + Random(model_.accepted() - model_.received + 5);
    const bool forgotten = session_.Forgotten();
    if (stored_) {
      // The store sees to both.
      received = std::min(received, model_.committed);
      if (forgotten) return;
    }
    closed_ = false;
    const Session::State state = session_.Open(received).state;
    if (state == Session::State::kResumed) {
      ASSERT_LE(received, model_.accepted());
      model_.received = model_.taken = received;
      return;
    }
    ASSERT_TRUE(received > model_.accepted() || forgotten);
    ASSERT_EQ(state == Session::State::kNew, received == 0);
    model_ = Model{received, received, received, received, received, {}};
    ++epoch_;
  }

  void Check() {
    ASSERT_EQ(session_.accepted_through(), model_.accepted());
    ASSERT_EQ(session_.received_through(), model_.received);
    ASSERT_EQ(session_.outstanding(), model_.accepted() - model_.received);
    ASSERT_EQ(session_.unanswered(), model_.accepted() - model_.Ready());
    ASSERT_EQ(session_.AllTaken(), model_.taken == model_.accepted());
    ASSERT_EQ(session_.HasResultsToTake(), model_.taken < Leaving());
    ASSERT_EQ(session_.committed_through(), Leaving());
    ASSERT_EQ(session_.HasUncommitted(), stored_ && committing_.size == 0 &&
                                             model_.committed < model_.Ready());
    // Messages and results, what stands around them, and half-used segments.
    ASSERT_LT(session_.bytes(), 400'000U);
    Session::Timed timed;
    while (session_.NextTimed(&timed)) timed_ += timed.messages;
    ASSERT_EQ(timed_, timed_before_ + model_.Ready() - model_.base);
  }

  void Step() {
    const uint64_t epoch = epoch_;
    const uint64_t ready = model_.Ready() - model_.base;
    switch (Random(stored_ ? 15 : 12)) {
      case 12:
      case 13:
      case 14:
        Commit();
        break;
      case 0:
        if (Random(10) == 0) Reconnect();
        break;
      case 1:
      case 2:
        Acknowledge();
        break;
      case 3:
      case 4:
      case 5:
        Accept();
        break;
      case 6:
      case 7:
        Dispatch();
        break;
      case 8:
      case 9:
        Complete();
        break;
      default:
        Take();
    }
    if (epoch != epoch_) timed_before_ += ready;
  }

  // Everything is answered in the end, whatever happened before.
  void Finish() {
    if (opened_ && !closed_) session_.CloseInput();
    for (int step = 0; !session_.AllTaken(); ++step) {
      ASSERT_LT(step, 10'000) << "It is stuck.";
      ASSERT_NO_FATAL_FAILURE(Dispatch());
      ASSERT_NO_FATAL_FAILURE(Complete());
      if (stored_) {
        ASSERT_NO_FATAL_FAILURE(Commit());
      }
      ASSERT_NO_FATAL_FAILURE(Take());
    }
  }

  std::mt19937 random_;
  const bool opened_;
  const bool stored_;
  Session session_;
  Model model_;
  Session::Run committing_;
  uint64_t epoch_ = 1;
  bool closed_ = false;
  std::vector<Session::Run> runs_;
  uint64_t timed_ = 0;
  uint64_t timed_before_ = 0;
};

TEST_P(SessionModelTest, DoesWhatTheModelDoes) {
  for (int step = 0; step < 1500; ++step) {
    ASSERT_NO_FATAL_FAILURE(Step()) << "step " << step;
    ASSERT_NO_FATAL_FAILURE(Check()) << "step " << step;
  }
  ASSERT_NO_FATAL_FAILURE(Finish());
  EXPECT_EQ(model_.taken, model_.accepted());
}

INSTANTIATE_TEST_SUITE_P(Seeds, SessionModelTest, testing::Range(0, 60));

}  // namespace
}  // namespace msgproc::processor
