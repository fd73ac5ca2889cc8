#ifndef MSGPROC_SERVICES_BALANCER_HEALTH_CHECKER_H_
#define MSGPROC_SERVICES_BALANCER_HEALTH_CHECKER_H_

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "common/clock.h"
#include "grpcpp/channel.h"
#include "grpcpp/security/credentials.h"
#include "services/balancer/health_watch.h"
#include "services/balancer/server_status.h"

namespace msgproc::balancer {

// Watches the health of servers from here, by grpc.health.v1: that an address
// was told to the balancer does not mean that clients can reach it. A watch
// that ends is begun again with jittered backoff for as long as the address is
// asked for.
//
// One thread calls Watch, Tick and the destructor; `on_health` is called on
// gRPC's threads.
class HealthChecker {
 public:
  using OnHealth = std::function<void(const std::string& address, Health)>;

  struct Options {
    // Asked before each attempt. Empty: plaintext.
    std::function<std::shared_ptr<grpc::ChannelCredentials>()> credentials;
    // The name that every server's certificate has. Empty: each its address's.
    std::string tls_name;
    // A server that has not answered by then is unreachable for now.
    absl::Duration answer_timeout = absl::Seconds(2);
    absl::Duration initial_backoff = absl::Milliseconds(200);
    absl::Duration max_backoff = absl::Seconds(5);
    // How soon a server that has gone silent is found out.
    absl::Duration keepalive_interval = absl::Seconds(10);
    absl::Duration keepalive_timeout = absl::Seconds(5);
  };

  // `clock` outlives the checker.
  HealthChecker(const Options& options, const Clock* clock, OnHealth on_health);
  // `on_health` is not called any more when it returns.
  ~HealthChecker();
  HealthChecker(const HealthChecker&) = delete;
  HealthChecker& operator=(const HealthChecker&) = delete;

  // Watches exactly these addresses from now on. One whose number is higher
  // than before is asked anew: `on_health` is told even what it was told last.
  void Watch(const std::map<std::string, uint64_t>& addresses);

  // Gives up on the silent, begins anew what has ended. To be called a few
  // times a second.
  void Tick();

 private:
  struct Target {
    std::shared_ptr<grpc::Channel> channel;
    std::unique_ptr<HealthWatch> watch;
    // As Watch was given it.
    uint64_t number = 0;
    absl::Time started;
    // Of the next watch, once this one is over.
    absl::Duration backoff;
    absl::Time next = absl::InfiniteFuture();
  };

  void Begin(const std::string& address, Target& target);
  void Leave(Target target);
  void Continue(const std::string& address, Target& target);

  const Options options_;
  const Clock* const clock_;
  const OnHealth on_health_;
  std::map<std::string, Target> targets_;
  // Cancelled, but not over yet.
  std::vector<Target> leaving_;
  std::minstd_rand random_{std::random_device{}()};
};

}  // namespace msgproc::balancer

#endif  // MSGPROC_SERVICES_BALANCER_HEALTH_CHECKER_H_
