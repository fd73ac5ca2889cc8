#ifndef MSGPROC_SERVICES_BALANCER_REBALANCER_H_
#define MSGPROC_SERVICES_BALANCER_REBALANCER_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "common/clock.h"
#include "common/locality.h"
#include "common/state_dump.h"

namespace msgproc::balancer {

// An order to one server: send some of your sessions there.
struct MoveOrder {
  uint32_t sessions = 0;
  std::string to_server_id;
  std::string to_address;
};

// Evens a fleet out. Permanent sockets stay where they are, so a server that
// joins would stay empty; this decides who gives how many sessions to whom.
//
// A server's fair share is the fleet's sessions by weight. Moves start when a
// server is off its share by more than `tolerance`, and go on until it is
// within half of that (hysteresis). It does not oscillate:
// - A move never leaves its giver with less load for its weight than its taker,
//   so every move makes the fleet more even.
// - What was ordered counts as done until the reports have had `settle` to show
//   it, and in that time a giver does not take and a taker does not give.
// - While the fleet's sessions come or go quickly (a herd, a balancer that has
//   just started), reports of different age say nothing about evenness: it
//   waits until they have been steady for a report interval.
// - A giver that does not do what it was told (its sessions cannot be resumed)
//   is asked again ever less often.
// - Sessions stay in their zone, as NearestFirst would have them, unless their
//   server has more than NearestFirst lets a zone have: what is beyond that
//   goes anywhere. Where a zone is not known, that one is no other.
// Nobody gives or takes faster than the rates below.
//
// Pure, an injected clock. Thread-compatible.
class Rebalancer {
 public:
  struct Options {
    // Sessions a second that one server gives away at most; 0: no moves.
    double moves_per_second = 5;
    // Sessions a second that one server is sent at most.
    double arrivals_per_second = 50;
    // Share of its fair share that a server may be off, and sessions below
    // which nobody bothers.
    double tolerance = 0.08;
    double tolerated_sessions = 1.5;
    // A change of the fleet's sessions by less than this share, or this number,
    // is steady.
    double steady = 0.04;
    double steady_sessions = 3;
    // How often servers report: what they may give at once is what the rate
    // allows for in this time.
    absl::Duration report_interval = absl::Seconds(2);
    // How long a moved session takes to show up in reports, at most.
    absl::Duration settle = absl::Seconds(2);
    // The longest that a server which does not move anything is left alone.
    absl::Duration max_patience = absl::Minutes(2);
  };

  // `clock` outlives the rebalancer.
  Rebalancer(const Options& options, const Clock* clock)
      : options_(options), clock_(clock) {}

  // A server that may give and take reported its sessions.
  void Update(absl::string_view server_id, absl::string_view address,
              double weight, uint64_t sessions, const Locality& locality = {});

  bool Contains(absl::string_view server_id) const {
    return index_.contains(server_id);
  }

  // A server may neither give nor take any more.
  void Remove(absl::string_view server_id);

  // Whether this server, which just reported, should give, and to whom. The
  // order is meant to be sent; the answer assumes so. Linear in the fleet, and
  // only for servers above their share.
  std::optional<MoveOrder> NextMove(absl::string_view server_id);

  // Of the fleet, and of up to 100 servers, those that are told something or
  // are off their share first.
  StateDump Dump(absl::Time now) const;

 private:
  enum class Role { kNone, kGiving, kTaking };

  // Tokens that grow with time, up to a burst.
  struct Bucket {
    double tokens = 0;
    absl::Time filled;
    double Fill(double rate, double burst, absl::Time now);
  };

  struct Server {
    std::string server_id;
    std::string address;
    Locality locality;
    double weight = 1;
    double sessions = 0;
    // Off its share by more than tolerated; stays until well within.
    bool uneven = false;
    // What it was told, for as long as that may not show in its reports.
    Role role = Role::kNone;
    double promised = 0;
    double ordered = 0;
    absl::Time settled_at;
    // Orders in a row that it did not follow.
    int disobeyed = 0;
    absl::Time leave_alone_until;
    Bucket departures;
    Bucket arrivals;

    // Its sessions once it has done what it was told.
    double planned() const;
  };

  double FairShare(const Server& server) const;
  std::string Describe(const Server& server, absl::Time now) const;
  // Whether the fleet's sessions have been steady for a report interval.
  bool IsSteady();
  void Settle(Server& server);
  void Judge(Server& server) const;
  // The server with least load for its weight that may take; null: none.
  Server* FindTaker(const Server& giver);
  // What the giver has more than it should, of what may go to this taker.
  double Excess(const Server& giver, const Server& taker) const;
  void Order(Server& server, Role role, double sessions);
  Bucket FullBucket(double rate) const;
  double Burst(double rate) const;

  const Options options_;
  const Clock* const clock_;
  std::vector<Server> servers_;
  absl::flat_hash_map<std::string, size_t> index_;
  double total_sessions_ = 0;
  double total_weight_ = 0;
  // total_sessions_ when it last changed by much, and when that was.
  double steady_sessions_ = 0;
  absl::Time changed_at_ = absl::InfinitePast();
};

}  // namespace msgproc::balancer

#endif  // MSGPROC_SERVICES_BALANCER_REBALANCER_H_
