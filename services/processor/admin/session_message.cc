#include "services/processor/admin/session_message.h"

#include "wire/proto_duration.h"

namespace msgproc::processor {

admin::v1::Stage StageMessage(SessionStage stage) {
  switch (stage) {
    case SessionStage::kQueued:
      return admin::v1::STAGE_QUEUED;
    case SessionStage::kHandler:
      return admin::v1::STAGE_HANDLER;
    case SessionStage::kCommit:
      return admin::v1::STAGE_COMMIT;
    case SessionStage::kWrite:
      return admin::v1::STAGE_WRITE;
    case SessionStage::kAcknowledgement:
      return admin::v1::STAGE_ACKNOWLEDGEMENT;
    case SessionStage::kNone:
      break;
  }
  return admin::v1::STAGE_UNSPECIFIED;
}

void WriteSession(const SessionFacts& facts, admin::v1::Session* session) {
  session->set_session_id(facts.id);
  session->set_principal(facts.principal);
  session->set_client_name(facts.client_name);
  session->set_handler(facts.handler);
  session->set_peer(facts.peer);
  session->set_attached(facts.attached);
  session->set_stored(facts.stored);
  *session->mutable_age() = wire::ToProto(facts.now - facts.life.begun);
  *session->mutable_state_age() = wire::ToProto(facts.now - facts.life.changed);
  session->set_streams(facts.life.streams);
  session->set_received_through(facts.received_through);
  session->set_written_through(facts.taken_through);
  session->set_committed_through(facts.committed_through);
  session->set_ready_through(facts.ready_through);
  session->set_dispatched_through(facts.dispatched_through);
  session->set_accepted_through(facts.accepted_through);
  session->set_bytes(facts.bytes);
  session->set_result_bytes(facts.result_bytes);
  session->set_stage(StageMessage(StageOf(facts)));
  if (facts.oldest_accepted_at.has_value()) {
    *session->mutable_oldest_unanswered() =
        wire::ToProto(facts.now - *facts.oldest_accepted_at);
  }
}

}  // namespace msgproc::processor
