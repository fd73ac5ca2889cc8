#ifndef MSGPROC_SERVICES_BALANCER_NEAREST_FIRST_H_
#define MSGPROC_SERVICES_BALANCER_NEAREST_FIRST_H_

#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <utility>

#include "absl/strings/string_view.h"
#include "common/locality.h"
#include "services/balancer/pick_policy.h"
#include "services/balancer/roster.h"
#include "services/balancer/roster_load.h"

namespace msgproc::balancer {

// Gives a client that says where it is a server in its zone, else one in its
// region, else any; which of them, another policy decides. So does it in
// everything for a client that does not, or that no server is near to. The idea
// is that of Envoy's priorities by locality and of its zone-aware routing,
// which spills over what is too much for a zone.
//
// The rule:
// - A zone is preferred as long as it has room: as long as its servers, all
//   together and by their weight, have less than kLoadFactor times their share
//   of the fleet's load (which a fleet of one zone never has), or less than
//   kLoadAlwaysAllowed each on average. Likewise a region.
// - A full one is passed over: its servers come behind all others. So is one
//   whose servers are gone, drain, are unhealthy or excluded, for they are not
//   on the roster or are refused.
// - Of the four places two at most are for the client's own zone while there is
//   anything outside: a zone that goes dark takes not all of them with it.
//
// Pure. As thread-safe and as free of locks as any PickPolicy; holds a policy
// for each zone and region beside the one for all.
class NearestFirst final : public PickPolicy {
 public:
  static constexpr double kLoadFactor = 1.25;
  static constexpr double kLoadAlwaysAllowed = 16;
  static constexpr size_t kPlacesOfZone = 2;

  using MakePolicy = std::function<std::unique_ptr<const PickPolicy>(
      std::shared_ptr<const Roster>)>;

  // Whether any server of the roster says where it is: no reason to make one of
  // these otherwise.
  static bool IsOfUse(const Roster& roster);

  // Calls `make` here only.
  NearestFirst(const std::shared_ptr<const Roster>& roster,
               const MakePolicy& make);

 private:
  // A zone, a region or the whole fleet.
  struct Area {
    Area(const std::shared_ptr<const Roster>& roster, const MakePolicy& make)
        : policy(make(roster)), load(roster.get()) {}
    std::unique_ptr<const PickPolicy> policy;
    RosterLoad load;
  };
  // Region and zone; of a region, no zone. Views of the members' own.
  using Name = std::pair<absl::string_view, absl::string_view>;

  void Fill(const PickRequest& request, absl::BitGenRef random,
            Shortlist& list) const override;
  // Appends what the area's policy gives for as long as the list has less than
  // `most`, in its order.
  static void Append(const Area& area, const PickRequest& request,
                     absl::BitGenRef random, Outside outside, size_t most,
                     Shortlist& list);
  // Null: no server is there.
  const Area* Find(absl::string_view region, absl::string_view zone) const;
  bool HasRoom(const Area& area) const;

  const Area all_;
  std::map<Name, Area> areas_;
};

}  // namespace msgproc::balancer

#endif  // MSGPROC_SERVICES_BALANCER_NEAREST_FIRST_H_
