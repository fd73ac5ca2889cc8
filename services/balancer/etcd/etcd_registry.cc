#include "services/balancer/etcd/etcd_registry.h"

#include <algorithm>
#include <cstddef>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/clock.h"
#include "common/quoted.h"
#include "msgproc/v1/balancer.pb.h"
#include "services/balancer/wire_conversions.h"
#include "services/base/log.h"
#include "services/etcd/list_state.h"
#include "services/etcd/requests.h"

namespace msgproc::balancer {
namespace {

absl::Time Now() { return Clock::Monotonic()->Now(); }

// etcd's leases are in whole seconds.
absl::Duration WholeLease(absl::Duration lease) {
  return std::max(absl::Seconds(2), absl::Ceil(lease, absl::Seconds(1)));
}

etcd::ListState::Options ListOptions(const EtcdRegistry::Options& options) {
  return {.members = static_cast<int>(options.url.endpoints.size()),
          .probe_interval = options.lease / 3};
}

}  // namespace

EtcdRegistry::EtcdRegistry(const Options& options, Fleet* fleet)
    : options_(options),
      fleet_(fleet),
      started_at_(Now()),
      client_(options.client.ForLease(options.lease), &loop_),
      servers_(
          fleet, Clock::Monotonic(),
          [this](const std::string& server_id, const ServerOrder& order) {
            return PassOn(server_id, order);
          },
          [this](const std::string& server_id, const MoveOrder& order) {
            Move(server_id, order);
          }),
      list_(ListOptions(options), options.url.ServersFolder(), &client_,
            [this](const std::vector<etcd::ListState::Item>& items) {
              servers_.Take(items);
            }),
      mover_(options.url.MoverKey(), options.name, WholeLease(options.lease),
             &client_) {
  fleet_->LetMove(false);
  loop_.Start([this] { return Step(); });
}

EtcdRegistry::~EtcdRegistry() { loop_.Stop(); }

absl::Time EtcdRegistry::Step() {
  absl::Time wake = list_.Step();
  const absl::Time now = Now();
  wake = std::min(wake, mover_.Step());
  fleet_->LetMove(mover_.elected(now));
  const absl::Time good_until = list_.state().heard_at() + options_.lease;
  if (now <= good_until) {
    if (now >= refresh_at_) {
      servers_.Refresh();
      refresh_at_ = now + options_.lease / 3;
    }
    wake = std::min({wake, refresh_at_, good_until + absl::Milliseconds(1)});
  }
  // Not before the refresh: what has come back must not be dropped first.
  fleet_->SetBlind(now > good_until);
  Publish(now);
  return wake;
}

void EtcdRegistry::Publish(absl::Time now) {
  const etcd::ListState& list = list_.state();
  const bool synced = now <= list.heard_at() + options_.lease;
  connected_.store(synced && mover_.lease() != 0);
  Say(synced);
  MutexLock lock(&mutex_);
  stats_ = {.synced = synced,
            .heard_at = list.heard_at(),
            .elected = mover_.elected(now),
            .left = mover_.left(),
            .lists = list.lists(),
            .failures = list.failures(),
            .unreadable = servers_.unreadable(),
            .servers = servers_.size()};
  changed_.SignalAll();
}

void EtcdRegistry::Say(bool synced) {
  std::string what;
  if (synced) {
    what = "in step";
  } else if (!list_.trouble().empty()) {
    what = list_.trouble();
  }
  if (what.empty() || what == said_) return;
  said_ = what;
  if (synced) {
    base::LogInfo("registry", {{"prefix", options_.url.prefix},
                               {"endpoint", client_.endpoint()},
                               {"event", "the list of servers is in step"}});
  } else {
    base::LogWarning(
        "the registry does not answer; going on with the last list",
        {{"endpoint", client_.endpoint()}, {"reason", what}});
  }
}

bool EtcdRegistry::PassOn(const std::string& server_id,
                          const ServerOrder& order) {
  if (!connected_.load()) return false;
  v1::RegisterResponse answer;
  ToProto(order, answer.mutable_order());
  loop_.Post([this, key = options_.url.OrderKey(server_id),
              value = answer.SerializeAsString()] {
    etcdserverpb::TxnRequest txn;
    etcd::ThenPut(key, value, mover_.lease(), &txn);
    client_.Txn(txn, [key](const grpc::Status& status,
                           const etcdserverpb::TxnResponse& /*answer*/) {
      if (status.ok()) return;
      base::LogWarning("an order did not reach the registry",
                       {{"key", key}, {"reason", status.error_message()}});
    });
  });
  return true;
}

void EtcdRegistry::Move(const std::string& server_id, const MoveOrder& order) {
  v1::RegisterResponse answer;
  answer.mutable_move()->set_sessions(order.sessions);
  answer.mutable_move()->set_to_address(order.to_address);
  etcdserverpb::TxnRequest txn;
  mover_.Guard(&txn);
  etcd::ThenPut(options_.url.OrderKey(server_id), answer.SerializeAsString(),
                mover_.lease(), &txn);
  client_.Txn(txn, [this](const grpc::Status& status,
                          const etcdserverpb::TxnResponse& written) {
    if (status.ok() && !written.succeeded()) mover_.OnRefused();
  });
}

void EtcdRegistry::Leave(absl::Duration timeout) {
  loop_.Post([this] { mover_.Leave(); });
  const absl::Time deadline = Now() + timeout;
  MutexLock lock(&mutex_);
  while (!stats_.left) {
    const absl::Duration left = deadline - Now();
    if (left <= absl::ZeroDuration()) return;
    changed_.WaitFor(&mutex_, left);
  }
}

void EtcdRegistry::WriteMetrics(base::MetricWriter* writer) const {
  Stats stats;
  {
    MutexLock lock(&mutex_);
    stats = stats_;
  }
  writer
      ->Gauge("msgproc_balancer_registry_in_step",
              "1 while etcd confirms the list of servers; 0: it is the last "
              "one known.")
      .Add({}, stats.synced ? 1 : 0);
  writer
      ->Gauge("msgproc_balancer_registry_age_seconds",
              "Since a cluster with a quorum last confirmed the list, or since "
              "the start.")
      .Add({}, absl::ToDoubleSeconds(Now() -
                                     std::max(stats.heard_at, started_at_)));
  writer
      ->Gauge("msgproc_balancer_registry_mover",
              "1 on the one balancer that is elected to move sessions.")
      .Add({}, stats.elected ? 1 : 0);
  writer
      ->Gauge("msgproc_balancer_registry_records",
              "Servers that are written in etcd.")
      .Add({}, static_cast<double>(stats.servers));
  writer
      ->Counter("msgproc_balancer_registry_lists_total",
                "Times that the whole list was read.")
      .Add({}, static_cast<double>(stats.lists));
  writer
      ->Counter("msgproc_balancer_registry_failures_total",
                "Lists, watches and probes that failed; they are begun again.")
      .Add({}, static_cast<double>(stats.failures));
  writer
      ->Counter("msgproc_balancer_registry_unreadable_total",
                "Records that are no server: malformed, or out of bounds.")
      .Add({}, static_cast<double>(stats.unreadable));
}

void EtcdRegistry::AddDumps(std::vector<StateDump>* dumps) {
  loop_.AddDumps(
      "balancer::EtcdRegistry",
      [this] {
        const absl::Time now = Now();
        return std::vector<StateDump>{
            StateDump("balancer::EtcdRegistry",
                      {{"prefix", Quoted(options_.url.prefix)},
                       {"endpoint", Quoted(client_.endpoint())},
                       {"connected", connected_.load()},
                       {"refresh_at", When(refresh_at_, now)},
                       {"servers", servers_.size()},
                       {"unreadable", servers_.unreadable()},
                       {"elected", mover_.elected(now)},
                       {"trouble", Quoted(list_.trouble())}}),
            list_.state().Dump(now), mover_.Dump(now)};
      },
      dumps);
}

}  // namespace msgproc::balancer
