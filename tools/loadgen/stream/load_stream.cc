#include "tools/loadgen/stream/load_stream.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/check.h"

namespace msgproc::loadgen {
namespace {

// Payloads up to this size are sent many at once.
constexpr size_t kSmallBytes = 1 << 10;

std::vector<std::string> Buffers(const RunContext& context, uint64_t window) {
  if (context.plan->from_input()) return {};
  const uint64_t most = context.payloads->bytes() > kSmallBytes
                            ? 1
                            : client::MessageStream::kMostResultsAtOnce;
  return std::vector<std::string>(std::min(window, most),
                                  context.payloads->NewBuffer());
}

// OK where the client library numbered a message as it is counted here.
absl::Status Numbered(uint64_t sequence, uint64_t expected) {
  if (sequence == expected) [[likely]]
    return absl::OkStatus();
  return absl::InternalError(absl::StrCat(
      "the client library numbered message ", expected, " as ", sequence));
}

// A stream never has more outstanding than it sends.
uint64_t Window(const Plan& plan, int index) {
  const uint64_t quota = std::max(plan.warmup.Quota(index, plan.streams),
                                  plan.measured.Quota(index, plan.streams));
  return std::clamp<uint64_t>(quota, 1, plan.asked.max_outstanding);
}

Checker MakeChecker(const RunContext& context, int index, uint64_t window) {
  if (context.plan->from_input()) {
    return Checker(static_cast<uint64_t>(index), context.plan->expectation,
                   window);
  }
  return Checker(static_cast<uint64_t>(index), context.plan->expectation,
                 context.payloads);
}

}  // namespace

LoadStream::LoadStream(const RunContext& context, int index)
    : context_(context),
      index_(index),
      window_(Window(*context.plan, index)),
      slot_mask_(std::bit_ceil(window_) - 1),
      payloads_(Buffers(context, window_)),
      sent_at_(slot_mask_ + 1),
      checker_(MakeChecker(context, index, window_)) {}

void LoadStream::Attach(std::unique_ptr<client::MessageStream> stream) {
  MSGPROC_CHECK(stream != nullptr);
  MSGPROC_CHECK(stream_ == nullptr);
  stream_ = std::move(stream);
  sent_earlier_ = stream_->next_sequence() - 1;
  if (sent_earlier_ > 0) {
    owed_earlier_ = stream_->outstanding();
    sent_ = sent_earlier_;
    answered_ = sent_earlier_ - owed_earlier_;
    checker_.GoOn(answered_, sent_earlier_);
    std::fill(sent_at_.begin(), sent_at_.end(), context_.clock->Now());
  }
  attached_ = true;
  attached_.notify_all();
}

void LoadStream::BeginPhase(uint64_t quota, bool closed_loop, PhaseGate* gate,
                            LatencyRecorder* recorder) {
  MSGPROC_CHECK(gate != nullptr);
  MSGPROC_CHECK(recorder != nullptr);
  const int64_t now = context_.clock->Now();
  const uint64_t sent = sent_.load();
  gate_ = gate;
  recorder_ = recorder;
  closed_loop_ = closed_loop;
  // What earlier runs are owed is this one's to wait for.
  sent_before_ = sent - owed_earlier_;
  last_sequence_ = quota > UINT64_MAX - sent ? UINT64_MAX : sent + quota;
  turn_.Reset();
  owed_ = 0;
  last_result_at_ = now;
  stopping_ = false;
  finished_ = false;
  journal_.BeginPhase(answered_);
}

// --- Sending ---------------------------------------------------------------

LoadStream::Sent LoadStream::Send(absl::string_view payload, int64_t intended,
                                  absl::Duration timeout) {
  const uint64_t sequence = sent_.load(std::memory_order_relaxed) + 1;
  sent_at_[sequence & slot_mask_] = intended;
  sent_.store(sequence, std::memory_order_release);
  const absl::StatusOr<uint64_t> sent = stream_->Send(payload, {}, timeout);
  const absl::Status status =
      sent.ok() ? Numbered(*sent, sequence) : sent.status();
  if (status.ok()) [[likely]]
    return Sent::kYes;
  sent_.store(sequence - 1, std::memory_order_release);
  if (absl::IsResourceExhausted(status) || absl::IsDeadlineExceeded(status)) {
    return Sent::kFull;
  }
  journal_.Failed(status);
  StopSending();
  return Sent::kDone;
}

bool LoadStream::MayGoOn(int64_t now) {
  return sent_.load(std::memory_order_relaxed) < last_sequence_ &&
         gate_.load(std::memory_order_relaxed)->MaySend(now) &&
         !ended_.load(std::memory_order_relaxed);
}

// Sends the next messages, payloads_.size() at most; returns how many left.
uint64_t LoadStream::SendBatch(uint64_t count, int64_t now) {
  MSGPROC_CHECK_LE(count, payloads_.size());
  const uint64_t before = sent_.load(std::memory_order_relaxed);
  std::array<absl::string_view, client::MessageStream::kMostResultsAtOnce>
      views;
  for (uint64_t i = 0; i < count; ++i) {
    context_.payloads->Stamp(static_cast<uint64_t>(index_), before + 1 + i,
                             &payloads_[i]);
    views[i] = payloads_[i];
    sent_at_[(before + 1 + i) & slot_mask_] = now;
  }
  sent_.store(before + count, std::memory_order_release);
  const auto sent =
      stream_->TrySendBatch(absl::MakeConstSpan(views.data(), count));
  const absl::Status status =
      sent.ok() ? Numbered(sent->first_sequence, before + 1) : sent.status();
  const uint64_t left = sent.ok() ? sent->count : 0;
  MSGPROC_CHECK_LE(left, count);
  if (left < count) sent_.store(before + left, std::memory_order_release);
  if (!status.ok() && !absl::IsResourceExhausted(status)) {
    journal_.Failed(status);
    StopSending();
  }
  return left;
}

// Sends what results are owed, as far as there is room.
void LoadStream::SendNext(int64_t now, uint64_t results) {
  owed_ += results;
  while (owed_ > 0) {
    if (!MayGoOn(now)) return StopSending();
    const uint64_t count =
        std::min({owed_, last_sequence_ - sent_.load(std::memory_order_relaxed),
                  static_cast<uint64_t>(payloads_.size())});
    const uint64_t left = SendBatch(count, now);
    owed_ -= left;
    if (left < count) return;
  }
}

void LoadStream::StartClosedLoop() {
  uint64_t count = window_;
  do {
    while (count > 0 && !stopping_.load(std::memory_order_relaxed)) {
      const uint64_t now = std::min<uint64_t>(count, payloads_.size());
      SendNext(context_.clock->Now(), now);
      count -= now;
    }
    count = turn_.TakeOwed();
  } while (count != 0);
  CheckFinished();
}

LoadStream::Sent LoadStream::SendPaced(int64_t intended) {
  if (!MayGoOn(intended)) {
    StopSending();
    return Sent::kDone;
  }
  if (!Ready()) return Sent::kFull;
  MSGPROC_CHECK(!payloads_.empty());
  context_.payloads->Stamp(static_cast<uint64_t>(index_),
                           sent_.load(std::memory_order_relaxed) + 1,
                           &payloads_.front());
  return Send(payloads_.front(), intended, absl::ZeroDuration());
}

LoadStream::Sent LoadStream::SendLine(absl::string_view line,
                                      int64_t intended) {
  constexpr absl::Duration kPatience = absl::Milliseconds(100);
  while (MayGoOn(context_.clock->Now())) {
    if (!WaitForRoom()) continue;
    checker_.Expect(sent_.load(std::memory_order_relaxed) + 1, line);
    const Sent sent = Send(line, intended, kPatience);
    if (sent != Sent::kFull) return sent;
  }
  return Sent::kDone;
}

// Waits a while; false: there is still no room. Once full, it waits for half
// the window, so that sender and callback don't take turns message by message.
bool LoadStream::WaitForRoom() {
  if (Ready()) return true;
  const uint64_t target = sent_.load(std::memory_order_relaxed) - window_ / 2;
  MutexLock lock(&room_mutex_);
  wake_at_.store(target);
  // Either we see the callback's answer, or it sees that we wait.
  std::atomic_thread_fence(std::memory_order_seq_cst);
  if (answered_.load(std::memory_order_acquire) < target) {
    room_.WaitFor(&room_mutex_, absl::Milliseconds(100));
  }
  wake_at_.store(UINT64_MAX);
  return Ready();
}

void LoadStream::StopSending() {
  stopping_.store(true);
  CheckFinished();
}

void LoadStream::CheckFinished() {
  if (!stopping_.load() || finished_.load()) return;
  if (outstanding() != 0 && !ended_.load()) return;
  if (!finished_.exchange(true)) gate_.load()->StreamFinished();
}

// --- Callbacks -------------------------------------------------------------

void LoadStream::TakeIn(const client::Result& result, int64_t now) {
  const uint64_t sent = sent_.load(std::memory_order_acquire);
  if (checker_.Check(result.sequence, sent, result.code, result.error,
                     result.payload)) [[likely]] {
    if (result.sequence > sent_earlier_) [[likely]] {
      latencies_.Add(now - sent_at_[result.sequence & slot_mask_], now,
                     recorder_);
    }
    if (context_.result_log != nullptr) {
      context_.result_log->Put(result.sequence, result.payload);
    }
    if (context_.output != nullptr) {
      context_.output->Put(index_, result.payload);
    }
    last_result_at_.store(now, std::memory_order_relaxed);
    answered_.store(answered_.load(std::memory_order_relaxed) + 1,
                    std::memory_order_release);
  }
}

void LoadStream::OnResults(absl::Span<const client::Result> results) {
  const int64_t now = context_.clock->Now();
  for (const client::Result& result : results) TakeIn(result, now);
  if (closed_loop_.load(std::memory_order_relaxed)) {
    if (turn_.Mine(results.size())) SendNext(now, results.size());
  } else {
    std::atomic_thread_fence(std::memory_order_seq_cst);
    if (answered_.load(std::memory_order_relaxed) >= wake_at_.load()) {
      MutexLock lock(&room_mutex_);
      room_.SignalAll();
    }
  }
  if (stopping_.load(std::memory_order_relaxed)) [[unlikely]]
    CheckFinished();
}

void LoadStream::OnEvent(const client::StreamEvent& event) {
  const int64_t now = context_.clock->Now();
  switch (event.kind) {
    case client::StreamEvent::Kind::kConnected:
      journal_.Connected(now, event.server_id, event.address, answered_.load(),
                         OldestOutstanding());
      break;
    case client::StreamEvent::Kind::kDisconnected:
      journal_.Disconnected(now);
      break;
    case client::StreamEvent::Kind::kDraining:
      break;
    case client::StreamEvent::Kind::kViolation:
      if (event.duplicate) checker_.CountDuplicate();
      journal_.Failed(event.status);
      break;
    case client::StreamEvent::Kind::kClosed:
      if (!event.status.ok()) {
        journal_.Disconnected(now);
        if (!absl::IsCancelled(event.status)) journal_.Failed(event.status);
      }
      ended_.store(true);
      if (gate_.load() != nullptr) StopSending();
      break;
  }
}

std::optional<int64_t> LoadStream::OldestOutstanding() const {
  const uint64_t answered = answered_.load(std::memory_order_acquire);
  if (answered == sent_.load(std::memory_order_acquire)) return std::nullopt;
  return sent_at_[(answered + 1) & slot_mask_];
}

// --- The books -------------------------------------------------------------

Tally LoadStream::TakeTally() {
  latencies_.Flush(last_result_at(), recorder_);
  Tally tally = checker_.TakeTally();
  tally.sent = sent_.load() - sent_before_;
  return tally;
}

void LoadStream::RecordWaiting(int64_t end, Histogram* latency) const {
  const uint64_t sent = sent_.load();
  for (uint64_t i = answered_.load() + 1; i <= sent; ++i) {
    latency->Record(end - sent_at_[i & slot_mask_]);
  }
}

StreamJournal::Entries LoadStream::TakeEntries() {
  return journal_.EndPhase(context_.clock->Now(), answered_.load(),
                           OldestOutstanding());
}

}  // namespace msgproc::loadgen
