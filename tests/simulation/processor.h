#ifndef MSGPROC_TESTS_SIMULATION_PROCESSOR_H_
#define MSGPROC_TESTS_SIMULATION_PROCESSOR_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/types/optional.h"
#include "services/balancer/server_status.h"
#include "tests/simulation/call.h"
#include "tests/simulation/host.h"
#include "tests/simulation/random.h"

namespace msgproc::simulation {

struct World;
class Workers;

// A processor: the product's ProcessorContext with its sessions, and what
// Server, OpenStreams, an executor and BalancerLink have around them. It can be
// stopped in order, killed, frozen, and started again.
class Processor {
 public:
  Processor(World* world, std::string name);
  ~Processor();

  const std::string& name() const { return name_; }
  Host* host() { return &host_; }
  // Whether connections are taken.
  bool listens() const { return host_.alive() && listens_; }

  // A client calls. It is refused where nobody listens.
  void Accept(const std::shared_ptr<Call>& call);

  void Start();
  // SIGTERM: drains, says goodbye, ends.
  void Stop();
  bool stopping() const { return host_.alive() && stopping_; }
  // SIGKILL. `silently`: the machine goes with it, and nobody hears of it.
  void Kill(bool silently);
  void Freeze();
  void Thaw();

  // Of a processor that lives, where there are workers.
  Workers* workers() const;
  // The relay in front of it is stopped: all of its calls end.
  void ResetCalls();
  // One of its calls, if there is any.
  Call* AnyCall(Random* random) const;

 private:
  struct Process;
  // A registration with one balancer.
  struct Link {
    absl::optional<balancer::Registration> registration;
    uint64_t life = 0;  // The balancer's.
  };

  void Tick();
  void ReportRegularly();
  // To the balancer with this number.
  void Report(size_t index);
  void OnReport(size_t index);
  void Unregister(bool in_order);
  void Move(size_t sessions, const std::string& address);
  void AwaitDrained(absl::Time deadline);
  void End();

  World* const world_;
  const std::string name_;
  Random random_;
  Host host_;
  bool listens_ = false;
  bool stopping_ = false;
  std::vector<Link> links_;  // By balancer.
  std::unique_ptr<Process> process_;
};

}  // namespace msgproc::simulation

#endif  // MSGPROC_TESTS_SIMULATION_PROCESSOR_H_
