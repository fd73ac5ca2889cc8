#ifndef MSGPROC_SERVICES_BALANCER_XDS_ADS_ASSIGNMENT_H_
#define MSGPROC_SERVICES_BALANCER_XDS_ADS_ASSIGNMENT_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/random/bit_gen_ref.h"
#include "absl/strings/string_view.h"
#include "common/locality.h"
#include "services/balancer/fleet.h"
#include "services/balancer/roster.h"
#include "services/balancer/xds/xds_resources.h"

namespace msgproc::balancer {

// Which servers one xDS client is given: what GetServer would answer it, kept
// for as long as it holds. A server that is not handed out any more makes room
// for another; the others stay, so that a client moves only when it has to, or
// when NearestFirst finds a server that is nearer to it than its first one:
// never away from a near one because that is full. Open streams stay where they
// are, whatever the list says. Thread-compatible.
class AdsAssignment {
 public:
  // The one that the policy picked and two for when it fails.
  static constexpr size_t kMaxServing = 3;
  // Of those that drain, the latest.
  static constexpr size_t kMaxDraining = 3;

  // Who asks. Both as in PickRequest.
  struct Client {
    absl::string_view affinity_key;
    const Locality& locality;
  };

  // Where an address is in digits; none: not known yet, or no such host.
  using Resolve = std::function<std::optional<XdsEndpoint>(absl::string_view)>;

  // Brings it up to date, and says what the client is to have. None: nothing
  // that could be said; it keeps what it has. Cheap when nothing has changed.
  std::optional<XdsAssignment> Review(const Client& client,
                                      const Resolve& resolve,
                                      absl::BitGenRef random, Fleet* fleet);

 private:
  void LetGo(const Fleet& fleet);
  // Takes what there is room for; all of it, if it begins with a nearer one.
  void FillUp(const Client& client, absl::BitGenRef random, Fleet* fleet);
  // Adds what is not there yet. `in_last_place`: whether one of the client's
  // zone may have the last place behind others of it, too.
  void Take(const Choice& choice, const Locality& locality, bool in_last_place);

  // Of the fleet, and of what its picks are made from.
  using Versions = std::pair<uint64_t, uint64_t>;

  std::vector<std::shared_ptr<Member>> serving_;
  std::vector<std::shared_ptr<Member>> draining_;
  // When there was last looked for more.
  std::optional<Versions> filled_at_;
};

}  // namespace msgproc::balancer

#endif  // MSGPROC_SERVICES_BALANCER_XDS_ADS_ASSIGNMENT_H_
