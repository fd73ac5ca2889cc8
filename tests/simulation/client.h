#ifndef MSGPROC_TESTS_SIMULATION_CLIENT_H_
#define MSGPROC_TESTS_SIMULATION_CLIENT_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "client/connection_state.h"
#include "client/locator_state.h"
#include "tests/simulation/call.h"
#include "tests/simulation/host.h"
#include "tests/simulation/outbox.h"
#include "tests/simulation/random.h"
#include "wire/frame.h"

namespace msgproc::simulation {

struct World;

// A caller with a MessageStream: the product's ConnectionState and
// LocatorState, and what ReconnectingStream and ServerLocator do with them,
// their threads being events. With an outbox it is what OutboxStream is, too.
class Client final : private Call::Listener {
 public:
  struct Owner {
    std::string name;  // Of its host.
    int session = 0;   // As the checker numbers them.
    // To be sent in this session, in all.
    uint64_t messages = 0;
    Host* host = nullptr;
    Outbox::File* file = nullptr;  // Null: no outbox.
    std::function<void(const absl::Status&)> on_end;
  };
  Client(World* world, Owner owner);
  ~Client() override;

  // A session's name, and its number; -1: it is no session of a client's.
  static std::string SessionId(int session) {
    return "session" + std::to_string(session);
  }
  static int NumberOf(const std::string& session_id);

  // Messages of the session's.
  uint64_t sent() const { return sent_; }
  bool outbox_failed() const {
    return outbox_ != nullptr && !outbox_->state().status().ok();
  }

  // Until then its callbacks do not return, or each takes its time.
  void Stall(absl::Time until) { stalled_until_ = until; }
  void SlowDown(absl::Time until) { slow_until_ = until; }

  // Its process is dead.
  void Die(bool silently);

 private:
  using State = client::ConnectionState;
  using Role = State::Role;
  using Action = State::Action;

  State::Options StateOptions();
  // Decides, and has it done by a thread. `done`: what `role` did last.
  void Ask(Role role);
  void Perform(Role role, const Action& action,
               const std::shared_ptr<Call>& call);
  // A reaction of gRPC's is over: the status waits for those.
  void Returned(Role role);
  void SetAlarm();

  void SendSome();
  void Locate();
  void AskBalancer();
  void OnLocated(absl::StatusOr<std::string> address);
  void Connect();
  void Write(client::Session::Write* write);
  void GiveEvent(const client::StreamEvent& event);
  void GiveResults(size_t first, size_t count);
  absl::Duration CallbackTime();
  // Whether nothing goes wrong but that others read slowly.
  bool HasPeace() const;
  void OnOutboxWritten(const absl::Status& status);
  void EndCallIfOver();

  // Call::Listener:
  void OnFrame(std::string bytes) override;
  void OnReadEnded() override;
  void OnWritten(bool ok) override;

  World* const world_;
  const Owner owner_;
  Host& host_;
  Random random_;
  State state_;
  std::unique_ptr<Outbox> outbox_;  // Null: none.
  State::Output output_;
  client::LocatorState locator_;
  uint64_t sent_ = 0;
  // By sequence, from 1; where its results must come in time.
  std::vector<absl::Time> sent_at_;
  absl::Time stalled_until_ = absl::InfinitePast();
  absl::Time slow_until_ = absl::InfinitePast();
  bool closing_ = false;
  bool waits_for_room_ = false;
  uint64_t lookups_ = 0;
  uint64_t alarms_ = 0;  // The last one counts.

  std::shared_ptr<Call> call_;
  bool released_ = false;
  int reactions_ = 0;
  std::string incoming_;
  std::string parsed_;
  wire::ResponseFrame frame_;
};

}  // namespace msgproc::simulation

#endif  // MSGPROC_TESTS_SIMULATION_CLIENT_H_
