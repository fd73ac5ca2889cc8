#ifndef MSGPROC_TOOLS_LOADGEN_TESTING_CHEATING_SERVER_H_
#define MSGPROC_TOOLS_LOADGEN_TESTING_CHEATING_SERVER_H_

#include <cstdint>
#include <memory>
#include <string>

#include "absl/time/time.h"
#include "common/mutex.h"
#include "grpcpp/server.h"
#include "msgproc/v1/processor.grpc.pb.h"

namespace msgproc::loadgen {

// How a server deceives those who load it.
struct Cheat {
  enum class Kind {
    kHonest,
    kSilent,        // Welcomes, and answers nothing.
    kFreezes,       // Neither reads nor writes for a while.
    kDoubles,       // Sends every result twice.
    kReorders,      // Swaps two neighbours.
    kWrongPayload,  // Changes one byte in the middle.
    kClosesEarly,   // Ends the stream OK with messages unanswered.
    kDrips,         // One result, then a pause.
  };
  Kind kind = Kind::kHonest;
  // Results given honestly before.
  uint64_t after = 0;
  // Of a freeze, or between drips.
  absl::Duration pause;
};

// An echo processor on raw gRPC that speaks as much of processor.proto as a
// load generator needs, and cheats. It knows no sessions: a client that comes
// again is told that its own is lost.
class CheatingServer final : public v1::Processor::Service {
 public:
  explicit CheatingServer(const Cheat& cheat);
  // Ends all streams.
  ~CheatingServer() override;

  const std::string& address() const { return address_; }

  // How long the freeze really was; zero while it has not ended.
  absl::Duration froze_for() const;

 private:
  using Stream =
      grpc::ServerReaderWriter<v1::ProcessResponse, v1::ProcessRequest>;

  grpc::Status Process(grpc::ServerContext* context, Stream* stream) override;
  // False: the stream is to end.
  bool Answer(const v1::ProcessRequest& request, Stream* stream);
  void Freeze();
  // Sleeps, unless the server ends meanwhile.
  void Pause(absl::Duration duration);

  const Cheat cheat_;
  mutable Mutex mutex_;
  CondVar changed_;
  bool stopping_ MSGPROC_GUARDED_BY(mutex_) = false;
  uint64_t answered_ MSGPROC_GUARDED_BY(mutex_) = 0;  // On all streams.
  bool froze_ MSGPROC_GUARDED_BY(mutex_) = false;
  absl::Duration froze_for_ MSGPROC_GUARDED_BY(mutex_);
  std::string address_;
  std::unique_ptr<grpc::Server> server_;
};

}  // namespace msgproc::loadgen

#endif  // MSGPROC_TOOLS_LOADGEN_TESTING_CHEATING_SERVER_H_
