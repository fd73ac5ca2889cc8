#include "tools/loadgen/stream/input_feed.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "common/check.h"
#include "tools/loadgen/schedule/schedule.h"

namespace msgproc::loadgen {
namespace {

// When the lines are to leave: at once, or by a schedule.
class LinePace {
 public:
  LinePace(const Plan& plan, const NanoClock* clock, int64_t start)
      : clock_(clock) {
    if (!plan.open_loop()) return;
    schedule_.emplace(start, 1e9 / plan.asked.rate, plan.arrivals,
                      plan.asked.seed);
    record_.emplace();
    record_->limit = plan.LatenessLimit();
  }

  // Waits until the next line is to leave; when it was meant to.
  int64_t Wait(const PhaseGate& gate) {
    if (!schedule_) return clock_->Now();
    constexpr int64_t kLongestSleep = 20'000'000;
    due_ = schedule_;
    const int64_t intended = schedule_->next();
    schedule_->Advance();
    for (int64_t now = clock_->Now(); now < intended && gate.MaySend(now);
         now = clock_->Now()) {
      SleepUntil(*clock_, std::min(intended, now + kLongestSleep));
    }
    ready_at_ = clock_->Now();
    return intended;
  }

  // The line was sent; what it waited for room is not lateness.
  void Sent(int64_t intended, bool held) {
    if (!record_) return;
    if (held) {
      ++record_->held;
      blocked_until_ = clock_->Now();
    }
    record_->lateness.Record(
        std::max<int64_t>(0, ready_at_ - std::max(intended, blocked_until_)));
  }

  // The line that Wait was called for last found no room before `end`: counts
  // it with those after it that were due by then, as long as there are some.
  Backlog Unsent(int64_t end, uint64_t most, LineReader* input) {
    if (!due_) return {Schedule(end, 1, Arrivals::kUniform, 0), 0};
    Backlog backlog{*due_, due_->CountBefore(end, std::min<uint64_t>(most, 1))};
    if (backlog.messages == 0) return backlog;
    const uint64_t due = due_->CountBefore(end, most);
    input->StopWaiting();
    absl::string_view line;
    while (backlog.messages < due) {
      const absl::StatusOr<bool> more = input->Next(&line);
      if (!more.ok() || !*more) break;
      ++backlog.messages;
    }
    if (record_.has_value()) record_->unsent = backlog.messages;
    return backlog;
  }

  const std::optional<GeneratorRecord>& record() const { return record_; }

 private:
  const NanoClock* const clock_;
  std::optional<Schedule> schedule_;
  std::optional<Schedule> due_;  // As it was for the line that waits.
  std::optional<GeneratorRecord> record_;
  int64_t ready_at_ = 0;
  int64_t blocked_until_ = 0;
};

// Passes over the lines that earlier runs have sent.
absl::Status PassOver(uint64_t lines, LineReader* input) {
  absl::string_view line;
  for (uint64_t i = 0; i < lines; ++i) {
    const absl::StatusOr<bool> more = input->Next(&line);
    if (!more.ok()) return more.status();
    if (!*more) {
      return absl::FailedPreconditionError(absl::StrCat(
          "the input has ", i, " lines, and by its outbox ", lines,
          " were sent before: give the input that they are from, or another "
          "outbox"));
    }
  }
  return absl::OkStatus();
}

}  // namespace

FeedRecord RunInputFeed(const Plan& plan, const NanoClock& clock, int64_t start,
                        PhaseGate* gate, const LoadStreams& streams,
                        LineReader* input, OrderedOutput* output) {
  MSGPROC_CHECK(!streams.empty());
  if (plan.open_loop()) BePunctual();
  FeedRecord record;
  LinePace pace(plan, &clock, start);
  const uint64_t earlier = streams.front()->sent_earlier();
  record.status = PassOver(earlier, input);
  size_t next = 0;
  for (uint64_t i = earlier; record.status.ok() && i < plan.measured.messages;
       ++i) {
    absl::string_view line;
    const absl::StatusOr<bool> more = input->Next(&line);
    record.status = more.status();
    record.ended = more.ok() && !*more && gate->MaySend(clock.Now());
    if (!more.ok() || !*more) break;
    const int64_t intended = pace.Wait(*gate);
    if (output != nullptr) record.status = output->WaitForRoom();
    if (!record.status.ok()) break;
    const bool held = !streams[next]->Ready();
    if (streams[next]->SendLine(line, intended) != LoadStream::Sent::kYes) {
      record.backlogs.push_back(
          pace.Unsent(std::min(clock.Now(), gate->send_until()),
                      plan.measured.messages - i, input));
      break;
    }
    pace.Sent(intended, held);
    next = (next + 1) % streams.size();
  }
  for (const auto& stream : streams) stream->StopSending();
  record.generator = pace.record();
  return record;
}

}  // namespace msgproc::loadgen
