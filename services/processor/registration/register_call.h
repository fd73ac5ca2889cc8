#ifndef MSGPROC_SERVICES_PROCESSOR_REGISTRATION_REGISTER_CALL_H_
#define MSGPROC_SERVICES_PROCESSOR_REGISTRATION_REGISTER_CALL_H_

#include <memory>
#include <string>

#include "common/mutex.h"
#include "grpcpp/channel.h"
#include "grpcpp/client_context.h"
#include "grpcpp/support/client_callback.h"
#include "msgproc/v1/balancer.grpc.pb.h"

namespace msgproc::processor {

// One call of Registry.Register, from its start to its status.
//
// Write and HalfClose do nothing once the stream has broken or half-closed;
// one write is in flight, and a report that comes meanwhile waits, in place of
// any that waited before. Thread-safe. The listener is called on gRPC's
// threads, one callback at a time, with no lock held.
//
// Its owner keeps it until OnEnded, and lets go of it on a thread of its own:
// with it the channel may go.
class RegisterCall final
    : public grpc::ClientBidiReactor<v1::RegisterRequest,
                                     v1::RegisterResponse> {
 public:
  class Listener {
   public:
    virtual ~Listener() = default;
    virtual void OnAnswer(const v1::RegisterResponse& answer) = 0;
    // The last one. From then on the call may be destroyed.
    virtual void OnEnded(const grpc::Status& status) = 0;
  };

  // `token` may be empty. Call Start next.
  RegisterCall(const std::shared_ptr<grpc::Channel>& channel,
               const std::string& token, Listener* listener);

  void Start(const v1::RegisterRequest& first);
  void Write(const v1::RegisterRequest& report);
  void HalfClose();
  void Cancel() { context_.TryCancel(); }

  void OnReadDone(bool ok) override;
  void OnWriteDone(bool ok) override;
  void OnWritesDoneDone(bool ok) override;
  void OnDone(const grpc::Status& status) override;

 private:
  enum class Step { kNothing, kWrite, kHalfClose, kRelease };

  // What is to be done now that no operation of ours is in flight.
  Step Decide() MSGPROC_REQUIRES(mutex_);
  void Do(Step step);

  const std::unique_ptr<v1::Registry::Stub> stub_;
  Listener* const listener_;
  grpc::ClientContext context_;
  v1::RegisterResponse answer_;
  // What the write in flight sends.
  v1::RegisterRequest report_;
  Mutex mutex_;
  v1::RegisterRequest waiting_ MSGPROC_GUARDED_BY(mutex_);
  bool has_waiting_ MSGPROC_GUARDED_BY(mutex_) = false;
  bool in_flight_ MSGPROC_GUARDED_BY(mutex_) = false;
  bool half_close_ MSGPROC_GUARDED_BY(mutex_) = false;
  bool half_closed_ MSGPROC_GUARDED_BY(mutex_) = false;
  bool read_ended_ MSGPROC_GUARDED_BY(mutex_) = false;
  bool released_ MSGPROC_GUARDED_BY(mutex_) = false;
};

}  // namespace msgproc::processor

#endif  // MSGPROC_SERVICES_PROCESSOR_REGISTRATION_REGISTER_CALL_H_
