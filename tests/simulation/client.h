#ifndef MSGPROC_TESTS_SIMULATION_CLIENT_H_
#define MSGPROC_TESTS_SIMULATION_CLIENT_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "absl/time/time.h"
#include "client/connection_state.h"
#include "client/locator_state.h"
#include "tests/simulation/call.h"
#include "tests/simulation/host.h"
#include "tests/simulation/random.h"
#include "wire/frame.h"

namespace msgproc::simulation {

struct World;

// A caller with a MessageStream: the product's ConnectionState and
// LocatorState, and what ReconnectingStream and ServerLocator do with them,
// their threads being events.
class Client final : private Call::Listener {
 public:
  Client(World* world, int number);
  ~Client() override;

  const std::string& name() const { return name_; }
  static std::string SessionOf(int client) {
    return "client" + std::to_string(client);
  }
  // -1: it is no session of a client's.
  static int NumberOf(const std::string& session);

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
  void EndCallIfOver();

  // Call::Listener:
  void OnFrame(std::string bytes) override;
  void OnReadEnded() override;
  void OnWritten(bool ok) override;

  World* const world_;
  const int number_;
  const std::string name_;
  Random random_;
  Host host_;
  State state_;
  State::Output output_;
  client::LocatorState locator_;
  uint64_t sent_ = 0;
  bool closing_ = false;
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
