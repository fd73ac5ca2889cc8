#include "tools/loadgen/stream/stream_journal.h"

#include <utility>

namespace msgproc::loadgen {

void StreamJournal::Connected(int64_t now, absl::string_view server_id,
                              absl::string_view address, uint64_t answered,
                              std::optional<int64_t> oldest_outstanding) {
  MutexLock lock(&mutex_);
  CountForServer(answered);
  server_id_ = std::string(server_id.empty() ? address : server_id);
  address_ = std::string(address);
  interruptions_.Connected(now, oldest_outstanding);
}

void StreamJournal::Disconnected(int64_t now) {
  MutexLock lock(&mutex_);
  interruptions_.Disconnected(now);
}

void StreamJournal::Failed(const absl::Status& why) {
  MutexLock lock(&mutex_);
  failure_.Update(why);
}

absl::Status StreamJournal::failure() const {
  MutexLock lock(&mutex_);
  return failure_;
}

void StreamJournal::BeginPhase(uint64_t answered) {
  MutexLock lock(&mutex_);
  interruptions_.Reset();
  servers_.clear();
  counted_ = answered;
}

StreamJournal::Entries StreamJournal::EndPhase(
    int64_t now, uint64_t answered, std::optional<int64_t> oldest_outstanding) {
  MutexLock lock(&mutex_);
  CountForServer(answered);
  // A gap in which nothing waits any more is no interruption, and one that
  // still lasts is.
  if (oldest_outstanding) interruptions_.Finish(now, oldest_outstanding);
  Entries entries{interruptions_.found(), std::move(servers_)};
  servers_.clear();
  if (!server_id_.empty()) {
    ServerShare& last = entries.servers[server_id_];
    last.address = address_;
    last.streams = 1;
  }
  return entries;
}

// The results since the last time came from the present server.
void StreamJournal::CountForServer(uint64_t answered) {
  if (!server_id_.empty() && answered > counted_) {
    ServerShare& share = servers_[server_id_];
    share.address = address_;
    share.messages += answered - counted_;
  }
  counted_ = answered;
}

}  // namespace msgproc::loadgen
