#include "services/processor/session/session_effects.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace msgproc::processor {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr size_t kPlenty = 1 << 20;
constexpr uint64_t kMost = SessionEffects::kMaxStatements;

SharedEffects Of(uint64_t sequence, size_t statements = 1, size_t bytes = 10) {
  MessageEffects effects;
  effects.sequence = sequence;
  effects.statements.resize(statements);
  effects.bytes = bytes;
  return std::make_shared<const MessageEffects>(std::move(effects));
}

void Add(SessionEffects* session, std::vector<SharedEffects> effects) {
  session->Add(&effects);
  EXPECT_THAT(effects, IsEmpty());
}

std::vector<uint64_t> Sequences(const std::vector<SharedEffects>& effects) {
  std::vector<uint64_t> sequences;
  for (const SharedEffects& each : effects) sequences.push_back(each->sequence);
  return sequences;
}

TEST(SessionEffectsTest, ComeInOrderOfSequenceHoweverTheyWereAdded) {
  SessionEffects effects;
  Add(&effects, {Of(7), Of(9)});
  Add(&effects, {Of(2), Of(4)});
  EXPECT_THAT(Sequences(effects.Of(1, 9)), ElementsAre(2, 4, 7, 9));
  EXPECT_THAT(Sequences(effects.Of(4, 7)), ElementsAre(4, 7));
  EXPECT_THAT(effects.Of(5, 6), IsEmpty());
}

TEST(SessionEffectsTest, AreHeldUntilTheyAreCommitted) {
  SessionEffects effects;
  EXPECT_EQ(effects.bytes(), 0u);
  Add(&effects, {Of(1, 1, 100), Of(2, 1, 20), Of(3, 1, 3)});
  EXPECT_EQ(effects.bytes(), 123u);
  effects.ForgetThrough(2);
  EXPECT_EQ(effects.bytes(), 3u);
  EXPECT_THAT(Sequences(effects.Of(1, 9)), ElementsAre(3));
  effects.Clear();
  EXPECT_EQ(effects.bytes(), 0u);
  EXPECT_THAT(effects.Of(1, 9), IsEmpty());
}

TEST(SessionEffectsTest, WithoutAnyACommitMayHaveAllThatIsReady) {
  SessionEffects effects;
  EXPECT_EQ(effects.FitFrom(1, kPlenty), UINT64_MAX);
  Add(&effects, {Of(1, kMost - 1), Of(2)});
  EXPECT_EQ(effects.FitFrom(1, kPlenty), UINT64_MAX);
}

TEST(SessionEffectsTest, ACommitEndsBeforeTheMessageThatIsOneStatementTooMuch) {
  SessionEffects effects;
  Add(&effects, {Of(2, kMost), Of(5), Of(6)});
  EXPECT_EQ(effects.FitFrom(1, kPlenty), 4u);
  EXPECT_EQ(effects.FitFrom(2, kPlenty), 3u);
  EXPECT_EQ(effects.FitFrom(5, kPlenty), UINT64_MAX);
}

TEST(SessionEffectsTest, ACommitEndsBeforeTheMessageThatIsOneByteTooMuch) {
  SessionEffects effects;
  Add(&effects, {Of(1, 1, 60), Of(2, 1, 40), Of(4, 1, 1)});
  EXPECT_EQ(effects.FitFrom(1, 100), 3u);
  EXPECT_EQ(effects.FitFrom(1, 99), 1u);
  EXPECT_EQ(effects.FitFrom(1, 101), UINT64_MAX);
}

TEST(SessionEffectsTest, OneMessageAlwaysFits) {
  SessionEffects effects;
  Add(&effects, {Of(3, kMost + 1), Of(4, kMost + 1)});
  EXPECT_EQ(effects.FitFrom(1, kPlenty), 2u);
  EXPECT_EQ(effects.FitFrom(3, kPlenty), 1u);
  EXPECT_EQ(effects.FitFrom(4, kPlenty), UINT64_MAX);
}

}  // namespace
}  // namespace msgproc::processor
