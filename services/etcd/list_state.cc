#include "services/etcd/list_state.h"

#include <algorithm>
#include <utility>

#include "absl/random/distributions.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "common/check.h"
#include "common/transition.h"

namespace msgproc::etcd {
namespace {

absl::string_view Name(ListState::Phase phase) {
  switch (phase) {
    case ListState::Phase::kUnlisted:
      return "unlisted";
    case ListState::Phase::kListed:
      return "listed";
    case ListState::Phase::kOpening:
      return "opening";
    case ListState::Phase::kFollowing:
      return "following";
  }
  return "unknown";
}

absl::string_view Name(ListState::Request request) {
  switch (request) {
    case ListState::Request::kNone:
      return "none";
    case ListState::Request::kList:
      return "list";
    case ListState::Request::kListSerializable:
      return "serializable list";
    case ListState::Request::kWatch:
      return "watch";
    case ListState::Request::kProbe:
      return "probe";
  }
  return "unknown";
}

}  // namespace

ListState::ListState(const Options& options)
    : options_(options),
      backoff_(options.initial_backoff, options.max_backoff) {
  MSGPROC_CHECK_GE(options_.members, 1);
  MSGPROC_CHECK_GT(options_.probe_interval, absl::ZeroDuration());
  MSGPROC_CHECK_GT(options_.watch_timeout, absl::ZeroDuration());
}

void ListState::ChangePhase(Phase phase) {
  if (phase == phase_) return;
  MSGPROC_CHECK(phase != Phase::kFollowing || phase_ == Phase::kOpening);
  MSGPROC_CHECK(phase != Phase::kOpening || phase_ == Phase::kListed);
  if (phase_ == Phase::kOpening || phase_ == Phase::kFollowing) {
    drop_watch_ = phase != Phase::kFollowing;
  }
  TellTransition("etcd::ListState", Name(phase_), Name(phase));
  phase_ = phase;
}

ListState::Actions ListState::Next(absl::Time now) {
  if (phase_ == Phase::kOpening && now >= opened_by_) {
    ++failures_;
    ChangePhase(Phase::kListed);
  }
  if (phase_ == Phase::kFollowing && under_way_ == Request::kNone &&
      now - listed_at_ >= options_.resync_interval) {
    ListAgain();
  }
  Actions actions;
  actions.drop_watch = std::exchange(drop_watch_, false);
  if (under_way_ != Request::kNone) return actions;
  if (now < retry_at_) {
    actions.wake = retry_at_;
    return actions;
  }
  switch (phase_) {
    case Phase::kUnlisted:
      actions.request =
          alone_left_ > 0 ? Request::kListSerializable : Request::kList;
      under_way_ = actions.request;
      break;
    case Phase::kListed:
      actions.request = Request::kWatch;
      actions.from_revision = revision_ + 1;
      opened_by_ = now + options_.watch_timeout;
      actions.wake = opened_by_;
      ChangePhase(Phase::kOpening);
      break;
    case Phase::kOpening:
      actions.wake = opened_by_;
      break;
    case Phase::kFollowing:
      actions.wake = probe_at_;
      if (now < probe_at_) break;
      actions.request = Request::kProbe;
      under_way_ = actions.request;
      break;
  }
  return actions;
}

void ListState::ListAgain() { ChangePhase(Phase::kUnlisted); }

void ListState::Retry(absl::Time now, absl::BitGenRef random) {
  ++failures_;
  retry_at_ = now + absl::Uniform(random, 0.5, 1.0) * backoff_.Next();
}

std::vector<ListState::Item> ListState::OnListed(absl::Time now,
                                                 const Stamp& stamp,
                                                 std::vector<Item> items) {
  const Request answered = std::exchange(under_way_, Request::kNone);
  MSGPROC_CHECK(answered == Request::kList ||
                answered == Request::kListSerializable);
  MSGPROC_CHECK(phase_ == Phase::kUnlisted);
  alone_left_ = 0;
  if (answered == Request::kListSerializable) {
    // The next one asks the cluster again.
    retry_at_ = now + options_.max_backoff;
    if (known_) return {};
  } else {
    ++lists_;
    cluster_id_ = stamp.cluster_id;
    revision_ = stamp.revision;
    heard_at_ = now;
    listed_at_ = now;
    retry_at_ = absl::InfinitePast();
    ChangePhase(Phase::kListed);
  }
  known_ = true;
  std::set<std::string> gone = std::move(keys_);
  keys_.clear();
  for (const Item& item : items) {
    MSGPROC_CHECK(!item.deleted);
    gone.erase(item.key);
    keys_.insert(item.key);
  }
  for (const std::string& key : gone) {
    items.push_back({.key = key, .deleted = true});
  }
  return items;
}

void ListState::OnListFailed(absl::Time now, absl::BitGenRef random) {
  const Request failed = std::exchange(under_way_, Request::kNone);
  MSGPROC_CHECK(failed == Request::kList ||
                failed == Request::kListSerializable);
  if (failed == Request::kListSerializable) {
    --alone_left_;
  } else if (!known_) {
    alone_left_ = options_.members;
  }
  Retry(now, random);
}

void ListState::OnWatchCreated(absl::Time now) {
  MSGPROC_CHECK(phase_ == Phase::kOpening);
  ChangePhase(Phase::kFollowing);
  // That a member has taken the watch does not say that it has a cluster.
  probe_at_ = now;
}

std::vector<ListState::Item> ListState::OnEvents(absl::Time now,
                                                 std::vector<Item> events) {
  MSGPROC_CHECK(phase_ == Phase::kFollowing);
  heard_at_ = now;
  for (const Item& event : events) {
    revision_ = std::max(revision_, event.revision);
    if (event.deleted) {
      keys_.erase(event.key);
    } else {
      keys_.insert(event.key);
    }
  }
  return events;
}

void ListState::OnWatchEnded(absl::Time now, bool compacted,
                             absl::BitGenRef random) {
  MSGPROC_CHECK(phase_ == Phase::kOpening || phase_ == Phase::kFollowing);
  ChangePhase(compacted ? Phase::kUnlisted : Phase::kListed);
  drop_watch_ = false;
  Retry(now, random);
}

void ListState::OnProbed(absl::Time now, const Stamp& stamp) {
  const Request answered = std::exchange(under_way_, Request::kNone);
  MSGPROC_CHECK(answered == Request::kProbe);
  // Its watch has ended meanwhile.
  if (phase_ != Phase::kFollowing) return;
  if (stamp.cluster_id != cluster_id_ || stamp.revision < revision_) {
    return ListAgain();
  }
  heard_at_ = now;
  probe_at_ = now + options_.probe_interval;
  backoff_.Reset();
}

void ListState::OnProbeFailed(absl::Time now, absl::BitGenRef random) {
  const Request failed = std::exchange(under_way_, Request::kNone);
  MSGPROC_CHECK(failed == Request::kProbe);
  if (phase_ == Phase::kFollowing) ChangePhase(Phase::kListed);
  Retry(now, random);
}

StateDump ListState::Dump(absl::Time now) const {
  return StateDump("etcd::ListState",
                   {{"phase", Name(phase_)},
                    {"under_way", Name(under_way_)},
                    {"known", known_},
                    {"cluster_id", absl::StrCat(absl::Hex(cluster_id_))},
                    {"revision", revision_},
                    {"keys", keys_.size()},
                    {"heard_at", When(heard_at_, now)},
                    {"probe_at", When(probe_at_, now)},
                    {"listed_at", When(listed_at_, now)},
                    {"opened_by", When(opened_by_, now)},
                    {"retry_at", When(retry_at_, now)},
                    {"drop_watch", drop_watch_},
                    {"alone_left", alone_left_},
                    {"lists", lists_},
                    {"failures", failures_}});
}

}  // namespace msgproc::etcd
