#ifndef MSGPROC_SERVICES_BALANCER_SERVER_REGISTRY_H_
#define MSGPROC_SERVICES_BALANCER_SERVER_REGISTRY_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "common/clock.h"
#include "common/state_dump.h"
#include "services/balancer/fail_static.h"
#include "services/balancer/registry_entry.h"
#include "services/balancer/roster.h"
#include "services/balancer/server_report.h"
#include "services/balancer/server_status.h"

namespace msgproc::balancer {

// Which servers there are, and which of them may be handed out.
//
// A registered server stays as long as it reports within its lease; one from
// the static list stays for ever. Neither is handed out before it answered a
// health check from the balancer, nor while it drains.
//
// Fail static: a server whose stream breaks or whose lease runs out is gone at
// once. But when most of the fleet vanishes so within one lease (at least half
// of three or more, or the last one), the fault is more likely the balancer's
// own, and the vanished are handed out further (kStale) until they register
// again, a health check shows that they are gone, they are a minority again,
// or `fail_static` has passed. Servers that said goodbye never come back so.
//
// Pure: no threads, no sockets, an injected clock. Thread-compatible: Fleet
// holds a lock around it.
class ServerRegistry {
 public:
  struct Options {
    // How long a registration lives without a report.
    absl::Duration lease = absl::Seconds(6);
    // How long a vanished majority is handed out at most. Zero: not at all.
    absl::Duration fail_static = absl::Minutes(5);
    // Registered servers at most.
    size_t max_servers = 10000;
  };

  struct Registered {
    Registration registration;
    // The older registration of this server_id, which is void now.
    std::optional<Registration> replaced;
  };

  // `clock` outlives the registry.
  ServerRegistry(const Options& options, const Clock* clock)
      : options_(options),
        clock_(clock),
        fail_static_({.lease = options.lease, .longest = options.fail_static}) {
  }

  // INVALID_ARGUMENT when `address` is malformed. Known already: nothing to do.
  absl::Status AddStatic(const std::string& address);

  // INVALID_ARGUMENT for a malformed report, RESOURCE_EXHAUSTED when full,
  // ALREADY_EXISTS when another owner's server of this name lives.
  absl::StatusOr<Registered> Register(const ServerReport& report);

  // Renews the lease. ABORTED when the registration was replaced, NOT_FOUND
  // when its lease ran out, INVALID_ARGUMENT for a malformed report.
  absl::Status Report(const Registration& registration,
                      const ServerReport& report);

  // The server said goodbye. Nothing happens when it was replaced before.
  void Leave(const Registration& registration);

  // The server's stream broke. Nothing happens when it was replaced before.
  void Lose(const Registration& registration);

  // Ends what is over; to be called every second or so. Returns the
  // registrations whose lease ran out.
  std::vector<Registration> Tick();

  // Whether the source of all registrations is out of reach: then vanished
  // servers are handed out for as long as their health checks allow.
  void SetBlind(bool blind) { fail_static_.SetBlind(blind); }

  // Addresses that the balancer should check the health of: static servers
  // always, registered ones until they answer, stale ones to learn whether they
  // are gone. With each the number of its check: what was answered to one of a
  // lower number is out of date, and the address has to be asked anew.
  std::map<std::string, uint64_t> AddressesToCheck() const;
  void SetHealth(absl::string_view address, Health health);

  // NOT_FOUND when there is none of this name.
  absl::StatusOr<ServerStatus> Get(absl::string_view server_id) const;
  // In order of server_id.
  std::vector<ServerStatus> List() const;

  // How many of the list are in each state.
  const ServerCounts& counts() const { return counts_; }

  // Whether servers are handed out that have vanished.
  bool fail_static() const { return fail_static_.on(); }

  // How many stores the listed servers that register keep their sessions in,
  // memory being one. More than one is a mistake of whoever set them up.
  size_t stores() const { return stores_; }

  // Changes whenever MakeRoster or AddressesToCheck would answer otherwise.
  uint64_t version() const { return version_; }
  std::shared_ptr<const Roster> MakeRoster() const;

  // What happened since the last call.
  std::vector<RegistryEvent> TakeEvents();

  const Options& options() const { return options_; }

  void AddDumps(absl::Time now, std::vector<StateDump>* dumps) const {
    dumps->push_back(StateDump("balancer::ServerRegistry",
                               {{"registered", registered_.size()},
                                {"static", static_.size()},
                                {"stores", stores_},
                                {"version", version_},
                                {"last_generation", last_generation_},
                                {"last_check", last_check_},
                                {"max_servers", options_.max_servers},
                                {"picks_halved", When(picks_halved_, now)},
                                {"events", events_.size()}}));
    dumps->push_back(fail_static_.Dump(now));
  }

 private:
  using Entry = RegistryEntry;
  // By server_id; a static server's is its address.
  using Entries = std::map<std::string, Entry, std::less<>>;

  ServerStatus StatusOf(const Entry& entry) const;

  Entry* Find(const Registration& registration);
  // It has to answer a health check that begins now.
  void Uncheck(Entry& entry);
  // Takes the report over; a new address, weight or locality makes a new
  // Member.
  void Update(Entry& entry, const ServerReport& report);
  // Lets go of a server that did not say goodbye.
  void Vanish(Entry& entry, RegistryEvent::Kind kind, absl::string_view why);
  // Of a report that is about to be taken over.
  void NoteDraining(const Entry& entry, const ServerReport& report);
  void SetHealthOf(Entry& entry, Health health);
  void Note(RegistryEvent::Kind kind, const Entry& entry,
            absl::string_view text);

  // To be called after every change but a report of load alone: keeps or
  // forgets what has vanished, brings the members up to date and counts.
  void Review();
  void KeepOrForgetVanished();
  void HideStaticServers();
  void CompareStores();

  template <typename Visit>
  void ForEach(Visit visit) const {
    for (const auto& [id, entry] : registered_) visit(entry);
    for (const auto& [address, entry] : static_) visit(entry);
  }
  template <typename Visit>
  void ForEach(Visit visit) {
    for (auto& [id, entry] : registered_) visit(entry);
    for (auto& [address, entry] : static_) visit(entry);
  }

  const Options options_;
  const Clock* const clock_;
  Entries registered_;
  Entries static_;
  uint64_t last_generation_ = 0;
  uint64_t last_check_ = 0;
  uint64_t version_ = 0;
  FailStatic fail_static_;
  ServerCounts counts_ = {};
  size_t stores_ = 0;
  absl::Time picks_halved_ = absl::InfinitePast();
  std::vector<RegistryEvent> events_;
};

}  // namespace msgproc::balancer

#endif  // MSGPROC_SERVICES_BALANCER_SERVER_REGISTRY_H_
