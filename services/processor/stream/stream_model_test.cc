// The whole stream without gRPC: the client's machines (ConnectionState,
// Session, SendWindow) against the server's (StreamState, Session,
// SessionTable), through calls that are cut, servers that restart, drain, age
// and grow impatient, and callbacks that come in any order. What holds is what
// client::Simulation says, and that no server sees a rule broken.
#include <cstdint>

#include "client/testing/connection_simulation.h"
#include "client/testing/many_seeds.h"
#include "gtest/gtest.h"
#include "services/processor/testing/modelled_processor.h"

namespace msgproc::processor {
namespace {

using client::World;

void RunWorld(const World& world, uint64_t seeds) {
  client::RunMany<client::Simulation<ModelledProcessor>, World>(world, seeds);
}

TEST(StreamModelTest, InPeace) {
  RunWorld({.cuts = 0, .restarts = 0, .drains = 0, .refusals = 0}, 300);
}

TEST(StreamModelTest, OneServerAndCallsThatAreCut) {
  RunWorld({.servers = 1, .cuts = 50, .restarts = 0}, 500);
}

TEST(StreamModelTest, CallsThatAreCutBetweenServers) {
  RunWorld({.servers = 3, .cuts = 50}, 500);
}

// Enough frames for both ends to gather what is small.
TEST(StreamModelTest, ManyMessages) {
  RunWorld({.messages = 1000, .cuts = 5, .restarts = 1, .drains = 3}, 300);
}

TEST(StreamModelTest, CallsOfWhichTheServerHearsLate) {
  RunWorld({.servers = 1, .cuts = 50, .late = 700}, 500);
}

TEST(StreamModelTest, ServersThatDrain) {
  RunWorld({.cuts = 0, .restarts = 0, .drains = 50}, 500);
}

TEST(StreamModelTest, CallbacksThatSend) {
  RunWorld({.messages = 100, .echoes = 700}, 300);
}

TEST(StreamModelTest, MostlyTrouble) {
  RunWorld({.messages = 5, .cuts = 200, .restarts = 50, .refusals = 500}, 60);
}

TEST(StreamModelTest, CancelledAtAnyTime) {
  RunWorld({.cuts = 30, .cancels = 20}, 1000);
}

}  // namespace
}  // namespace msgproc::processor
