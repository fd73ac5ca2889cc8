#include "tools/loadgen/schedule/send_turn.h"

#include <cstdint>
#include <thread>

#include "gtest/gtest.h"

namespace msgproc::loadgen {
namespace {

TEST(SendTurnTest, UntilTheHandOverTheStarterIsOwedForEveryResult) {
  SendTurn turn;
  EXPECT_FALSE(turn.Mine());
  EXPECT_FALSE(turn.Mine());
  EXPECT_EQ(turn.TakeOwed(), 2U);
  EXPECT_EQ(turn.TakeOwed(), 0U);
  EXPECT_TRUE(turn.Mine());
}

TEST(SendTurnTest, EveryResultHasExactlyOneSuccessorInAnyRace) {
  for (int round = 0; round < 500; ++round) {
    SendTurn turn;
    constexpr int kResults = 200;
    int successors = 0;  // Written by whose turn it is: TSan checks.
    std::thread callback([&] {
      for (int i = 0; i < kResults; ++i) {
        if (turn.Mine()) ++successors;
      }
    });
    while (const uint64_t owed = turn.TakeOwed()) {
      successors += static_cast<int>(owed);
    }
    callback.join();
    EXPECT_EQ(successors, kResults);
  }
}

}  // namespace
}  // namespace msgproc::loadgen
