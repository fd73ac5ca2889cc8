#include "tools/loadgen/load_run.h"

#include <time.h>

#include <algorithm>
#include <limits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "tools/loadgen/progress.h"

namespace msgproc::loadgen {
namespace {

constexpr absl::Duration kTick = absl::Milliseconds(50);
constexpr size_t kMaxLineBytes = size_t{64} << 20;

int64_t After(int64_t now, absl::Duration duration) {
  return duration == absl::InfiniteDuration()
             ? std::numeric_limits<int64_t>::max()
             : now + absl::ToInt64Nanoseconds(duration);
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
  if (files_.output() >= 0) {
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
  const RunContext context{&plan_, &payloads_, &clock_, output_.get()};
  absl::StatusOr<LoadStreams> streams = OpenStreams(context, stream_options_);
  if (!streams.ok()) return streams.status();
  streams_ = *std::move(streams);
  return WaitUntilConnected(streams_, plan_.asked.connect_timeout);
}

void LoadRun::Stop() {
  MutexLock lock(&mutex_);
  stopped_ = true;
  if (gate_ != nullptr) gate_->StopSending();
  files_.Stop();
}

void LoadRun::SetGate(PhaseGate* gate) {
  MutexLock lock(&mutex_);
  gate_ = gate;
  if (stopped_ && gate != nullptr) gate->StopSending();
}

// --- Phases ----------------------------------------------------------------

LoadRun::Outcome* LoadRun::RunPhase(absl::string_view name,
                                    const Phase& phase) {
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
      outcome->generator = std::move(record.generator);
    });
  } else {
    sender_ = std::thread([this, outcome] {
      outcome->generator =
          RunOpenLoop(plan_, clock_, outcome->start, &outcome->gate, streams_);
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
    if (stalled == 0) continue;
    outcome->gate.StopSending();
    if (waiting != 0) continue;
    problems_.push_back(
        absl::StrCat(stalled, " messages had no result after ",
                     absl::FormatDuration(plan_.asked.stall_timeout),
                     " (--stall_timeout): they count as lost"));
    return false;
  }
  return true;
}

// --- The whole ------------------------------------------------------------

void LoadRun::Measure(Report* report) {
  report->started_at = absl::ToUnixMillis(absl::Now());
  const double cpu_before = CpuSeconds();
  const Outcome* const outcome = RunPhase("", plan_.measured);
  report->cpu_seconds = CpuSeconds() - cpu_before;
  // The books are open until nothing can come any more.
  CloseStreams(streams_);
  const int64_t end = LastResultAt(streams_);
  report->tally = TakeTally(streams_);
  report->seconds = static_cast<double>(end - outcome->start) / 1e9;
  report->latency = outcome->recorder.Total();
  report->series = outcome->recorder.Series(end);
  report->generator = outcome->generator;
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
  report.problems = std::move(problems_);
  report.objectives =
      Evaluate(plan_.objectives, [&report](const Objective& objective) {
        return report.Figure(objective);
      });
  MutexLock lock(&mutex_);
  report.interrupted = stopped_;
  return report;
}

}  // namespace msgproc::loadgen
