#include "services/processor/session/session_facts.h"

namespace msgproc::processor {

SessionStage StageOf(const SessionFacts& facts) {
  if (facts.received_through >= facts.accepted_through) {
    return SessionStage::kNone;
  }
  const uint64_t oldest = facts.received_through + 1;
  if (oldest <= facts.taken_through) return SessionStage::kAcknowledgement;
  if (oldest <= facts.committed_through) return SessionStage::kWrite;
  if (oldest <= facts.ready_through) return SessionStage::kCommit;
  if (oldest <= facts.dispatched_through) return SessionStage::kHandler;
  return SessionStage::kQueued;
}

SessionFacts FactsOf(const Session& session) {
  SessionFacts facts;
  facts.received_through = session.received_through();
  facts.taken_through = session.taken_through();
  facts.committed_through = session.committed_through();
  facts.ready_through = session.ready_through();
  facts.dispatched_through = session.dispatched_through();
  facts.accepted_through = session.accepted_through();
  facts.bytes = session.bytes();
  facts.result_bytes = session.result_bytes();
  facts.oldest_accepted_at = session.OldestAcceptedAt();
  return facts;
}

}  // namespace msgproc::processor
