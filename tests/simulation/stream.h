#ifndef MSGPROC_TESTS_SIMULATION_STREAM_H_
#define MSGPROC_TESTS_SIMULATION_STREAM_H_

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "msgproc/v1/processor.pb.h"
#include "services/processor/session/hosted_session.h"
#include "services/processor/stream/processor_context.h"
#include "services/processor/stream/stream_input.h"
#include "services/processor/stream/stream_peer.h"
#include "services/processor/stream/stream_principal.h"
#include "services/processor/stream/stream_state.h"
#include "tests/simulation/call.h"
#include "tests/simulation/checker.h"
#include "tests/simulation/host.h"
#include "tests/simulation/random.h"
#include "wire/entry_log.h"

namespace msgproc::simulation {

// A processor's end of a call: the product's StreamState and StreamInput, and
// what ProcessReactor does with them, its threads being events.
class Stream final : public Call::Listener,
                     public processor::AttachedStream,
                     public std::enable_shared_from_this<Stream> {
 public:
  // `on_done`: it is over, and nothing follows. `claim`: has a session claimed
  // at the store, and tells OnClaimed.
  struct Owner {
    processor::ProcessorContext* context = nullptr;
    Host* host = nullptr;
    Checker* checker = nullptr;
    std::function<void(Stream*)> on_done;
    std::function<void(processor::Claim, std::shared_ptr<Stream>)> claim;
  };
  Stream(Owner owner, std::shared_ptr<Call> call, Random random,
         absl::Duration max_age);

  void Start() { call_->Read(Call::kServer); }
  bool Drain(v1::Drain::Reason reason, const std::string& address,
             absl::Duration grace);
  bool CanMove() const { return state_.CanMove(); }
  void Tick();
  // The server stops, and gives it up.
  void Stop(absl::string_view why);
  void OnClaimed(const absl::StatusOr<processor::Claimed>& claimed);

  // Its process is dead.
  void Die(bool silently);

  Call* call() const { return call_.get(); }

  // AttachedStream:
  void OnResultsReady(bool more) override;
  void OnTakenOver() override;

 private:
  // Call::Listener:
  void OnFrame(std::string bytes) override;
  void OnReadEnded() override;
  void OnWritten(bool ok) override;
  void OnBroken() override;

  absl::Time Now() const { return owner_.context->clock()->Now(); }
  // On some thread, soon.
  void Later(std::function<void()> what);
  void Conclude(processor::StreamInput::Outcome outcome);
  void End(processor::StreamState::End end, absl::Status why);
  void CloseInput();
  void Advance();
  void Decide();
  void Do(const processor::StreamState::Actions& actions, std::string bytes,
          std::shared_ptr<processor::HostedSession> resumed);
  void PostMarker();
  // A client that takes nothing is given up in time.
  void CheckUnread();
  void DoneIfOver();

  const Owner owner_;
  const std::shared_ptr<Call> call_;
  Random random_;
  const processor::StreamPeer peer_;
  processor::StreamPrincipal principal_;
  processor::StreamInput input_;
  processor::StreamState state_;
  std::shared_ptr<processor::HostedSession> session_;
  int threads_ = 0;  // That are to do something.
  absl::Time write_started_;
  bool unread_ = false;  // For longer than the server's patience.
  bool finished_ = false;
  bool done_ = false;
};

}  // namespace msgproc::simulation

#endif  // MSGPROC_TESTS_SIMULATION_STREAM_H_
