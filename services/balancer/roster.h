#ifndef MSGPROC_SERVICES_BALANCER_ROSTER_H_
#define MSGPROC_SERVICES_BALANCER_ROSTER_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "common/check.h"
#include "common/locality.h"

namespace msgproc::balancer {

// One server as picks see it. Its name, address, weight and locality never
// change; its load does, without a lock. Made by ServerRegistry, shared by
// every Roster that holds it. Thread-safe.
class Member : public std::enable_shared_from_this<Member> {
 public:
  Member(std::string server_id, std::string address, double weight,
         Locality locality = {})
      : server_id_(std::move(server_id)),
        address_(std::move(address)),
        weight_(weight),
        locality_(std::move(locality)) {
    MSGPROC_CHECK_GT(weight_, 0);
  }

  const std::string& server_id() const { return server_id_; }
  const std::string& address() const { return address_; }
  double weight() const { return weight_; }
  const Locality& locality() const { return locality_; }

  // Sessions last reported plus picks handed out since, and what is left of
  // those before.
  uint64_t load() const {
    return sessions_.load(std::memory_order_relaxed) +
           picks_.load(std::memory_order_relaxed);
  }

  // Load with one session more, over weight: what a pick should keep low.
  double relative_load() const {
    return static_cast<double>(load() + 1) / weight_;
  }

  uint64_t picks() const { return picks_.load(std::memory_order_relaxed); }

  // False: not handed out any more, even by a roster that still holds it.
  bool available() const { return available_.load(std::memory_order_relaxed); }

  void CountPick() { picks_.fetch_add(1, std::memory_order_relaxed); }

  // A report. Picks that show up in it as sessions are done with. The others
  // may still be on their way to a server that is slow to take them, or gone
  // elsewhere: half of them count until the next report.
  void SetSessions(uint64_t sessions) {
    const uint64_t before = sessions_.load(std::memory_order_relaxed);
    const uint64_t picks = picks_.load(std::memory_order_relaxed);
    const uint64_t arrived = sessions > before ? sessions - before : 0;
    const uint64_t missing = picks > arrived ? (picks - arrived) / 2 : 0;
    MSGPROC_CHECK_LE(missing, picks);
    sessions_.store(sessions, std::memory_order_relaxed);
    picks_.fetch_sub(picks - missing, std::memory_order_relaxed);
  }

  // For servers that never report: old picks fade.
  void HalvePicks() {
    const uint64_t picks = picks_.load(std::memory_order_relaxed);
    picks_.fetch_sub(picks - picks / 2, std::memory_order_relaxed);
  }

  void SetAvailable(bool available) {
    available_.store(available, std::memory_order_relaxed);
  }

 private:
  const std::string server_id_;
  const std::string address_;
  const double weight_;
  const Locality locality_;
  std::atomic<uint64_t> sessions_{0};
  std::atomic<uint64_t> picks_{0};
  std::atomic<bool> available_{true};
};

// The servers that may be handed out, at one moment, in order of server_id.
// Immutable but for the members' load; thread-safe.
class Roster {
 public:
  explicit Roster(std::vector<std::shared_ptr<Member>> members)
      : members_(std::move(members)) {}

  size_t size() const { return members_.size(); }
  bool empty() const { return members_.empty(); }
  Member& operator[](size_t index) const {
    MSGPROC_CHECK_LT(index, members_.size());
    return *members_[index];
  }

 private:
  const std::vector<std::shared_ptr<Member>> members_;
};

}  // namespace msgproc::balancer

#endif  // MSGPROC_SERVICES_BALANCER_ROSTER_H_
