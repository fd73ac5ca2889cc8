#ifndef MSGPROC_TESTS_SIMULATION_NEMESIS_H_
#define MSGPROC_TESTS_SIMULATION_NEMESIS_H_

#include <cstddef>
#include <functional>
#include <string>

#include "absl/time/time.h"
#include "tests/simulation/random.h"

namespace msgproc::simulation {

struct World;

// Makes trouble, as its world's conditions say, and ends it all in time.
class Nemesis {
 public:
  explicit Nemesis(World* world);

 private:
  void Repeat(absl::Duration mean, std::function<void()> fault);
  void EndTrouble();
  void ResetACall();
  void KillAProcessor();
  void StopAProcessor();
  void FreezeAProcessor();
  void PartitionSomebody();
  void KillABalancer();
  void CrashAClient();
  void SlowAClientDown();
  void StopTheRelay();
  void SetTheClock();
  void TroubleWorkers();
  void LoseTheStore();
  // Whoever is down comes up again.
  void RestartSoon(size_t processor);

  World* const world_;
  Random random_;
  bool over_ = false;
};

}  // namespace msgproc::simulation

#endif  // MSGPROC_TESTS_SIMULATION_NEMESIS_H_
