#ifndef MSGPROC_TESTS_SIMULATION_STORE_H_
#define MSGPROC_TESTS_SIMULATION_STORE_H_

#include <cstdint>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <string>
#include <utility>

#include "absl/time/time.h"
#include "services/processor/store/session_store.h"
#include "services/processor/store/testing/memory_store.h"
#include "tests/simulation/random.h"

namespace msgproc::simulation {

struct World;

// The store that all processors share: the contract's model, MemoryDatabase,
// behind a network, with what a real one does to its clients. A transaction
// whose process does not go on with it is rolled back after five seconds.
class Store {
 public:
  explicit Store(World* world);

  // What goes wrong next: an error, a conflict, a lost answer. Each thing once.
  void Trouble();
  void EndTrouble() { trouble_ = 0; }

  // Its machine's clock is set.
  void StepClock(absl::Duration by);

  // What it has now is what it is set back to, if it is.
  void MakeBackup();
  // It is set back to its backup, or `emptied`. `anew`: with another
  // generation, since somebody knows of it; no process is there. Otherwise as
  // by a failover to a copy that lacks commits: connections are lost.
  void Lose(bool emptied, bool anew);

  // How often each message took effect, by client and sequence.
  std::map<std::pair<int, uint64_t>, int> Effects() const;

  // A processor's way to it. `wait`: lets that much time pass; false: the
  // process is dead.
  using Wait = std::function<bool(absl::Duration)>;
  std::unique_ptr<processor::SessionStore> Open(const std::string& owner,
                                                Wait wait);

 private:
  friend class StoreConnection;

  void Tick();
  // One fault of those that were ordered, perhaps.
  bool TakeTrouble();
  // Something was committed of this session, perhaps.
  void Measure(const std::string& session);

  World* const world_;
  Random random_;
  processor::MemoryDatabase database_;
  int trouble_ = 0;
  std::shared_ptr<const processor::MemoryDatabase::Backup> backup_;
  // How often it was lost: connections from before are.
  uint64_t losses_ = 0;
  int generation_ = 1;
};

}  // namespace msgproc::simulation

#endif  // MSGPROC_TESTS_SIMULATION_STORE_H_
