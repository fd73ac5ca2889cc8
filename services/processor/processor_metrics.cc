#include "services/processor/processor_metrics.h"

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "absl/strings/string_view.h"
#include "services/base/identity/principal.h"
#include "services/base/metric_writer.h"
#include "services/base/traces/otlp_exporter.h"
#include "services/base/traces/span_metrics.h"
#include "services/processor/executors/batch.h"
#include "services/processor/session/memory_budget.h"
#include "services/processor/session/principal_usage.h"
#include "services/processor/session/refusal.h"
#include "services/processor/session/session_table.h"
#include "services/processor/store/store_metrics.h"

namespace msgproc::processor {
namespace {

template <typename T>
double Load(const std::atomic<T>& value) {
  return static_cast<double>(value.load(std::memory_order_relaxed));
}

void WriteMessages(const ProcessorCounters& c, base::MetricWriter* writer) {
  writer
      ->Counter("msgproc_processor_messages_total",
                "Messages by outcome: answered ok or with an error, or "
                "recognised as sent before.")
      .Add({{"outcome", "ok"}}, Load(c.messages_ok))
      .Add({{"outcome", "error"}}, Load(c.messages_error))
      .Add({{"outcome", "duplicate"}}, Load(c.messages_duplicate));
  writer
      ->Histogram("msgproc_processor_batch_messages",
                  "Messages in one request.")
      .Add({}, c.batch_messages.Snapshot());
  writer
      ->Counter("msgproc_processor_payload_bytes_total",
                "Payload bytes of accepted messages and of results.")
      .Add({{"direction", "received"}}, Load(c.bytes_received))
      .Add({{"direction", "sent"}}, Load(c.bytes_sent));
  writer
      ->Gauge("msgproc_processor_outstanding_messages",
              "Messages accepted whose result is not ready.")
      .Add({}, Load(c.outstanding));
}

using Handlers = std::vector<std::unique_ptr<HandlerBinding>>;

void WriteHandlers(const Handlers& handlers, base::MetricWriter* writer) {
  base::MetricWriter::Samples messages = writer->Counter(
      "msgproc_processor_handler_messages_total",
      "Messages that a handler has answered, ok or with an error.");
  for (const auto& handler : handlers) {
    const HandlerCounters& c = handler->counters;
    messages.Add({{"handler", handler->name}, {"outcome", "ok"}}, Load(c.ok));
    messages.Add({{"handler", handler->name}, {"outcome", "error"}},
                 Load(c.failed));
  }
  const auto histogram = [&](absl::string_view name, absl::string_view help,
                             base::AtomicHistogram HandlerCounters::*of) {
    base::MetricWriter::Samples samples = writer->Histogram(name, help);
    for (const auto& handler : handlers) {
      samples.Add({{"handler", handler->name}},
                  (handler->counters.*of).Snapshot());
    }
  };
  histogram("msgproc_processor_message_duration_seconds",
            "From a message's acceptance to its result being ready, in order.",
            &HandlerCounters::message_seconds);
  histogram("msgproc_processor_handler_duration_seconds",
            "What the handler took for a message: its share of the batch.",
            &HandlerCounters::handler_seconds);
}

void WriteUnread(const SessionTable& sessions, base::MetricWriter* writer) {
  size_t attached = 0;
  size_t detached = 0;
  size_t largest = 0;
  for (const auto& session : sessions.All()) {
    const HostedSession::Unread unread = session->unread();
    (unread.attached ? attached : detached) += unread.bytes;
    if (unread.attached) largest = std::max(largest, unread.bytes);
  }
  writer
      ->Gauge("msgproc_processor_unread_result_bytes",
              "Results that opened sessions keep because their clients have "
              "not acknowledged them.")
      .Add({{"state", "attached"}}, static_cast<double>(attached))
      .Add({{"state", "detached"}}, static_cast<double>(detached));
  writer
      ->Gauge("msgproc_processor_largest_unread_result_bytes",
              "The most that one of them with a stream keeps of such results.")
      .Add({}, static_cast<double>(largest));
}

void WriteMemory(const ProcessorCounters& c, const MemoryBudget& memory,
                 base::MetricWriter* writer) {
  writer
      ->Gauge("msgproc_processor_memory_budget_bytes",
              "Memory that all sessions may hold; 0: any.")
      .Add({}, Load(c.memory_budget));
  writer
      ->Gauge("msgproc_processor_memory_used_bytes",
              "Memory that all sessions hold, attached or not.")
      .Add({}, Load(c.memory_used));
  base::MetricWriter::Samples held =
      writer->Gauge("msgproc_processor_memory_held_bytes",
                    "What they hold. sessions: themselves. messages: that "
                    "wait. batches: that handlers have. results: that the "
                    "client has not received. reading, writing: frames on "
                    "their way.");
  for (const MemoryBudget::Kind& kind : MemoryBudget::kKinds) {
    held.Add({{"kind", kind.name}},
             static_cast<double>(memory.held().*kind.bytes));
  }
  writer
      ->Counter("msgproc_processor_memory_actions_total",
                "What was done for the sake of the memory budget. paused: a "
                "stream was not read for a while. ended: nor could an "
                "acknowledgement be. refused: a new session or anonymous "
                "stream was not let in.")
      .Add({{"action", "ended"}}, Load(c.memory_ends))
      .Add({{"action", "paused"}}, Load(c.memory_pauses))
      .Add({{"action", "refused"}}, Load(c.memory_refusals));
}

void WriteSessions(const ProcessorCounters& c, base::MetricWriter* writer) {
  writer
      ->Gauge("msgproc_processor_sessions",
              "Opened sessions, with a stream and without.")
      .Add({{"state", "attached"}}, Load(c.sessions_attached))
      .Add({{"state", "detached"}}, Load(c.sessions_detached));
  writer
      ->Gauge("msgproc_processor_detached_bytes",
              "Memory that detached sessions hold.")
      .Add({}, Load(c.detached_bytes));
  writer
      ->Counter("msgproc_processor_session_opens_total",
                "Opens by what the server knew of the session. moved: nothing, "
                "and the client was sent here by another server that it left "
                "in order. lost: nothing, and what had no result is sent "
                "again. late: refused, since a later one was there before.")
      .Add({{"state", "new"}}, Load(c.sessions_opened))
      .Add({{"state", "resumed"}}, Load(c.sessions_resumed))
      .Add({{"state", "moved"}}, Load(c.sessions_moved))
      .Add({{"state", "lost"}}, Load(c.sessions_lost))
      .Add({{"state", "late"}}, Load(c.sessions_late));
  writer
      ->Counter("msgproc_processor_sessions_forgotten_total",
                "Detached sessions forgotten before their client came back.")
      .Add({{"reason", "ttl"}}, Load(c.sessions_expired))
      .Add({{"reason", "memory"}}, Load(c.sessions_evicted));
  writer
      ->Counter("msgproc_processor_takeovers_total",
                "Sessions that a second stream took over from a first.")
      .Add({}, Load(c.takeovers));
  writer
      ->Counter("msgproc_processor_slow_consumers_total",
                "Streams ended because the client did not read.")
      .Add({}, Load(c.slow_consumers));
  writer
      ->Counter("msgproc_processor_silent_sessions_total",
                "Streams ended because the client was not heard from.")
      .Add({}, Load(c.silent_sessions));
}

void WriteRejections(const ProcessorCounters& c, base::MetricWriter* writer) {
  const auto rejected = [&c](Rejection reason) {
    return Load(c.rejected[static_cast<size_t>(reason)]);
  };
  writer
      ->Counter("msgproc_processor_rejected_total",
                "Streams ended because the client broke a rule. data_loss: "
                "the store knows less of the session than its client. "
                "failed_precondition: the session has expired, or the handler "
                "needs a session store.")
      .Add({{"reason", "data_loss"}}, rejected(Rejection::kDataLoss))
      .Add({{"reason", "failed_precondition"}},
           rejected(Rejection::kFailedPrecondition))
      .Add({{"reason", "invalid_argument"}},
           rejected(Rejection::kInvalidArgument))
      .Add({{"reason", "not_found"}}, rejected(Rejection::kNotFound))
      .Add({{"reason", "permission_denied"}},
           rejected(Rejection::kPermissionDenied))
      .Add({{"reason", "resource_exhausted"}},
           rejected(Rejection::kResourceExhausted));
}

void WriteRefusals(const ProcessorCounters& c, base::MetricWriter* writer) {
  base::MetricWriter::Samples refusals = writer->Counter(
      "msgproc_processor_refusals_total",
      "Streams that were not opened, or ended against their client's will. "
      "unauthenticated: no valid credentials. denied: by the access file. "
      "not_owner: another principal's session, or a wrong token. quota, "
      "window, "
      "memory: over a bound of the principal, the session, the server. "
      "no_store: the handler needs one. store_down, store_lost, expired: the "
      "store cannot be asked, knows less, or has kept it long enough.");
  for (size_t i = 0; i < kRefusals; ++i) {
    refusals.Add({{"reason", RefusalName(static_cast<Refusal>(i))}},
                 Load(c.refused[i]));
  }
}

void WriteAsync(const AsyncCounters& c, base::MetricWriter* writer) {
  writer
      ->Gauge("msgproc_processor_async_pending_messages",
              "Messages that handlers which answer later have begun and not "
              "answered.")
      .Add({}, Load(c.pending));
  writer
      ->Counter("msgproc_processor_async_misuse_total",
                "What such handlers did wrong. unanswered: no answer within "
                "--handler_timeout. repeated: an answer beyond the first.")
      .Add({{"kind", "unanswered"}}, Load(c.unanswered))
      .Add({{"kind", "repeated"}}, Load(c.repeated));
}

absl::string_view SourceName(base::Principal::Source source) {
  switch (source) {
    case base::Principal::Source::kCertificate:
      return "certificate";
    case base::Principal::Source::kToken:
      return "token";
    case base::Principal::Source::kAnonymous:
      break;
  }
  return "any";
}

void WriteUsage(const std::vector<PrincipalUsage::Line>& lines,
                base::MetricWriter* writer) {
  const auto write = [&](absl::string_view name, absl::string_view help,
                         uint64_t PrincipalUsage::Sent::*sent) {
    auto samples = writer->Counter(name, help);
    for (const PrincipalUsage::Line& line : lines) {
      const absl::string_view shown =
          line.name.empty() ? absl::string_view("other") : line.name;
      samples.Add({{"principal", shown}, {"source", SourceName(line.source)}},
                  static_cast<double>(line.sent.*sent));
    }
  };
  write("msgproc_processor_principal_messages_total",
        "Messages read of those who sent the most, since they are among them, "
        "and of all other principals.",
        &PrincipalUsage::Sent::messages);
  write("msgproc_processor_principal_received_bytes_total",
        "Bytes of requests read, likewise.", &PrincipalUsage::Sent::bytes);
}

}  // namespace

std::vector<prometheus::MetricFamily> ProcessorMetrics::Collect() const {
  const ProcessorCounters& counters = *server_->context()->counters();
  base::MetricWriter writer;
  WriteMessages(counters, &writer);
  WriteHandlers(server_->context()->handlers(), &writer);
  WriteUnread(*server_->context()->sessions(), &writer);
  WriteSessions(counters, &writer);
  WriteMemory(counters, *server_->context()->sessions()->memory(), &writer);
  WriteRejections(counters, &writer);
  WriteRefusals(counters, &writer);
  WriteUsage(server_->context()->usage()->Top(), &writer);
  const AsyncCounters none;
  WriteAsync(server_->async() == nullptr ? none : server_->async()->counters(),
             &writer);
  if (server_->committer() != nullptr) {
    WriteStoreMetrics(server_->committer(), &writer);
  }
  writer.Gauge("msgproc_processor_streams", "Open streams.")
      .Add({}, Load(counters.streams));
  writer
      .Gauge("msgproc_processor_draining",
             "1 while the server is stopping, otherwise 0.")
      .Add({}, counters.draining.load() ? 1 : 0);
  writer
      .Gauge("msgproc_processor_cordoned",
             "1 while an operator wants balancers to send nobody here, "
             "otherwise 0.")
      .Add({}, counters.cordoned.load() ? 1 : 0);
  const base::SpanCounters no_spans;
  base::WriteSpanMetrics(
      server_->traces() == nullptr ? no_spans : server_->traces()->counters(),
      &writer);
  server_->grpc().WriteMetrics("msgproc_processor", &writer);
  return writer.Take();
}

}  // namespace msgproc::processor
