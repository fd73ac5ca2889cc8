#include "tools/loadgen/load_run.h"

#include <time.h>

#include <algorithm>
#include <limits>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/check.h"
#include "common/clock.h"
#include "services/base/setting_name.h"
#include "tools/loadgen/report/progress.h"

namespace msgproc::loadgen {
namespace {

constexpr absl::Duration kTick = absl::Milliseconds(50);
constexpr size_t kMaxLineBytes = size_t{64} << 20;

int64_t After(int64_t now, absl::Duration duration) {
  // Which saturates, and so does the sum.
  const int64_t nanoseconds = absl::ToInt64Nanoseconds(duration);
  constexpr int64_t kFarFuture = std::numeric_limits<int64_t>::max();
  return nanoseconds > kFarFuture - now ? kFarFuture : now + nanoseconds;
}

// How long the load would have lasted on schedule, with the interval of its
// last message: n messages are n intervals long. 0: not known.
double ScheduledSeconds(const Plan& plan, const Report& report) {
  if (!plan.open_loop()) return 0;
  if (plan.arrivals == Arrivals::kUniform) {
    return static_cast<double>(report.tally.sent + report.unsent()) /
           plan.asked.rate;
  }
  const bool whole = !report.interrupted &&
                     plan.measured.duration < absl::InfiniteDuration() &&
                     report.tally.sent < plan.measured.messages;
  return whole ? absl::ToDoubleSeconds(plan.measured.duration) : 0;
}

// Why no message was sent, if nothing else says it.
std::string NothingSent(const Plan& plan, const Report& report) {
  if (report.interrupted) return "stopped before a message was sent";
  const base::SettingName& name = plan.asked.setting_name;
  if (plan.from_input()) {
    return absl::StrCat(name("input"), "=", plan.asked.input,
                        " has no lines: nothing was sent");
  }
  return absl::StrCat(name("duration"), "=",
                      absl::FormatDuration(plan.asked.duration),
                      " was over before a message could be sent");
}

// Of all threads of this process.
double CpuSeconds() {
  timespec time{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return absl::ToDoubleSeconds(absl::DurationFromTimespec(time));
}

}  // namespace

LoadRun::LoadRun(const Plan& plan, client::MessageStreamOptions stream_options,
                 const RunFiles& files)
    : plan_(plan),
      stream_options_(std::move(stream_options)),
      files_(files),
      payloads_(plan.asked.seed,
                plan.from_input() ? 0 : plan.asked.payload_bytes) {
  if (files_.output() >= 0 && !plan.asked.outbox.empty()) {
    result_log_ = std::make_unique<ResultLog>(files_.output());
  } else if (files_.output() >= 0) {
    output_ = std::make_unique<OrderedOutput>(files_.output(), plan_.streams);
  }
  if (files_.input() >= 0) {
    input_ = std::make_unique<LineReader>(files_.input(), files_.stop(),
                                          kMaxLineBytes);
  }
}

LoadRun::~LoadRun() {
  Stop();
  if (sender_.joinable()) sender_.join();
}

absl::Status LoadRun::Connect() {
  const absl::Time since = Clock::Monotonic()->Now();
  if (result_log_ != nullptr) {
    // Earlier runs' results come as soon as a stream is open.
    if (absl::Status status = result_log_->Begin(); !status.ok()) return status;
  }
  const RunContext context{&plan_, &payloads_, &clock_, output_.get(),
                           result_log_.get()};
  absl::StatusOr<LoadStreams> streams = OpenStreams(context, stream_options_);
  if (!streams.ok()) return streams.status();
  streams_ = *std::move(streams);
  return WaitUntilConnected(streams_, since, plan_.asked.connect_timeout,
                            [this] { return Stopped(); });
}

void LoadRun::Stop() {
  MutexLock lock(&mutex_);
  stopped_ = true;
  if (gate_ != nullptr) gate_->StopSending(clock_.Now());
  files_.Stop();
}

bool LoadRun::Stopped() {
  MutexLock lock(&mutex_);
  return stopped_;
}

void LoadRun::SetGate(PhaseGate* gate) {
  MutexLock lock(&mutex_);
  gate_ = gate;
  if (stopped_ && gate != nullptr) gate->StopSending(0);
}

// --- Phases ----------------------------------------------------------------

LoadRun::Outcome* LoadRun::RunPhase(absl::string_view name,
                                    const Phase& phase) {
  MSGPROC_CHECK(!sender_.joinable());
  const int64_t start = clock_.Now();
  outcomes_.push_back(std::make_unique<Outcome>(plan_.streams, start,
                                                After(start, phase.duration)));
  Outcome* const outcome = outcomes_.back().get();
  SetGate(&outcome->gate);
  StartSending(phase, outcome);
  outcome->finished = Watch(name, phase, outcome);
  if (sender_.joinable()) sender_.join();
  return outcome;
}

void LoadRun::StartSending(const Phase& phase, Outcome* outcome) {
  MSGPROC_CHECK_EQ(streams_.size(), static_cast<size_t>(plan_.streams));
  const bool closed_loop = !plan_.open_loop() && !plan_.from_input();
  for (int i = 0; i < plan_.streams; ++i) {
    streams_[static_cast<size_t>(i)]->BeginPhase(phase.Quota(i, plan_.streams),
                                                 closed_loop, &outcome->gate,
                                                 &outcome->recorder);
  }
  if (closed_loop) {
    for (const auto& stream : streams_) stream->StartClosedLoop();
  } else if (plan_.from_input()) {
    sender_ = std::thread([this, outcome] {
      FeedRecord record =
          RunInputFeed(plan_, clock_, outcome->start, &outcome->gate, streams_,
                       input_.get(), output_.get());
      input_status_ = std::move(record.status);
      input_ended_ = record.ended;
      outcome->generator = std::move(record.generator);
      outcome->backlogs = std::move(record.backlogs);
    });
  } else {
    sender_ = std::thread([this, outcome] {
      PacedRecord record =
          RunOpenLoop(plan_, clock_, outcome->start, &outcome->gate, streams_);
      outcome->generator = std::move(record.generator);
      outcome->backlogs = std::move(record.backlogs);
    });
  }
}

// Waits until every stream has finished; false when those that have not have
// waited in vain for --stall_timeout.
bool LoadRun::Watch(absl::string_view name, const Phase& phase,
                    Outcome* outcome) {
  const int64_t patience = absl::ToInt64Nanoseconds(plan_.asked.stall_timeout);
  Progress progress(name, phase, StandardErrorIsTerminal());
  std::vector<int64_t> last_idle(streams_.size(), outcome->start);
  while (!outcome->gate.WaitUntilFinished(kTick)) {
    const int64_t now = clock_.Now();
    progress.Show(now - outcome->start, outcome->recorder.count());
    uint64_t waiting = 0;
    uint64_t stalled = 0;
    for (size_t i = 0; i < streams_.size(); ++i) {
      streams_[i]->CheckFinished();
      const uint64_t outstanding = streams_[i]->outstanding();
      if (outstanding == 0) last_idle[i] = now;
      const int64_t since =
          std::max(last_idle[i], streams_[i]->last_result_at());
      (now - since > patience ? stalled : waiting) += outstanding;
    }
    // A reader of lines may wait for one that never comes.
    if (!outcome->gate.MaySend(now)) files_.Stop();
    if (stalled == 0) continue;
    outcome->gate.StopSending(now);
    if (waiting != 0) continue;
    problems_.push_back(absl::StrCat(
        stalled, " messages had no result after ",
        absl::FormatDuration(plan_.asked.stall_timeout), " (",
        plan_.asked.setting_name("stall_timeout"), "): they count as lost"));
    return false;
  }
  return true;
}

// --- The whole ------------------------------------------------------------

void LoadRun::Measure(Report* report) {
  report->started_at = absl::ToUnixMillis(absl::Now());
  const double cpu_before = CpuSeconds();
  const Outcome* const outcome = RunPhase("", plan_.measured);
  const int64_t given_up = clock_.Now();
  report->cpu_seconds = CpuSeconds() - cpu_before;
  // The books are open until nothing can come any more.
  if (plan_.asked.outbox.empty() || input_ended_) {
    CloseStreams(streams_);
  } else {
    DestroyStreams(streams_);
  }
  report->tally = TakeTally(streams_);
  report->latency = outcome->recorder.Total();
  report->series = outcome->recorder.Series(LastResultAt(streams_));
  report->generator = outcome->generator;
  report->interrupted = Stopped();
  CountTheWaiting(*outcome, given_up, report);
}

// What has no result waited until `given_up` at least.
void LoadRun::CountTheWaiting(const Outcome& outcome, int64_t given_up,
                              Report* report) {
  RecordWaiting(streams_, given_up, &report->latency);
  for (const Backlog& backlog : outcome.backlogs) {
    backlog.RecordWaiting(given_up, &report->latency);
  }
  const bool in_vain = report->tally.lost() + report->unsent() != 0;
  const int64_t end = in_vain ? given_up : LastResultAt(streams_);
  report->seconds = std::max(static_cast<double>(end - outcome.start) / 1e9,
                             ScheduledSeconds(plan_, *report));
}

Report LoadRun::Execute() {
  Report report;
  report.plan = plan_;
  report.started_at = absl::ToUnixMillis(absl::Now());
  bool usable = true;
  if (!plan_.warmup.empty()) {
    usable = RunPhase("warm-up", plan_.warmup)->finished;
    if (!usable) CloseStreams(streams_);
    report.warmup = TakeTally(streams_);
  }
  if (usable) Measure(&report);
  TakeEntries(streams_, &report);
  if (output_ != nullptr) input_status_.Update(output_->Finish());
  if (!input_status_.ok()) {
    problems_.emplace_back(input_status_.message());
  }
  report.interrupted = Stopped();
  for (const auto& stream : streams_) {
    report.sent_before += stream->sent_earlier();
  }
  if (usable && report.tally.sent + report.sent_before == 0 &&
      problems_.empty() && report.stream_errors.empty()) {
    problems_.push_back(NothingSent(plan_, report));
  }
  report.problems = std::move(problems_);
  report.objectives =
      Evaluate(plan_.objectives, [&report](const Objective& objective) {
        return report.Figure(objective);
      });
  return report;
}

}  // namespace msgproc::loadgen
