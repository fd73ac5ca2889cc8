#ifndef MSGPROC_TOOLS_LOADGEN_REPORT_REPORT_H_
#define MSGPROC_TOOLS_LOADGEN_REPORT_REPORT_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "tools/loadgen/plan/plan.h"
#include "tools/loadgen/plan/slo.h"
#include "tools/loadgen/stats/histogram.h"
#include "tools/loadgen/stats/interruptions.h"
#include "tools/loadgen/stats/tally.h"
#include "tools/loadgen/stats/time_series.h"

namespace msgproc::loadgen {

// What one server did.
struct ServerShare {
  std::string address;
  uint64_t messages = 0;  // Results that came from it.
  uint64_t streams = 0;   // Streams whose last connection led to it.
};

// How well the open loop's generator kept its own schedule.
struct GeneratorRecord {
  Histogram lateness;  // Nanoseconds from the intended time to sending.
  uint64_t held = 0;   // Messages that waited for room in their window: the
                       // server's doing, so not part of the lateness.
  // Messages that were due and had not found room in their window when sending
  // ended.
  uint64_t unsent = 0;
  int64_t limit = 0;  // See Plan::LatenessLimit.

  // What the generator itself is to blame for.
  bool punctual() const { return lateness.ValueAt(0.99) <= limit; }
  bool kept_schedule() const { return punctual() && unsent == 0; }
};

enum class ExitCode {
  kOk = 0,
  kFailed = 1,  // Something was lost, duplicated, failed or wrong.
  kUsage = 2,   // Bad flags, or a file that cannot be used.
  kSloMissed = 3,
  kBehindSchedule = 4,
};

// All that is known of a run once it is over. Data alone: the formats are made
// elsewhere (TextReport, JsonReport), and what they need is in here.
struct Report {
  Plan plan;
  std::string where;  // The address that was used, for people.
  bool embedded = false;
  std::string version;       // Of loadgen.
  std::string machine;       // For people.
  bool interrupted = false;  // Stopped by a signal before its end.
  int64_t started_at = 0;    // The measured phase; Unix time, milliseconds.

  Tally tally;  // Of the measured phase, with what an outbox owed.
  // Messages that earlier runs had sent, with the same outbox.
  uint64_t sent_before = 0;
  Tally warmup;  // Of the warm-up.
  // From the first message to the last result, or as long as anything was
  // waited for in vain; in an open loop each message has its interval, also the
  // last one.
  double seconds = 0;
  // User and system time of this process meanwhile, without its start.
  double cpu_seconds = 0;
  // Nanoseconds. What was lost or unsent is in it, with its waiting until it
  // was given up.
  Histogram latency;
  std::vector<TimeSeries::Row> series;
  Interruptions interruptions;
  std::map<std::string, ServerShare> servers;     // By server_id.
  std::map<std::string, uint64_t> stream_errors;  // Why streams ended early.
  std::vector<std::string> problems;         // Anything else that went wrong.
  std::optional<GeneratorRecord> generator;  // Open loop only.
  std::vector<ObjectiveResult> objectives;

  double MessagesPerSecond() const;
  // Due, but never sent; open loop only.
  uint64_t unsent() const { return generator ? generator->unsent : 0; }

  // The figure that an objective speaks of, in its unit.
  double Figure(const Objective& objective) const;

  // Everything was answered exactly once, in order, without an error, and as
  // the handler should have made it, in the warm-up too.
  bool Clean() const;

  // The worst comes first: what is wrong with the results, then a schedule that
  // was not kept (it makes the figures worthless), then the objectives.
  ExitCode Exit() const;
};

// Jain's fairness index (Jain, Chiu, Hawe: DEC-TR-301, 1984) of the servers'
// messages: 1 when all are equal, 1/n when one had them all; 1 without servers.
double JainsFairness(const std::map<std::string, ServerShare>& servers);

}  // namespace msgproc::loadgen

#endif  // MSGPROC_TOOLS_LOADGEN_REPORT_REPORT_H_
