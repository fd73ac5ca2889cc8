#ifndef MSGPROC_SERVICES_PROCESSOR_SESSION_SESSION_BATCHES_H_
#define MSGPROC_SERVICES_PROCESSOR_SESSION_SESSION_BATCHES_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "common/state_dump.h"
#include "services/processor/executors/batch.h"
#include "services/processor/handlers/session_context.h"
#include "services/processor/session/session.h"
#include "services/processor/store/claim.h"

namespace msgproc::processor {

// The batches of one session: what those hold that an executor has, and spare
// ones whose memory the next ones take over. Its session's lock guards it.
class SessionBatches {
 public:
  // Spare ones that are kept, until the client has nothing to send: a few
  // threads' worth.
  static constexpr size_t kMaxSpare = 8;

  // What all of them have in common: `number` names the session among those of
  // its binding, `waiting` waits for those that come back at once.
  SessionBatches(HandlerBinding* binding, uint64_t number,
                 const BatchOwner* waiting)
      : binding_(binding), number_(number), waiting_(waiting) {}

  // Messages up to `through` may have been begun before, by other processes.
  void SetTries(const Tries& tries, uint64_t through) {
    tries_ = tries;
    tried_through_ = through;
  }

  // A batch for the messages of `run`, which are to be put in. Without owner.
  std::unique_ptr<Batch> New(
      const Session::Run& run,
      const std::shared_ptr<const SessionContext>& context);

  // A run goes out whose messages hold so many bytes, until Return.
  void CountOut(const Session::Run& run, size_t bytes);
  // Of all that are out.
  size_t bytes_out() const { return bytes_out_; }

  // One has come back, counted out or not, and its results were taken.
  void Return(std::unique_ptr<Batch> batch);

  // Gives back the memory of spare ones.
  void Trim();

  StateDump Dump() const;

 private:
  struct Out {
    uint64_t epoch;
    uint64_t first_position;
    size_t bytes;
  };

  HandlerBinding* const binding_;
  const uint64_t number_;
  const BatchOwner* const waiting_;
  std::vector<std::unique_ptr<Batch>> spare_;
  std::vector<Out> out_;
  size_t bytes_out_ = 0;
  Tries tries_;
  uint64_t tried_through_ = 0;
  // Where the last one ran, in the executor's terms.
  uint64_t affinity_ = 0;
};

}  // namespace msgproc::processor

#endif  // MSGPROC_SERVICES_PROCESSOR_SESSION_SESSION_BATCHES_H_
