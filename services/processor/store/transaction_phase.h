#ifndef MSGPROC_SERVICES_PROCESSOR_STORE_TRANSACTION_PHASE_H_
#define MSGPROC_SERVICES_PROCESSOR_STORE_TRANSACTION_PHASE_H_

#include "absl/status/status.h"
#include "common/check.h"

namespace msgproc::processor {

// Where a StoreConnection is in the order of its calls, which every store
// holds to in the same way.
//
//          Begin           Write            Commit
//   kNone ──────▶ kOpen ─────────▶ kWritten ──────▶ kNone
//                  │ ▲
//      Execute's   │ │ RollbackToSavepoint
//      error       ▼ │
//                kFailed
//
// Rollback, and each error of the others, lead back to kNone. A call out of
// order is a bug of the caller's. Pure.
class TransactionPhase {
 public:
  void Begin() {
    MSGPROC_CHECK(phase_ == Phase::kNone);
    phase_ = Phase::kOpen;
  }
  void SetSavepoint() {
    MSGPROC_CHECK(phase_ == Phase::kOpen);
    MSGPROC_CHECK(!savepoint_);
    savepoint_ = true;
  }
  void RollbackToSavepoint() {
    MSGPROC_CHECK(phase_ == Phase::kOpen || phase_ == Phase::kFailed);
    MSGPROC_CHECK(savepoint_);
    phase_ = Phase::kOpen;
  }
  void ReleaseSavepoint() {
    MSGPROC_CHECK(phase_ == Phase::kOpen);
    MSGPROC_CHECK(savepoint_);
    savepoint_ = false;
  }
  void ExecuteFailed() { phase_ = Phase::kFailed; }
  void Write() {
    MSGPROC_CHECK(phase_ == Phase::kOpen);
    MSGPROC_CHECK(!savepoint_);
    phase_ = Phase::kWritten;
  }
  void Commit() {
    MSGPROC_CHECK(phase_ == Phase::kWritten);
    End();
  }
  void End() {
    phase_ = Phase::kNone;
    savepoint_ = false;
  }

  bool none() const { return phase_ == Phase::kNone; }
  bool savepoint() const { return savepoint_; }

  // Of Execute, which handlers call as they please.
  absl::Status CheckExecute() const {
    if (phase_ == Phase::kOpen) return absl::OkStatus();
    return absl::FailedPreconditionError(
        phase_ == Phase::kFailed
            ? "A statement of this message has failed before, and its "
              "effects are undone."
            : "This is outside of the message's transaction.");
  }

 private:
  enum class Phase { kNone, kOpen, kFailed, kWritten };
  Phase phase_ = Phase::kNone;
  bool savepoint_ = false;
};

}  // namespace msgproc::processor

#endif  // MSGPROC_SERVICES_PROCESSOR_STORE_TRANSACTION_PHASE_H_
