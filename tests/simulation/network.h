#ifndef MSGPROC_TESTS_SIMULATION_NETWORK_H_
#define MSGPROC_TESTS_SIMULATION_NETWORK_H_

#include <set>
#include <string>
#include <utility>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "tests/simulation/random.h"

namespace msgproc::simulation {

// How long what is sent takes, and what does not get through for now. TCP loses
// nothing of a connection that lives: what is sent into a partition arrives
// when that is over, if its connection still is.
class Network {
 public:
  Network(absl::Duration latency, Random random)
      : latency_(latency), random_(random) {}

  // Mostly about as long, now and then ten times.
  absl::Duration Latency() {
    const absl::Duration latency = latency_ / 2 + random_.UpTo(latency_);
    return random_.OneIn(50) ? 10 * latency : latency;
  }

  // One way: nothing gets from one host, or from any (empty), to another.
  void Block(const std::string& from, const std::string& to) {
    blocked_.emplace(from, to);
  }
  void Unblock(const std::string& from, const std::string& to) {
    blocked_.erase({from, to});
  }
  void UnblockAll() { blocked_.clear(); }
  bool Blocked(const std::string& from, const std::string& to) const {
    return !blocked_.empty() &&
           (blocked_.count({from, to}) > 0 || blocked_.count({"", to}) > 0 ||
            blocked_.count({from, ""}) > 0);
  }

 private:
  const absl::Duration latency_;
  Random random_;
  std::set<std::pair<std::string, std::string>> blocked_;
};

}  // namespace msgproc::simulation

#endif  // MSGPROC_TESTS_SIMULATION_NETWORK_H_
