#include "services/base/log_writer.h"

#include <poll.h>
#include <pthread.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <ctime>
#include <deque>
#include <thread>
#include <utility>

#include "absl/strings/string_view.h"
#include "common/check.h"
#include "common/clock.h"
#include "common/mutex.h"

namespace msgproc::base {
namespace {

enum class Written { kAll, kPart, kNothing };

Written WriteAll(int fd, absl::string_view bytes) {
  const size_t size = bytes.size();
  while (!bytes.empty()) {
    const ssize_t written = write(fd, bytes.data(), bytes.size());
    if (written >= 0) {
      bytes.remove_prefix(static_cast<size_t>(written));
    } else if (errno == EAGAIN) {
      // Somebody with the same terminal made it non-blocking.
      pollfd writable{fd, POLLOUT, 0};
      poll(&writable, 1, -1);
    } else if (errno != EINTR) {
      return bytes.size() == size ? Written::kNothing : Written::kPart;
    }
  }
  return Written::kAll;
}

// Signals are for other threads.
void BlockSignals() {
  sigset_t all;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, nullptr);
}

}  // namespace

// Shared by the writer and its thread, and the last of them to go frees it.
class LogWriter::Queue {
 public:
  explicit Queue(Options options) : options_(std::move(options)) {
    MSGPROC_CHECK(options_.notice != nullptr);
    MSGPROC_CHECK_GT(options_.max_lines, size_t{0});
    MSGPROC_CHECK_GE(options_.fd, 0);
  }

  void Push(std::string line) {
    MutexLock lock(&mutex_);
    const bool fits = lines_.size() < options_.max_lines &&
                      bytes_ + line.size() <= options_.max_bytes;
    if (!fits) dropping_ = true;
    if (dropping_) {
      ++unsaid_;
      dropped_.fetch_add(1, std::memory_order_relaxed);
      changed_.SignalAll();
      return;
    }
    if (unsaid_ > 0) Append(options_.notice(std::exchange(unsaid_, 0)));
    Append(std::move(line));
    changed_.SignalAll();
  }

  bool Flush(absl::Duration timeout) {
    const absl::Time deadline = Clock::Monotonic()->Now() + timeout;
    MutexLock lock(&mutex_);
    const uint64_t last = queued_.load(std::memory_order_relaxed);
    while (done_.load(std::memory_order_relaxed) < last || unsaid_ > 0) {
      const absl::Duration left = deadline - Clock::Monotonic()->Now();
      if (left <= absl::ZeroDuration()) return false;
      written_.WaitFor(&mutex_, left);
    }
    return true;
  }

  void FlushInSignalHandler(absl::Duration timeout) const {
    constexpr timespec kLook = {0, 1'000'000};
    const uint64_t last = queued_.load();
    for (absl::Duration waited;
         waited < timeout && done_.load(std::memory_order_acquire) < last;
         waited += absl::Milliseconds(1)) {
      nanosleep(&kLook, nullptr);
    }
  }

  uint64_t dropped() const { return dropped_.load(std::memory_order_relaxed); }

  void Stop() {
    MutexLock lock(&mutex_);
    stopping_ = true;
    changed_.SignalAll();
  }

  // The thread. Writes what is queued even when it is to stop.
  void Run() {
    MutexLock lock(&mutex_);
    while (true) {
      while (lines_.empty() && unsaid_ == 0 && !stopping_) {
        changed_.Wait(&mutex_);
      }
      if (lines_.empty() && unsaid_ == 0) return;
      // Nothing behind the last dropped line would say that they are missing.
      if (lines_.empty()) Append(options_.notice(std::exchange(unsaid_, 0)));
      const std::string line = std::move(lines_.front());
      lines_.pop_front();
      lock.Unlock();
      WriteLine(line);
      lock.Relock();
      // What is being written counts, so that the bounds hold for all of it.
      MSGPROC_CHECK_GE(bytes_, line.size());
      bytes_ -= line.size();
      if (lines_.size() <= options_.max_lines / 2 &&
          bytes_ <= options_.max_bytes / 2) {
        dropping_ = false;
      }
      MSGPROC_CHECK_LT(done_.load(std::memory_order_relaxed),
                       queued_.load(std::memory_order_relaxed));
      done_.fetch_add(1, std::memory_order_release);
      written_.SignalAll();
    }
  }

 private:
  void Append(std::string line) MSGPROC_REQUIRES(mutex_) {
    bytes_ += line.size();
    lines_.push_back(std::move(line));
    queued_.fetch_add(1, std::memory_order_relaxed);
  }

  void WriteLine(const std::string& line) {
    if (failed_ > 0 && !WriteOne(options_.notice(failed_))) {
      CountFailure();
      return;
    }
    failed_ = 0;
    if (!WriteOne(line)) CountFailure();
  }

  bool WriteOne(const std::string& line) {
    const Written written = WriteAll(options_.fd, torn_ ? "\n" + line : line);
    if (written != Written::kNothing) torn_ = written == Written::kPart;
    return written == Written::kAll;
  }

  void CountFailure() {
    ++failed_;
    dropped_.fetch_add(1, std::memory_order_relaxed);
  }

  const Options options_;
  std::atomic<uint64_t> dropped_{0};
  // Lines ever queued, and those of them that were written or failed.
  std::atomic<uint64_t> queued_{0};
  std::atomic<uint64_t> done_{0};

  // The thread's alone.
  uint64_t failed_ = 0;  // Lines since the last one that could be written.
  bool torn_ = false;    // The last line broke off in its middle.

  Mutex mutex_;
  CondVar changed_;  // A line is there, or it is to stop.
  CondVar written_;
  std::deque<std::string> lines_ MSGPROC_GUARDED_BY(mutex_);
  size_t bytes_ MSGPROC_GUARDED_BY(mutex_) = 0;
  bool dropping_ MSGPROC_GUARDED_BY(mutex_) = false;
  uint64_t unsaid_ MSGPROC_GUARDED_BY(mutex_) = 0;  // Dropped, no notice yet.
  bool stopping_ MSGPROC_GUARDED_BY(mutex_) = false;
};

LogWriter::LogWriter(Options options)
    : queue_(std::make_shared<Queue>(std::move(options))) {
  std::thread([queue = queue_] {
    BlockSignals();
    pthread_setname_np(pthread_self(), "msgproc-log");
    queue->Run();
  }).detach();
}

LogWriter::~LogWriter() { queue_->Stop(); }

void LogWriter::Write(std::string line) { queue_->Push(std::move(line)); }

bool LogWriter::Flush(absl::Duration timeout) const {
  return queue_->Flush(timeout);
}

void LogWriter::FlushInSignalHandler(absl::Duration timeout) const {
  queue_->FlushInSignalHandler(timeout);
}

uint64_t LogWriter::dropped() const { return queue_->dropped(); }

}  // namespace msgproc::base
