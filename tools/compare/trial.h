#ifndef MSGPROC_TOOLS_COMPARE_TRIAL_H_
#define MSGPROC_TOOLS_COMPARE_TRIAL_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "nlohmann/json.hpp"
#include "tools/cluster/cluster.h"

namespace msgproc::compare {

// One run of the load generator against one model.
struct Trial {
  // Something done to the system in mid-run.
  struct Event {
    double at = 0;  // Seconds since the load began.
    std::string what;
  };

  nlohmann::ordered_json report;  // loadgen --json.
  int exit_code = 0;
  absl::Duration client_cpu;      // From its first message on.
  cluster::ProcessUsage servers;  // Memory: at the end of the load.
  cluster::ProcessUsage front;    // NGINX's or the balancer's.
  std::vector<Event> events;

  double Figure(const std::string& json_pointer) const;
  // The load generator's verdict: "OK", "FAILED", ...; and why.
  std::string Word() const;
  std::vector<std::string> Findings() const;
  // Of all processes of a kind, by the messages.
  double CpuMicroseconds(absl::Duration cpu) const;
};

struct TrialOptions {
  cluster::Options cluster;
  std::vector<std::string> loadgen_flags;
  // Kills a processor in mid-run, then restarts all, one by one.
  bool chaos = false;
  // How long the load is going to run; for `chaos`.
  absl::Duration duration;
};

// Brings the model up, runs the load, takes it down. The error says what did
// not start or broke; messages that went wrong are in the trial's exit code.
absl::StatusOr<Trial> RunTrial(const TrialOptions& options);

// The trial with the median throughput; the lower of two. Not of none.
const Trial& Median(const std::vector<Trial>& trials);

}  // namespace msgproc::compare

#endif  // MSGPROC_TOOLS_COMPARE_TRIAL_H_
