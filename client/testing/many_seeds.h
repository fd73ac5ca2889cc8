#ifndef MSGPROC_CLIENT_TESTING_MANY_SEEDS_H_
#define MSGPROC_CLIENT_TESTING_MANY_SEEDS_H_

#include <cstdint>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"

namespace msgproc::client {

// Runs a Simulation(seed, world) with one seed after another, until one says
// that something is wrong.
template <typename Simulation, typename World>
void RunMany(const World& world, uint64_t seeds) {
#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
  seeds /= 5;  // Each takes many times as long.
#endif
  for (uint64_t seed = 1; seed <= seeds; ++seed) {
    SCOPED_TRACE(absl::StrCat("seed ", seed));
    if (!Simulation(seed, world).Run()) return;
  }
}

}  // namespace msgproc::client

#endif  // MSGPROC_CLIENT_TESTING_MANY_SEEDS_H_
