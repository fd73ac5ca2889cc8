#include "services/processor/store/group_commit.h"

#include <algorithm>
#include <utility>

#include "common/check.h"
#include "common/transition.h"

namespace msgproc::processor {
namespace {

void Transition(absl::string_view from, absl::string_view to) {
  TellTransition("processor::GroupCommit", from, to);
}

}  // namespace

GroupCommit::GroupCommit(const Options& options) : options_(options) {
  MSGPROC_CHECK_GT(options.max_groups, 0);
  MSGPROC_CHECK_GT(options.max_sessions, 0u);
}

void GroupCommit::CheckInvariants() const {
  MSGPROC_CHECK_GE(groups_in_flight_, 0);
  MSGPROC_CHECK_LE(groups_in_flight_, options_.max_groups);
  MSGPROC_CHECK_EQ(groups_in_flight_ == 0, in_flight_ == 0);
  MSGPROC_CHECK_EQ(sessions_.size(), queue_.size() + in_flight_);
}

void GroupCommit::OnReady(Key session, const Load& more, absl::Time now) {
  const auto [entry, waits_anew] = sessions_.try_emplace(session);
  Session& known = entry->second;
  known.load += more;
  if (waits_anew) {
    known.since = now;
    Transition("absent", "waiting");
    queue_.push_back(session);
  } else if (known.in_flight && !known.more) {
    known.more = true;
    known.since = now;
  }
  CheckInvariants();
}

std::vector<GroupCommit::Key> GroupCommit::NextGroup() {
  std::vector<Key> group;
  if (groups_in_flight_ == options_.max_groups) return group;
  Load sum;
  while (!queue_.empty() && group.size() < options_.max_sessions) {
    Session& next = sessions_.at(queue_.front());
    MSGPROC_CHECK(!next.in_flight);
    sum += next.load;
    if (!group.empty() &&
        (sum.bytes > options_.max_bytes || sum.work > options_.max_work)) {
      break;
    }
    Transition("waiting", "in flight");
    next.in_flight = true;
    next.taken = std::exchange(next.load, Load());
    next.taken_since = std::exchange(next.since, absl::InfiniteFuture());
    group.push_back(queue_.front());
    queue_.pop_front();
  }
  if (group.empty()) return group;
  ++groups_in_flight_;
  in_flight_ += group.size();
  CheckInvariants();
  return group;
}

void GroupCommit::Undo(Session* session) {
  MSGPROC_CHECK(session->in_flight);
  session->in_flight = session->more = false;
  session->load += std::exchange(session->taken, Load());
  session->since = std::exchange(session->taken_since, absl::InfiniteFuture());
}

void GroupCommit::OnDone(const std::vector<Key>& group, absl::Time now,
                         const std::vector<Key>& undone) {
  MSGPROC_CHECK(!group.empty());
  in_flight_ -= group.size();
  // From the back, so that they wait in the order in which they left.
  for (auto key = undone.rbegin(); key != undone.rend(); ++key) {
    Transition("in flight", "waiting");
    Undo(&sessions_.at(*key));
    queue_.push_front(*key);
  }
  for (const Key key : group) {
    const auto entry = sessions_.find(key);
    MSGPROC_CHECK(entry != sessions_.end());
    Session& done = entry->second;
    if (!done.in_flight) continue;  // Undone.
    if (!done.more) {
      Transition("in flight", "absent");
      sessions_.erase(entry);
      continue;
    }
    Transition("in flight", "waiting");
    MSGPROC_CHECK_LE(done.since, now);
    done.in_flight = done.more = false;
    done.taken_since = absl::InfiniteFuture();
    queue_.push_back(key);
  }
  --groups_in_flight_;
  CheckInvariants();
}

absl::Time GroupCommit::oldest() const {
  absl::Time oldest = absl::InfiniteFuture();
  for (const auto& [key, session] : sessions_) {
    oldest = std::min({oldest, session.since, session.taken_since});
  }
  return oldest;
}

StateDump GroupCommit::Dump(absl::Time now) const {
  return StateDump("processor::GroupCommit",
                   {{"max_groups", options_.max_groups},
                    {"groups_in_flight", groups_in_flight_},
                    {"sessions_in_flight", in_flight_},
                    {"sessions_waiting", queue_.size()},
                    {"oldest", When(oldest(), now)}});
}

StateDump GroupCommit::DumpOf(Key session, absl::Time now) const {
  StateDump dump = Dump(now);
  const auto found = sessions_.find(session);
  if (found == sessions_.end()) {
    dump.Add("session", "absent");
    return dump;
  }
  const Session& known = found->second;
  dump.Add("session", known.in_flight ? "in flight" : "waiting");
  dump.Add("session_taken_since", When(known.taken_since, now));
  dump.Add("session_since", When(known.since, now));
  dump.Add("session_more", known.more);
  dump.Add("session_load_bytes", known.load.bytes);
  return dump;
}

}  // namespace msgproc::processor
