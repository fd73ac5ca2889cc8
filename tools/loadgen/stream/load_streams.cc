#include "tools/loadgen/stream/load_streams.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "common/check.h"
#include "common/clock.h"

namespace msgproc::loadgen {
namespace {

constexpr absl::Duration kCloseTimeout = absl::Seconds(10);
constexpr absl::Duration kAttemptOutlasts = absl::Seconds(1);

absl::Duration Left(absl::Time deadline) {
  return std::max(deadline - Clock::Monotonic()->Now(), absl::ZeroDuration());
}

client::MessageStreamOptions StreamOptions(
    const Options& asked, int index, const client::MessageStreamOptions& base,
    LoadStream* stream) {
  MSGPROC_CHECK_GT(asked.streams_per_connection, 0);
  client::MessageStreamOptions options = base;
  options.connection_key = index / asked.streams_per_connection;
  options.handler = asked.handler;
  options.client_name = asked.client_name;
  options.locality = asked.locality;
  options.max_outstanding_messages = asked.max_outstanding;
  if (asked.max_batch != 0) options.max_batch_messages = asked.max_batch;
  // The wait for all of them ends first, while streams that a connection has no
  // room for still wait on it: given up, they would try another one.
  options.connect_timeout =
      asked.connect_timeout + std::min(asked.connect_timeout, kAttemptOutlasts);
  options.give_up_after = asked.give_up_after;
  options.on_results = [stream](absl::Span<const client::Result> results) {
    stream->OnResults(results);
  };
  options.on_event = [stream](const client::StreamEvent& event) {
    stream->OnEvent(event);
  };
  if (asked.outbox.empty()) return options;
  options.outbox = asked.outbox;
  options.on_results = [stream](absl::Span<const client::Result> results) {
    stream->AwaitAttached();
    stream->OnResults(results);
  };
  options.on_event = [stream](const client::StreamEvent& event) {
    stream->AwaitAttached();
    stream->OnEvent(event);
  };
  return options;
}

// The stream speaks of the last look.
absl::Status Late(const absl::Status& status, absl::Duration timeout) {
  const absl::string_view text = status.message();
  const size_t reason = text.find(';');
  return absl::DeadlineExceededError(absl::StrCat(
      "no server answered within ", absl::FormatDuration(timeout),
      reason == absl::string_view::npos ? "" : text.substr(reason)));
}

}  // namespace

absl::StatusOr<LoadStreams> OpenStreams(
    const RunContext& context, const client::MessageStreamOptions& base) {
  LoadStreams streams;
  for (int i = 0; i < context.plan->streams; ++i) {
    auto stream = std::make_unique<LoadStream>(context, i);
    auto opened = client::MessageStream::Open(
        StreamOptions(context.plan->asked, i, base, stream.get()));
    if (!opened.ok()) return opened.status();
    stream->Attach(*std::move(opened));
    streams.push_back(std::move(stream));
  }
  return streams;
}

absl::Status WaitUntilConnected(const LoadStreams& streams, absl::Time since,
                                absl::Duration timeout,
                                const std::function<bool()>& stopped) {
  constexpr absl::Duration kLook = absl::Milliseconds(50);
  const absl::Time deadline = since + timeout;
  for (const auto& stream : streams) {
    absl::Status status;
    do {
      if (stopped()) return absl::CancelledError("stopped by a signal");
      status =
          stream->stream()->WaitUntilConnected(std::min(kLook, Left(deadline)));
    } while (absl::IsDeadlineExceeded(status) &&
             Clock::Monotonic()->Now() < deadline);
    if (absl::IsDeadlineExceeded(status)) return Late(status, timeout);
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

std::vector<int> ConnectedStreams(const Options& asked,
                                  const LoadStreams& streams) {
  std::vector<int> connected(static_cast<size_t>(asked.connections));
  for (size_t i = 0; i < streams.size(); ++i) {
    const size_t connection =
        i / static_cast<size_t>(asked.streams_per_connection);
    MSGPROC_CHECK_LT(connection, connected.size());
    const absl::Status status =
        streams[i]->stream()->WaitUntilConnected(absl::ZeroDuration());
    if (status.ok()) ++connected[connection];
  }
  return connected;
}

void DestroyStreams(const LoadStreams& streams) {
  for (const auto& stream : streams) stream->Destroy();
}

void CloseStreams(const LoadStreams& streams) {
  const absl::Time deadline = Clock::Monotonic()->Now() + kCloseTimeout;
  // All at once first, so that they wait for their servers together.
  for (const bool wait : {false, true}) {
    for (const auto& stream : streams) {
      if (stream->outstanding() != 0) continue;
      // How a stream ended, OnEvent has noted.
      stream->stream()
          ->Close(wait ? Left(deadline) : absl::ZeroDuration())
          .IgnoreError();
    }
  }
  DestroyStreams(streams);
}

Tally TakeTally(const LoadStreams& streams) {
  Tally tally;
  for (const auto& stream : streams) tally.Add(stream->TakeTally());
  return tally;
}

void TakeEntries(const LoadStreams& streams, Report* report) {
  for (const auto& stream : streams) {
    const StreamJournal::Entries entries = stream->TakeEntries();
    report->interruptions.Add(entries.interruptions);
    for (const auto& [id, share] : entries.servers) {
      ServerShare& sum = report->servers[id];
      sum.address = share.address;
      sum.messages += share.messages;
      sum.streams += share.streams;
    }
    const absl::Status failure = stream->failure();
    if (!failure.ok()) ++report->stream_errors[failure.ToString()];
  }
}

void RecordWaiting(const LoadStreams& streams, int64_t end,
                   Histogram* latency) {
  for (const auto& stream : streams) stream->RecordWaiting(end, latency);
}

int64_t LastResultAt(const LoadStreams& streams) {
  int64_t last = 0;
  for (const auto& stream : streams) {
    last = std::max(last, stream->last_result_at());
  }
  return last;
}

}  // namespace msgproc::loadgen
