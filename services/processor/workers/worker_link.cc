#include "services/processor/workers/worker_link.h"

#include <sys/epoll.h>

#include <cerrno>
#include <cstddef>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "common/check.h"
#include "services/base/log.h"
#include "services/processor/executors/traced_message.h"

namespace msgproc::processor {
namespace {

constexpr size_t kBufferBytes = 256 << 10;
// A larger one, made for a large result, is released again.
constexpr size_t kMostBufferBytesKept = 1 << 20;

}  // namespace

WorkerLink::WorkerLink(WorkerId id, int number,
                       std::unique_ptr<WorkerProcess> process,
                       std::unique_ptr<WorkerCodec> codec, int epoll,
                       WorkerRoster* roster, absl::Time now)
    : id_(id),
      number_(number),
      process_(std::move(process)),
      pid_(process_->pid()),
      codec_(std::move(codec)),
      epoll_(epoll),
      roster_(roster),
      started_(now),
      since_(now),
      buffer_(kBufferBytes, kMostBufferBytesKept) {
  roster_->OnStarted(number_, id_, process_->pid(), now);
  OutFrame greeting{codec_->Greeting(), {}};
  if (!greeting.head.empty()) pushed_.Push(std::move(greeting));
}

void WorkerLink::Push(const Assignment::Part& part, absl::Time now) {
  MSGPROC_CHECK(part.item->batch != nullptr);
  MSGPROC_CHECK(part.item->batch->batch != nullptr);
  MSGPROC_CHECK_LE(part.messages, part.item->remaining());
  frames_.clear();
  ForTraced(&part.item->batch->batch->traced, part.item->answered,
            part.messages, [&](TracedMessage* traced) {
              traced->begin = now;
              traced->attempt = traced->index == part.item->answered
                                    ? part.attempt
                                    : part.attempt_behind;
              traced->worker_pid = process_->pid();
            });
  MutexLock lock(&mutex_);
  if (expected_.empty()) expected_at_ = now;
  codec_->Encode(part, &frames_, &expected_);
  for (OutFrame& frame : frames_) pushed_.Push(std::move(frame));
}

void WorkerLink::Cancel(const WorkerBatch& work) {
  frames_.clear();
  codec_->EncodeCancelled(work, &frames_);
  MutexLock lock(&mutex_);
  for (OutFrame& frame : frames_) pushed_.Push(std::move(frame));
}

void WorkerLink::Flush() {
  MutexLock lock(&mutex_);
  if (writing_ || closing_) return;
  writing_ = true;
  auto written = OutputQueue::Written::kAll;
  while (!closing_ && !(pushed_.empty() && out_.empty())) {
    out_.Append(&pushed_);
    lock.Unlock();
    written = out_.WriteTo(process_->to());
    lock.Relock();
    if (written == OutputQueue::Written::kBlocked) break;
  }
  writing_ = false;
  if (closing_) {
    process_->CloseInput();
  } else if (written == OutputQueue::Written::kBlocked) {
    WaitForRoom();
  }
}

uint64_t WorkerLink::Unwritten() {
  MutexLock lock(&mutex_);
  return pushed_.unwritten_messages() +
         (writing_ ? 0 : out_.unwritten_messages());
}

void WorkerLink::WaitForRoom() {
  epoll_event event{};
  event.events = EPOLLOUT | EPOLLONESHOT;
  event.data.u64 = WritableEvent(id_);
  epoll_ctl(epoll_, watched_ ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, process_->to(),
            &event);
  watched_ = true;
}

void WorkerLink::ChangePhase(WorkerPhase to, absl::Time now,
                             absl::string_view why) {
  base::LogDebug("worker phase", {{"worker", number_},
                                  {"pid", process_->pid()},
                                  {"from", WorkerPhaseName(life_.phase())},
                                  {"to", WorkerPhaseName(to)},
                                  {"why", why}});
  life_.ChangePhase(to);
  since_ = now;
  if (to != WorkerPhase::kGone) roster_->OnPhase(id_, to, now);
}

void WorkerLink::CloseInput(absl::Time now, absl::string_view why) {
  if (life_.phase() != WorkerPhase::kServing &&
      life_.phase() != WorkerPhase::kRetiring) {
    return;
  }
  ChangePhase(WorkerPhase::kLeaving, now, why);
  MutexLock lock(&mutex_);
  // The descriptor's number may be another's as soon as it is closed.
  closing_ = true;
  if (!writing_) process_->CloseInput();
}

WorkerLink::ReadOutcome WorkerLink::Read(absl::Time now, absl::Status* breach) {
  const ssize_t size = buffer_.ReadFrom(process_->from());
  if (size < 0) {
    return errno == EAGAIN || errno == EINTR ? ReadOutcome::kNothing
                                             : ReadOutcome::kEnd;
  }
  if (size == 0) return ReadOutcome::kEnd;
  {
    // What has been answered was pushed before.
    MutexLock lock(&mutex_);
    newly_expected_.swap(expected_);
    for (const ResponseTracker::Expected& expected : newly_expected_)
      responses_.Expect(expected, expected_at_);
  }
  newly_expected_.clear();
  const absl::StatusOr<size_t> consumed =
      codec_->Decode(buffer_.data(), now, &responses_);
  if (!consumed.ok()) {
    *breach = consumed.status();
    buffer_.Clear();
    return ReadOutcome::kBreach;
  }
  buffer_.Consume(*consumed);
  return ReadOutcome::kAnswers;
}

}  // namespace msgproc::processor
