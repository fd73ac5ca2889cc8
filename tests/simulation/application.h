#ifndef MSGPROC_TESTS_SIMULATION_APPLICATION_H_
#define MSGPROC_TESTS_SIMULATION_APPLICATION_H_

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "tests/simulation/client.h"
#include "tests/simulation/host.h"
#include "tests/simulation/outbox.h"

namespace msgproc::simulation {

struct World;

// A program that has so many messages to send, and what it does about its own
// crash. With an outbox it opens its file and goes on with the session; without
// one it begins another, and what became of the first one's messages it will
// never know.
class Application {
 public:
  Application(World* world, int number);
  ~Application();

  // Its host's, for the network.
  static std::string NameOf(int number);
  Host* host() { return &host_; }
  bool done() const { return done_; }

  // kill -9. `silently`: the machine goes with it, and nobody hears of it.
  void Crash(bool silently);
  void Start();
  // Its callbacks do not return until then, or each takes its time.
  void StallUntil(absl::Time until);
  void SlowDownUntil(absl::Time until);
  // The disk does not take its outbox's next transaction.
  void FailOutbox() { file_.fails_next = outbox_; }

 private:
  // Its stream ended by itself.
  void OnEnd(const absl::Status& status);
  void StartAgain();
  void BeginSession();

  World* const world_;
  const std::string name_;
  const bool outbox_;
  Host host_;
  bool done_ = false;
  // The store has lost its session or forgotten it, and said so; and said so
  // again, of the same file: it is put aside.
  bool told_ = false;
  bool put_aside_ = false;
  // As the checker knows it.
  int session_;
  // Messages of the sessions before.
  uint64_t sent_before_ = 0;
  Outbox::File file_;
  std::unique_ptr<Client> client_;
};

}  // namespace msgproc::simulation

#endif  // MSGPROC_TESTS_SIMULATION_APPLICATION_H_
