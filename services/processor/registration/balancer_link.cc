#include "services/processor/registration/balancer_link.h"

#include <cstddef>
#include <utility>

#include "common/check.h"
#include "common/clock.h"
#include "services/processor/registration/balancer_connection.h"
#include "wire/proto_locality.h"

namespace msgproc::processor {

BalancerLink::BalancerLink(Options options, ReadLoad read_load, OnMove on_move,
                           OnOrder on_order, ReadVitals read_vitals)
    : options_(std::move(options)),
      read_load_(std::move(read_load)),
      on_move_(std::move(on_move)),
      on_order_(std::move(on_order)),
      read_vitals_(std::move(read_vitals)) {
  MSGPROC_CHECK(read_load_ != nullptr);
  MSGPROC_CHECK(!options_.server_id.empty());
  if (options_.etcd.has_value()) {
    EtcdConnection::Options etcd = *options_.etcd;
    etcd.server_id = options_.server_id;
    etcd.setting_name = options_.setting_name;
    auto connection = std::make_unique<EtcdConnection>(
        etcd, [this] { return MakeReport(); },
        [this](const v1::Move& move) { Obey(move); },
        [this](const v1::Order& order) { Obey(order); });
    etcd_ = connection.get();
    connections_.push_back(std::move(connection));
  }
  for (const std::string& balancer : options_.balancers) ConnectTo(balancer);
}

void BalancerLink::ConnectTo(const std::string& balancer) {
  // Two that move the same sessions would undo each other's work.
  const bool moves = connections_.empty() || etcd_ != nullptr;
  connections_.push_back(std::make_unique<BalancerConnection>(
      BalancerConnection::Options{.balancer = balancer,
                                  .token = options_.token,
                                  .credentials = options_.credentials,
                                  .initial_backoff = options_.initial_backoff,
                                  .max_backoff = options_.max_backoff,
                                  .replaced_backoff = options_.replaced_backoff,
                                  .setting_name = options_.setting_name},
      [this] { return MakeReport(); },
      [this, moves](const v1::Move& move) {
        if (moves) Obey(move);
      },
      [this](const v1::Order& order) { Obey(order); }));
}

void BalancerLink::Obey(const v1::Move& move) const {
  if (!draining_.load()) on_move_(move.sessions(), move.to_address());
}

void BalancerLink::Obey(const v1::Order& order) const {
  if (on_order_ != nullptr && !draining_.load()) on_order_(order);
}

v1::RegisterRequest BalancerLink::MakeReport() const {
  const Load load = read_load_();
  v1::RegisterRequest report;
  report.set_server_id(options_.server_id);
  report.set_address(options_.address);
  report.set_weight(options_.weight);
  report.set_store_generation(options_.store_generation);
  if (!options_.locality.empty()) {
    *report.mutable_locality() = wire::ToProto(options_.locality);
  }
  report.set_state(draining_.load() || load.cordoned
                       ? v1::SERVER_STATE_DRAINING
                       : v1::SERVER_STATE_SERVING);
  report.set_cordoned(load.cordoned);
  report.set_takes_orders(on_order_ != nullptr);
  if (read_vitals_ != nullptr) *report.mutable_vitals() = read_vitals_();
  report.set_sessions(load.sessions);
  report.set_messages_per_second(load.messages_per_second);
  report.set_utilization(load.utilization);
  return report;
}

void BalancerLink::Drain(absl::Duration timeout) {
  draining_.store(true);
  ReportNow(timeout);
}

void BalancerLink::ReportNow(absl::Duration timeout) {
  const absl::Time deadline = Clock::Monotonic()->Now() + timeout;
  for (const auto& connection : connections_) connection->ReportNow();
  for (const auto& connection : connections_) connection->AwaitReport(deadline);
}

void BalancerLink::Leave(absl::Duration timeout) {
  const absl::Time deadline = Clock::Monotonic()->Now() + timeout;
  for (const auto& connection : connections_) connection->SayGoodbye();
  for (const auto& connection : connections_) connection->AwaitEnd(deadline);
}

size_t BalancerLink::registered() const {
  size_t count = 0;
  for (const auto& connection : connections_) {
    if (connection->registered()) ++count;
  }
  return count;
}

std::vector<std::pair<std::string, bool>> BalancerLink::List() const {
  std::vector<std::pair<std::string, bool>> list;
  list.reserve(connections_.size());
  for (const auto& connection : connections_) {
    list.emplace_back(connection->balancer(), connection->registered());
  }
  return list;
}

void BalancerLink::AddDumps(absl::Time now,
                            std::vector<StateDump>* dumps) const {
  for (const auto& connection : connections_) connection->AddDumps(now, dumps);
}

}  // namespace msgproc::processor
