#include "services/processor/store/commit_queue.h"

#include <atomic>
#include <cstdint>
#include <set>
#include <string>
#include <utility>

#include "common/check.h"

namespace msgproc::processor {
namespace {

constexpr size_t kMaxClaims = 256;

bool HasAnything(const GroupPart& part) {
  return part.work != nullptr || part.write.has_results() ||
         part.write.trim_through > 0 || part.write.touch || part.write.finish ||
         part.write.tries.has_value();
}

void Add(std::atomic<uint64_t>* counter, uint64_t n) {
  counter->fetch_add(n, std::memory_order_relaxed);
}

}  // namespace

void CommitQueue::OnReady(Key key, std::shared_ptr<CommitSource> source,
                          const GroupCommit::Load& more, absl::Time now) {
  groups_.OnReady(key, more, now);
  sources_[key].commits = std::move(source);
}

void CommitQueue::Submit(Key key, std::shared_ptr<CommitSource> source,
                         std::unique_ptr<Batch> work, absl::Time now) {
  const int64_t each =
      work->binding->message_nanoseconds.load(std::memory_order_relaxed);
  groups_.OnReady(
      key,
      {.bytes = work->size,
       .work = absl::Nanoseconds(each) * static_cast<int64_t>(work->size)},
      now);
  Source& waiting = sources_[key];
  waiting.commits = std::move(source);
  MSGPROC_CHECK(waiting.work == nullptr);
  waiting.work = std::move(work);
}

CommitQueue::Task CommitQueue::NextTask() {
  Task task;
  const bool claims_wait = !claims_.empty();
  if (!claims_wait || !std::exchange(claims_next_, !claims_next_)) {
    task.group = groups_.NextGroup();
    for (const Key key : task.group) {
      Source& source = sources_.at(key);
      task.sources.push_back({source.commits, std::move(source.work)});
    }
  }
  if (claims_wait && task.group.empty()) {
    claims_next_ = false;
    // A session once.
    std::set<std::string> named;
    while (!claims_.empty() && task.claims.size() < kMaxClaims &&
           named.insert(claims_.front().claim.session_id).second) {
      task.claims.push_back(std::move(claims_.front()));
      claims_.pop_front();
    }
  }
  return task;
}

std::vector<CommitQueue::Source> CommitQueue::OnDone(
    const std::vector<Key>& group, std::vector<GroupMember> members,
    absl::Time now) {
  std::vector<Source> gone;
  std::vector<Key> undone;
  for (GroupMember& member : members) {
    if (member.committed || member.part.fenced || member.part.dropped) {
      gone.push_back({std::move(member.source), std::move(member.part.work)});
      continue;
    }
    undone.push_back(member.key);
    Source& source = sources_[member.key];
    source.commits = std::move(member.source);
    if (member.part.work != nullptr) source.work = std::move(member.part.work);
  }
  groups_.OnDone(group, now, undone);
  for (const Key key : group) {
    const auto source = sources_.find(key);
    if (source == sources_.end() || groups_.Knows(key)) continue;
    gone.push_back(std::move(source->second));
    sources_.erase(source);
  }
  return gone;
}

std::deque<CommitQueue::WaitingClaim> CommitQueue::TakeClaims() {
  std::deque<WaitingClaim> taken;
  for (WaitingClaim& claim : std::exchange(claims_, {})) {
    (claim.claim.anew ? claims_ : taken).push_back(std::move(claim));
  }
  return taken;
}

CommitQueue::Contents CommitQueue::TakeAll() {
  return {.claims = std::exchange(claims_, {}),
          .sources = std::exchange(sources_, {})};
}

std::vector<GroupMember> Gather(CommitQueue::Task* task, size_t max_bytes) {
  std::vector<GroupMember> members;
  members.reserve(task->group.size());
  for (size_t i = 0; i < task->group.size(); ++i) {
    GroupMember member;
    member.key = task->group[i];
    member.source = std::move(task->sources[i].commits);
    member.part.work = std::move(task->sources[i].work);
    member.part.write =
        member.source->TakeCommit(max_bytes, member.part.work == nullptr);
    member.epoch = member.part.write.epoch;
    if (HasAnything(member.part)) members.push_back(std::move(member));
  }
  return members;
}

void TellMembers(std::vector<GroupMember>* members, StoreCounters* counters) {
  for (GroupMember& member : *members) {
    GroupPart& part = member.part;
    if (member.committed) {
      Add(&counters->sessions_committed, 1);
      Add(&counters->bytes_committed, part.write.results.size());
      member.source->OnCommitted(part.write, member.epoch);
      if (part.work == nullptr) continue;
      part.work->committed = true;
      Batch::Done(std::move(part.work));
    } else if (part.fenced) {
      Add(&counters->fenced, 1);
      part.work = nullptr;
      member.source->OnFenced(part.write);
    } else if (!part.dropped) {
      member.source->OnNotCommitted(part.write, member.epoch);
    }
  }
}

}  // namespace msgproc::processor
