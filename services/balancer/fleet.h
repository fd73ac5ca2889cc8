#ifndef MSGPROC_SERVICES_BALANCER_FLEET_H_
#define MSGPROC_SERVICES_BALANCER_FLEET_H_

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "absl/random/bit_gen_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "common/clock.h"
#include "common/mutex.h"
#include "common/state_dump.h"
#include "services/balancer/pick_policy.h"
#include "services/balancer/policy_kind.h"
#include "services/balancer/rebalancer.h"
#include "services/balancer/server_order.h"
#include "services/balancer/server_registry.h"
#include "services/balancer/server_report.h"
#include "services/balancer/server_status.h"

namespace msgproc::balancer {

// The whole balancer but for the wire: registry, policy and rebalancer behind
// one lock. Thread-safe. Picks hold that lock only when the set of servers has
// changed; otherwise they share an immutable policy, which is made anew at most
// every `rebuild_interval` (or twenty times what that takes, if that is more)
// however many servers come and go. A server that is
// gone is never picked, new policy or not.
class Fleet {
 public:
  // Tells the holder of a registration that it is void: ABORTED, replaced by a
  // newer one; DEADLINE_EXCEEDED, its lease ran out. Called once at most, from
  // any thread that changes the fleet, with no lock held.
  using OnEnd = std::function<void(absl::Status)>;
  // Passes an order on to the server that holds a registration. False: it does
  // not listen. From any thread, with no lock held.
  using OnOrder = std::function<bool(const ServerOrder&)>;

  struct Options {
    PolicyKind policy = PolicyKind::kLeastSessions;
    ServerRegistry::Options registry;
    // Idle under consistent_hash.
    Rebalancer::Options rebalancer;
    absl::Duration rebuild_interval = absl::Milliseconds(20);
    // Is told what happens, with no lock held. May be empty.
    std::function<void(const RegistryEvent&)> on_event;
    // Is told what a server was ordered to give away. Likewise.
    std::function<void(const std::string& server_id, const MoveOrder&)> on_move;
    // Is told when AddressesToCheck may have changed. Likewise.
    std::function<void()> on_change;
  };

  // Of one report. Several, because where one server is far too full and the
  // others lack a session each, many have to take.
  static constexpr size_t kMaxOrders = 16;

  // The choice lives as long as this does.
  struct Picked {
    std::shared_ptr<const PickPolicy> policy;
    Choice choice;
  };

  // `clock` outlives the fleet. `seed` decides where round robin starts.
  Fleet(Options options, const Clock* clock, uint64_t seed);
  ~Fleet();

  // UNAVAILABLE, saying why, when there is no server to hand out.
  absl::StatusOr<Picked> Pick(const PickRequest& request,
                              absl::BitGenRef random);

  // As in ServerRegistry.
  absl::Status AddStatic(const std::string& address);
  absl::StatusOr<Registration> Register(const ServerReport& report,
                                        OnEnd on_end,
                                        OnOrder on_order = nullptr);
  // Also says what the server should give away: nothing as a rule, at most
  // kMaxOrders.
  absl::StatusOr<std::vector<MoveOrder>> Report(
      const Registration& registration, const ServerReport& report);
  void Leave(const Registration& registration);
  void Lose(const Registration& registration);
  void SetHealth(absl::string_view address, Health health);

  // Passes an operator's order on; what comes of it shows in the server's
  // reports. Errors of Validate and TakesOrders; NOT_FOUND: there is none of
  // this name; UNAVAILABLE: it does not listen.
  absl::Status Order(absl::string_view server_id, const ServerOrder& order);

  // Whether Report says what to give away: of several balancers with one
  // registry only one moves sessions. True at first.
  void LetMove(bool moves) { may_move_.store(moves); }

  // As in ServerRegistry.
  void SetBlind(bool blind);

  // Ends what is over; to be called every half second or so.
  void Tick();

  // Changes whenever AddressesToCheck does. Cheap.
  uint64_t version() const { return version_.load(std::memory_order_acquire); }
  // The version that picks are made from: somewhat behind `version`.
  uint64_t picked_version() const {
    return built_version_.load(std::memory_order_acquire);
  }
  std::map<std::string, uint64_t> AddressesToCheck() const;
  std::vector<ServerStatus> List() const;
  // NOT_FOUND when there is none of this name.
  absl::StatusOr<ServerStatus> Get(absl::string_view server_id) const;
  bool fail_static() const;
  // For operators who debug: what registry and rebalancer hold.
  void AddDumps(std::vector<StateDump>* dumps) const;
  // As in ServerRegistry.
  size_t stores() const;
  // Of List, without making it. No lock.
  ServerCounts counts() const;

  // Since the start.
  uint64_t EventCount(RegistryEvent::Kind kind) const;
  // Sessions that servers were told to move.
  uint64_t moves() const { return moves_.load(std::memory_order_relaxed); }

  absl::Duration lease() const { return options_.registry.lease; }
  PolicyKind policy() const { return options_.policy; }

 private:
  static constexpr size_t kEventKinds =
      static_cast<size_t>(RegistryEvent::Kind::kStoresAgree) + 1;

  // What a change of the fleet has to tell others once the lock is free.
  struct Aftermath {
    bool changed = false;
    std::vector<RegistryEvent> events;
    std::vector<std::pair<OnEnd, absl::Status>> ended;
  };

  // After every change: rebuilds if it is time, collects what to tell.
  Aftermath Conclude() MSGPROC_REQUIRES(mutex_);
  void Tell(Aftermath aftermath) MSGPROC_EXCLUDES(mutex_);
  // Of one registration.
  struct Holder {
    OnEnd on_end;
    OnOrder on_order;
  };

  OnEnd TakeOnEnd(const Registration& registration) MSGPROC_REQUIRES(mutex_);
  bool IsStale() const;
  void RebuildIfDue() MSGPROC_REQUIRES(mutex_);
  void Rebuild() MSGPROC_REQUIRES(mutex_);
  // Lets exactly those give and take that are registered and serving.
  void ChooseGiversAndTakers() MSGPROC_REQUIRES(mutex_);
  std::shared_ptr<const PickPolicy> policy_now() const;
  absl::Status NoServer() const;

  const Options options_;
  const Clock* const clock_;

  mutable Mutex mutex_;
  ServerRegistry registry_ MSGPROC_GUARDED_BY(mutex_);
  Rebalancer rebalancer_ MSGPROC_GUARDED_BY(mutex_);
  // By generation.
  std::map<uint64_t, Holder> holders_ MSGPROC_GUARDED_BY(mutex_);
  absl::Time built_at_ MSGPROC_GUARDED_BY(mutex_) = absl::InfinitePast();
  absl::Duration rebuild_time_ MSGPROC_GUARDED_BY(mutex_);
  std::mt19937_64 random_ MSGPROC_GUARDED_BY(mutex_);

  // Held for the time it takes to copy a pointer.
  mutable Mutex policy_mutex_;
  std::shared_ptr<const PickPolicy> policy_ MSGPROC_GUARDED_BY(policy_mutex_);

  // The registry's, for those who have no server to hand out: they come all at
  // once, just then.
  std::array<std::atomic<size_t>, kServerStates> counts_ = {};

  // The registry's version, and the one that policy_ was made from.
  std::atomic<uint64_t> version_{0};
  std::atomic<uint64_t> built_version_{0};
  std::array<std::atomic<uint64_t>, kEventKinds> event_counts_ = {};
  std::atomic<uint64_t> moves_{0};
  std::atomic<bool> may_move_{true};
};

}  // namespace msgproc::balancer

#endif  // MSGPROC_SERVICES_BALANCER_FLEET_H_
