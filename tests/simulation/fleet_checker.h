#ifndef MSGPROC_TESTS_SIMULATION_FLEET_CHECKER_H_
#define MSGPROC_TESTS_SIMULATION_FLEET_CHECKER_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "tests/simulation/checker.h"
#include "tests/simulation/event_loop.h"

namespace msgproc::simulation {

// Judges who goes where, and what is kept for whom, by the promises of
// balancer.proto, docs/protocol.md and docs/durability.md, from what is seen
// between programs. It shares no code with the product, and tells its Checker.
//
//   kept         a server that has a session in memory says RESUMED to a client
//                whose connection broke, within --session_ttl
//   peace        where nothing goes wrong no connection breaks
//   late-open    nobody loses a session to an Open of its own that came late
//   backoff      nobody who is not welcomed tries again without a pause
//   avoid        whoever asks a balancer excludes the server that failed it
//   excluded     nobody is given a server that it excludes, if there is another
//   not-to-draining  nobody is sent to a server that has said that it drains
//   lease        nobody is sent to a server that was silent for longer than its
//                lease, unless most of the fleet is
//   fail-static  a fleet of which nothing is heard is handed out all the same
//   even-moves   sessions move to servers that have fewer, and still will
//   trim         a store keeps no more results than a window and a few commits
class FleetChecker {
 public:
  struct Promises {
    absl::Duration session_ttl = absl::Seconds(20);
    absl::Duration lease = absl::Seconds(3);
    // What a server says may be kept at most, in rows of a store.
    size_t kept_rows = 64 + 16 + 1;
  };

  // `store_fails`: there is one, and what it was told may be lost or forgotten;
  // `peaceful`: nothing goes wrong. All outlive it.
  FleetChecker(const EventLoop* loop, Checker* checker, bool store_fails,
               bool peaceful, const Promises& promises)
      : loop_(*loop),
        checker_(*checker),
        store_fails_(store_fails),
        peaceful_(peaceful),
        promises_(promises) {}

  // A client, by its name, begins to look a server up, or to connect.
  void OnAttempt(const std::string& client);
  void OnLookup(const std::string& client,
                const std::vector<std::string>& excluded);
  void OnConnecting(const std::string& client, const std::string& server);
  // Anything came, then.
  void OnHeard(const std::string& client, absl::Time when) {
    clients_[client].heard = when;
  }
  void OnWelcome(const std::string& client, const std::string& server,
                 bool lost);
  // It was told to go.
  void OnDraining(const std::string& client);
  void OnDisconnected(const std::string& client, const absl::Status& why);
  // A program begins: what the one before has sent may still come, and cannot
  // be told from what this one says.
  void OnClientStarted(const std::string& client);

  // A process ends, or does not listen any more.
  void OnServerGone(const std::string& server) { ++lives_[server]; }

  // A balancer begins, and knows nobody.
  void OnBalancerStarted(const std::string& balancer) {
    balancers_.erase(balancer);
  }
  // It heard from a server.
  void OnRegistered(const std::string& balancer, const std::string& server);
  void OnReport(const std::string& balancer, const std::string& server,
                bool draining, uint64_t sessions);
  // A server's stream to it ended.
  void OnUnregistered(const std::string& balancer, const std::string& server,
                      bool in_order);
  void OnPicked(const std::string& balancer,
                const std::vector<std::string>& servers,
                const std::vector<std::string>& excluded);
  // It says that there is no server.
  void OnNothingPicked(const std::string& balancer);
  void OnMoveOrder(const std::string& balancer, const std::string& from,
                   const std::string& to, uint64_t sessions);

  // A store has this many rows of results of a session.
  void OnKept(const std::string& session, size_t rows);

 private:
  struct Client {
    // Since the last Welcome.
    std::deque<absl::Time> attempts;
    std::string tried;
    uint64_t tried_life = 0;
    // Whose Welcome it had, unless it was told to go.
    std::string home;
    uint64_t home_life = 0;
    absl::Time heard;
    int programs = 0;
  };
  struct Server {
    absl::Time heard;
    bool registered = false;
    // Was handed out, since it registered: it is healthy.
    bool healthy = false;
    bool draining = false;
    uint64_t sessions = 0;
    uint64_t life = 0;
  };
  using Servers = std::map<std::string, Server>;

  // Whether most of those that it knew are not heard any more.
  bool MayBeFailStatic(const Servers& servers) const;
  bool Silent(const Server& server) const;

  const EventLoop& loop_;
  Checker& checker_;
  const bool store_fails_;
  const bool peaceful_;
  const Promises promises_;
  std::map<std::string, Client> clients_;
  // Processes that a server has had before.
  std::map<std::string, uint64_t> lives_;
  // By balancer.
  std::map<std::string, Servers> balancers_;
};

}  // namespace msgproc::simulation

#endif  // MSGPROC_TESTS_SIMULATION_FLEET_CHECKER_H_
