#include "services/processor/admin/trace_message.h"

#include "services/processor/session/session_event.h"
#include "wire/proto_time.h"

namespace msgproc::processor {
namespace {

using admin::v1::TraceEvent;

TraceEvent::Kind KindMessage(SessionEvent::Kind kind) {
  switch (kind) {
    case SessionEvent::Kind::kOpened:
      return TraceEvent::KIND_OPENED;
    case SessionEvent::Kind::kResumed:
      return TraceEvent::KIND_RESUMED;
    case SessionEvent::Kind::kTakenOver:
      return TraceEvent::KIND_TAKEN_OVER;
    case SessionEvent::Kind::kLost:
      return TraceEvent::KIND_LOST;
    case SessionEvent::Kind::kAccepted:
      return TraceEvent::KIND_ACCEPTED;
    case SessionEvent::Kind::kDispatched:
      return TraceEvent::KIND_DISPATCHED;
    case SessionEvent::Kind::kHandled:
      return TraceEvent::KIND_HANDLED;
    case SessionEvent::Kind::kCommitted:
      return TraceEvent::KIND_COMMITTED;
    case SessionEvent::Kind::kWritten:
      return TraceEvent::KIND_WRITTEN;
    case SessionEvent::Kind::kAcknowledged:
      return TraceEvent::KIND_ACKNOWLEDGED;
    case SessionEvent::Kind::kInputClosed:
      return TraceEvent::KIND_INPUT_CLOSED;
    case SessionEvent::Kind::kStreamEnded:
      break;
  }
  return TraceEvent::KIND_STREAM_ENDED;
}

}  // namespace

void WriteTrace(const WatchedSessions::Page& page,
                admin::v1::TraceSessionResponse* response) {
  response->set_trace(page.events.trace);
  response->set_through(page.events.through);
  response->set_dropped(page.events.dropped);
  response->set_gone(page.gone);
  for (const SessionEvent& event : page.events.events) {
    TraceEvent* const message = response->add_events();
    message->set_kind(KindMessage(event.kind));
    *message->mutable_at() = wire::ToProto(event.at + page.to_date);
    message->set_first(event.first);
    message->set_through(event.through);
    message->set_failed(event.failed);
    message->set_code(event.code);
    message->set_message(event.text);
  }
}

}  // namespace msgproc::processor
