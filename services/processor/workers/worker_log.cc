#include "services/processor/workers/worker_log.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <utility>

#include "common/check.h"
#include "common/clock.h"
#include "services/base/log.h"

namespace msgproc::processor {
namespace {

constexpr size_t kMaxLineBytes = 8 << 10;
constexpr size_t kLastWordsKept = 64;

}  // namespace

WorkerLog::WorkerLog()
    : wake_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
      thread_([this] { Run(); }) {}

WorkerLog::~WorkerLog() {
  {
    MutexLock lock(&mutex_);
    stop_ = true;
  }
  eventfd_write(wake_.get(), 1);
  thread_.join();
}

void WorkerLog::Add(WorkerId worker, int number, pid_t pid,
                    base::UniqueFd errors) {
  MSGPROC_CHECK(errors.valid());
  fcntl(errors.get(), F_SETFL, fcntl(errors.get(), F_GETFL) | O_NONBLOCK);
  {
    MutexLock lock(&mutex_);
    added_.push_back({.worker = worker,
                      .number = number,
                      .pid = pid,
                      .fd = std::move(errors)});
  }
  eventfd_write(wake_.get(), 1);
}

std::string WorkerLog::LastWords(WorkerId worker, absl::Duration timeout) {
  const absl::Time deadline = Clock::Monotonic()->Now() + timeout;
  MutexLock lock(&mutex_);
  while (true) {
    const auto found = last_words_.find(worker);
    if (found != last_words_.end()) return found->second;
    const absl::Duration left = deadline - Clock::Monotonic()->Now();
    if (left <= absl::ZeroDuration()) return "";
    ended_.WaitFor(&mutex_, left);
  }
}

void WorkerLog::Run() {
  std::vector<Source> sources;
  bool go_on = true;
  while (go_on) {
    std::vector<pollfd> polled = {{wake_.get(), POLLIN, 0}};
    for (const Source& source : sources) {
      polled.push_back({source.fd.get(), POLLIN, 0});
    }
    if (poll(polled.data(), polled.size(), -1) < 0) continue;
    // Sources that were added stand behind those that were polled.
    if (polled[0].revents != 0) go_on = TakeIn(&sources);
    for (size_t i = 0; i < sources.size(); ++i) {
      const bool ready = i + 1 >= polled.size() || polled[i + 1].revents != 0;
      if (ready && !Read(&sources[i])) End(&sources[i]);
    }
    sources.erase(
        std::remove_if(sources.begin(), sources.end(),
                       [](const Source& source) { return !source.fd.valid(); }),
        sources.end());
  }
}

bool WorkerLog::TakeIn(std::vector<Source>* sources) {
  eventfd_t count;
  eventfd_read(wake_.get(), &count);
  MutexLock lock(&mutex_);
  std::move(added_.begin(), added_.end(), std::back_inserter(*sources));
  added_.clear();
  return !stop_;
}

bool WorkerLog::Read(Source* source) {
  char text[16 << 10];
  const ssize_t size = read(source->fd.get(), text, sizeof(text));
  if (size < 0) return errno == EAGAIN || errno == EINTR;
  if (size == 0) return false;
  Write(source, absl::string_view(text, static_cast<size_t>(size)));
  return true;
}

void WorkerLog::Write(Source* source, absl::string_view text) {
  const auto say = [source] {
    base::LogInfo("worker says", {{"worker", source->number},
                                  {"pid", source->pid},
                                  {"line", source->line}});
    source->last = std::exchange(source->line, "");
  };
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    const size_t room = kMaxLineBytes - source->line.size();
    const size_t taken = std::min(end, room);
    source->line.append(text.data(), taken);
    const bool complete = taken == end && end < text.size();
    text.remove_prefix(taken + (complete ? 1 : 0));
    if (complete || source->line.size() == kMaxLineBytes) say();
  }
}

void WorkerLog::End(Source* source) {
  if (!source->line.empty()) Write(source, "\n");
  source->fd.Reset();
  {
    MutexLock lock(&mutex_);
    last_words_[source->worker] = std::move(source->last);
    if (last_words_.size() > kLastWordsKept) {
      last_words_.erase(last_words_.begin());
    }
  }
  ended_.SignalAll();
}

}  // namespace msgproc::processor
