#ifndef MSGPROC_TESTS_SIMULATION_OUTBOX_H_
#define MSGPROC_TESTS_SIMULATION_OUTBOX_H_

#include <cstdint>
#include <functional>
#include <map>
#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "client/kept_session.h"
#include "client/outbox_state.h"
#include "common/clock.h"
#include "tests/simulation/host.h"
#include "tests/simulation/random.h"

namespace msgproc::simulation {

// What OutboxStream and OutboxFile are around the product's OutboxState: a
// thread that writes, and a file that has what was synced.
class Outbox {
 public:
  // On the disk: outlives the program.
  struct File {
    client::KeptSession session;
    bool ended = false;
    // The next transaction ends with an error.
    bool fails_next = false;
  };

  // All of them outlive it. `on_written`: a transaction is on the disk, or it
  // failed.
  Outbox(Host* host, const Clock* clock, Random random, File* file,
         std::function<void(const absl::Status&)> on_written);

  // As of OutboxStream.
  void Take(uint64_t sequence, std::string payload);
  void OnDelivered(uint64_t through);
  void OnWelcome(const std::string& store_generation);
  void OnClosed(uint64_t last);
  void Hurry();

  const client::OutboxState& state() const { return state_; }

  // The program is gone: what was not synced is on the disk, or is not.
  void Crash();

 private:
  void Wake();
  void Write();
  void OnSynced();
  // The transaction has reached the disk.
  void Apply();

  Host* const host_;
  const Clock* const clock_;
  Random random_;
  File* const file_;
  const std::function<void(const absl::Status&)> on_written_;
  client::OutboxState state_;
  // Taken, and in no group that was written yet.
  std::map<uint64_t, std::string> taken_;
  bool in_flight_ = false;
  client::OutboxState::Group group_;  // In flight.
};

}  // namespace msgproc::simulation

#endif  // MSGPROC_TESTS_SIMULATION_OUTBOX_H_
