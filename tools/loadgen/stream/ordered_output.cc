#include "tools/loadgen/stream/ordered_output.h"

#include <unistd.h>

#include <cerrno>
#include <utility>

#include "common/check.h"

namespace msgproc::loadgen {

OrderedOutput::OrderedOutput(int descriptor, int streams)
    : descriptor_(descriptor), results_(static_cast<size_t>(streams)) {
  MSGPROC_CHECK_GT(streams, 0);
  thread_ = std::thread([this] { Run(); });
}

OrderedOutput::~OrderedOutput() { Finish().IgnoreError(); }

void OrderedOutput::Put(int stream, absl::string_view result) {
  const auto index = static_cast<size_t>(stream);
  MutexLock lock(&mutex_);
  MSGPROC_CHECK_LT(index, results_.size());
  if (!status_.ok()) return;
  results_[index].emplace_back(result);
  bytes_ += result.size() + 1;
  ++waiting_results_;
  if (index == next_) changed_.SignalAll();
}

absl::Status OrderedOutput::WaitForRoom() {
  MutexLock lock(&mutex_);
  while (status_.ok() && bytes_ > kRoomBytes) changed_.Wait(&mutex_);
  return status_;
}

absl::Status OrderedOutput::Finish() {
  {
    MutexLock lock(&mutex_);
    finishing_ = true;
    changed_.SignalAll();
  }
  if (thread_.joinable()) thread_.join();
  MutexLock lock(&mutex_);
  return status_;
}

void OrderedOutput::Run() {
  std::string text;
  MutexLock lock(&mutex_);
  while (true) {
    while (!Collect(&text)) {
      if (finishing_) return;
      changed_.Wait(&mutex_);
    }
    lock.Unlock();
    absl::Status status = Write(text);
    lock.Relock();
    bytes_ = bytes_ > text.size() ? bytes_ - text.size() : 0;
    text.clear();
    changed_.SignalAll();
    if (status.ok()) continue;
    status_ = std::move(status);
    return;
  }
}

// Takes what is next in order; false when that is not there yet.
bool OrderedOutput::Collect(std::string* text) {
  constexpr size_t kMostAtOnce = size_t{1} << 20;
  MSGPROC_CHECK_LT(next_, results_.size());
  while (waiting_results_ != 0 && text->size() < kMostAtOnce) {
    std::deque<std::string>& results = results_[next_];
    if (results.empty() && !finishing_) break;
    if (!results.empty()) {
      text->append(results.front());
      results.pop_front();
      --waiting_results_;
    } else {
      ++bytes_;  // A line that no Put brought.
    }
    text->push_back('\n');
    next_ = (next_ + 1) % results_.size();
  }
  return !text->empty();
}

absl::Status OrderedOutput::Write(absl::string_view text) const {
  while (!text.empty()) {
    const ssize_t count = write(descriptor_, text.data(), text.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return absl::ErrnoToStatus(errno, "writing the results");
    text.remove_prefix(static_cast<size_t>(count));
  }
  return absl::OkStatus();
}

}  // namespace msgproc::loadgen
