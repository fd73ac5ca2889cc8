#include "services/balancer/etcd/listed_servers.h"

#include <utility>

#include "absl/time/time.h"
#include "common/check.h"
#include "common/quoted.h"
#include "services/balancer/wire_conversions.h"
#include "services/base/log.h"
#include "services/etcd/server_record.h"

namespace msgproc::balancer {

ListedServers::ListedServers(Fleet* fleet, const Clock* clock, OnOrder on_order,
                             OnMove on_move)
    : fleet_(fleet),
      on_order_(std::move(on_order)),
      on_move_(std::move(on_move)),
      throttle_(absl::Seconds(1), clock) {
  MSGPROC_CHECK(on_order_ != nullptr);
  MSGPROC_CHECK(on_move_ != nullptr);
}

void ListedServers::Take(const std::vector<etcd::ListState::Item>& items) {
  for (const etcd::ListState::Item& item : items) {
    if (item.deleted) {
      Remove(item.key);
    } else {
      TakeOne(item.key, item.value);
    }
  }
}

void ListedServers::Refresh() {
  for (auto& [server_id, record] : records_) Report(server_id, &record);
}

void ListedServers::TakeOne(const std::string& server_id,
                            const std::string& value) {
  const auto read = etcd::ReadServerRecord(server_id, value);
  absl::Status status = read.status();
  ServerReport report;
  if (read.ok()) {
    report = ToReport(*read);
    report.owner = ServerReport::kRegistryOwner;
    status = Validate(report);
  }
  if (!status.ok()) {
    ++unreadable_;
    Refuse(server_id, status);
    return Remove(server_id);
  }
  Record& record = records_[server_id];
  record.report = std::move(report);
  Report(server_id, &record);
}

void ListedServers::Remove(const std::string& server_id) {
  const auto found = records_.find(server_id);
  if (found == records_.end()) return;
  const Record record = std::move(found->second);
  records_.erase(found);
  if (!record.registration.has_value()) return;
  if (record.report.draining && !record.report.cordoned) {
    fleet_->Leave(*record.registration);
  } else {
    fleet_->Lose(*record.registration);
  }
}

void ListedServers::Report(const std::string& server_id, Record* record) {
  if (record->registration.has_value()) {
    const auto moves = fleet_->Report(*record->registration, record->report);
    if (moves.ok()) {
      for (const MoveOrder& move : *moves) on_move_(server_id, move);
      return;
    }
  }
  Register(server_id, record);
}

void ListedServers::Register(const std::string& server_id, Record* record) {
  auto registration = fleet_->Register(
      record->report, [](const absl::Status& /*why*/) {},
      [on_order = on_order_, server_id](const ServerOrder& order) {
        return on_order(server_id, order);
      });
  if (registration.ok()) {
    record->registration = *std::move(registration);
    record->refused = absl::OkStatus();
    return;
  }
  // One that has a stream to this balancer is known by that.
  const bool has_stream = absl::IsAlreadyExists(registration.status());
  if (!has_stream && record->refused.code() != registration.status().code()) {
    Refuse(server_id, registration.status());
  }
  record->refused = registration.status();
}

void ListedServers::Refuse(absl::string_view server_id,
                           const absl::Status& status) {
  const auto suppressed = throttle_.Admit();
  if (!suppressed.has_value()) return;
  base::LogWarning("a record of the registry is not taken",
                   {{"server_id", Quoted(server_id)},
                    {"reason", status.message()},
                    {"suppressed", *suppressed}});
}

}  // namespace msgproc::balancer
