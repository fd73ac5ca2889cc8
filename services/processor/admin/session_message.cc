#include "services/processor/admin/session_message.h"

#include <cstddef>
#include <string>

#include "absl/strings/string_view.h"
#include "common/check.h"
#include "common/utf8.h"
#include "services/processor/session/session_story.h"
#include "wire/proto_duration.h"
#include "wire/proto_time.h"

namespace msgproc::processor {
namespace {

constexpr size_t kMaxForwardedFor = 256;

std::string Text(absl::string_view text) { return std::string(text); }

// `date_of`: of a time of the session's clock.
template <typename DateOf>
void WriteTroubles(const SessionTroubles& troubles, DateOf date_of,
                   admin::v1::Session* session) {
  const auto write = [&](const SessionTroubles::StreamEnd& end,
                         admin::v1::StreamEnd* message) {
    message->set_code(end.code);
    message->set_message(end.text);
    *message->mutable_at() = date_of(end.at);
  };
  if (troubles.last_end) write(*troubles.last_end, session->mutable_last_end());
  if (troubles.last_error) {
    write(*troubles.last_error, session->mutable_last_error());
  }
  if (troubles.failed == 0) return;
  admin::v1::Failures* const failures = session->mutable_failures();
  failures->set_count(troubles.failed);
  if (!troubles.last_failure) return;
  failures->set_sequence(troubles.last_failure->sequence);
  failures->set_code(troubles.last_failure->code);
  failures->set_message(troubles.last_failure->text);
  *failures->mutable_at() = date_of(troubles.last_failure->at);
}

}  // namespace

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

void WriteSession(const SessionFacts& facts, absl::Time now,
                  admin::v1::Session* session) {
  const auto date_of = [&](absl::Time time) {
    return wire::ToProto(now - (facts.now - time));
  };
  const SessionStory& story = facts.story;
  session->set_session_id(Text(facts.id));
  session->set_stream(facts.stream);
  session->set_principal(Text(facts.principal));
  session->set_client_name(Text(facts.client_name));
  session->set_handler(Text(facts.handler));
  if (facts.context != nullptr) {
    session->set_peer(facts.context->peer);
    session->set_forwarded_for(
        TruncateUtf8(facts.context->forwarded_for, kMaxForwardedFor));
    session->set_trace_id(facts.context->trace_id);
  }
  session->set_attached(facts.attached);
  session->set_stored(facts.stored);
  *session->mutable_opened_at() = date_of(story.begun);
  *session->mutable_age() = wire::ToProto(facts.now - story.begun);
  *session->mutable_state_age() = wire::ToProto(facts.now - story.changed);
  session->set_streams(story.streams);
  session->set_takeovers(story.takeovers);
  session->set_resumptions(story.resumptions);
  session->set_losses(story.losses);
  if (story.troubles != nullptr) {
    WriteTroubles(*story.troubles, date_of, session);
  }
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

void WriteUnanswered(const SessionFacts& facts, bool waiting,
                     int64_t worker_pid, admin::v1::Session* session) {
  MSGPROC_CHECK_LT(facts.ready_through, facts.accepted_through);
  admin::v1::Unanswered* const oldest = session->mutable_unanswered();
  oldest->set_sequence(facts.ready_through + 1);
  const bool queued =
      facts.ready_through == facts.dispatched_through || waiting;
  oldest->set_stage(queued ? admin::v1::STAGE_QUEUED
                           : admin::v1::STAGE_HANDLER);
  if (!queued) oldest->set_worker_pid(worker_pid);
  if (session->stage() == admin::v1::STAGE_HANDLER) {
    session->set_stage(oldest->stage());
  }
}

}  // namespace msgproc::processor
