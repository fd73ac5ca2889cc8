#include "services/processor/store/store_metrics.h"

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string>

namespace msgproc::processor {
namespace {

double Load(const std::atomic<uint64_t>& value) {
  return static_cast<double>(value.load(std::memory_order_relaxed));
}

void WriteCommits(const StoreCounters& c, base::MetricWriter* writer) {
  writer
      ->Histogram("msgproc_store_commit_duration_seconds",
                  "One commit to the session store, with the handlers that run "
                  "in it and what had to be tried again.")
      .Add({}, c.commit_seconds.Snapshot());
  writer
      ->Histogram("msgproc_store_group_sessions",
                  "Sessions that were committed together.")
      .Add({}, c.group_sessions.Snapshot());
  writer
      ->Histogram("msgproc_store_group_messages",
                  "Messages whose results were committed together.")
      .Add({}, c.group_messages.Snapshot());
  writer
      ->Counter("msgproc_store_committed_bytes_total",
                "Results that were committed, encoded.")
      .Add({}, Load(c.bytes_committed));
}

void WriteTroubles(const StoreCounters& c, base::MetricWriter* writer) {
  auto retries = writer->Counter(
      "msgproc_store_retries_total",
      "Commits and claims that had to be tried again. conflict: passes by "
      "itself. ambiguous: the answer to a commit was lost, and its sessions "
      "were claimed anew.");
  for (size_t i = 0; i < kStoreRetries; ++i) {
    retries.Add(
        {{"class", std::string(StoreRetryName(static_cast<StoreRetry>(i)))}},
        Load(c.retries[i]));
  }
  writer
      ->Counter(
          "msgproc_store_fenced_total",
          "Sessions that another server had taken, as a commit found out.")
      .Add({}, Load(c.fenced));
  writer
      ->Counter("msgproc_store_claims_total",
                "Sessions claimed because a client opened them. created: new. "
                "taken: from another process, or from one that is gone. kept: "
                "this process had it. refused: not the client's, or expired. "
                "lost: the store knows less than the client (DATA_LOSS).")
      .Add({{"result", "created"}}, Load(c.claims_created))
      .Add({{"result", "taken"}}, Load(c.claims_taken))
      .Add({{"result", "kept"}}, Load(c.claims_kept))
      .Add({{"result", "refused"}}, Load(c.claims_refused))
      .Add({{"result", "lost"}}, Load(c.claims_lost));
}

}  // namespace

void WriteStoreMetrics(StoreCommitter* committer, base::MetricWriter* writer) {
  const StoreCounters& c = *committer->counters();
  WriteCommits(c, writer);
  WriteTroubles(c, writer);
  const StoreCommitter::Waiting waiting = committer->waiting();
  writer
      ->Gauge("msgproc_store_up",
              "1 while the session store works, as far as is known.")
      .Add({}, committer->Health().ok() ? 1 : 0);
  writer
      ->Gauge("msgproc_store_waiting_sessions",
              "Sessions with something to commit that is in no commit yet.")
      .Add({}, static_cast<double>(waiting.sessions));
  writer
      ->Gauge("msgproc_store_oldest_uncommitted_seconds",
              "How long a session has waited for its commit, at most.")
      .Add({}, absl::ToDoubleSeconds(waiting.longest));
  writer->Gauge("msgproc_store_bytes", "What the session store takes.")
      .Add({}, Load(c.bytes));
  writer
      ->Gauge("msgproc_store_sessions",
              "Sessions in the session store, of the whole fleet.")
      .Add({}, Load(c.sessions));
  writer
      ->Counter("msgproc_store_expired_total",
                "Sessions that became tombstones here, and tombstones that "
                "went.")
      .Add({}, Load(c.expired));
}

}  // namespace msgproc::processor
