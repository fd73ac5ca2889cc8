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
#include "services/balancer/fleet.h"
#include "services/balancer/roster.h"
#include "services/balancer/xds/xds_resources.h"

namespace msgproc::balancer {

// Which servers one xDS client is given: what GetServer would answer it, kept
// for as long as it holds. A server that is not handed out any more makes room
// for another; the others stay in their order, so that a client moves only when
// it has to. Thread-compatible.
class AdsAssignment {
 public:
  // The one that the policy picked and two for when it fails.
  static constexpr size_t kMaxServing = 3;
  // Of those that drain, the latest.
  static constexpr size_t kMaxDraining = 3;

  // Where an address is in digits; none: not known yet, or no such host.
  using Resolve = std::function<std::optional<XdsEndpoint>(absl::string_view)>;

  // Brings it up to date, and says what the client is to have. None: nothing
  // that could be said; it keeps what it has. Cheap when nothing has changed.
  // `affinity_key`: as in PickRequest.
  std::optional<XdsAssignment> Review(absl::string_view affinity_key,
                                      const Resolve& resolve,
                                      absl::BitGenRef random, Fleet* fleet);

 private:
  void LetGo(const Fleet& fleet);
  void FillUp(absl::string_view affinity_key, absl::BitGenRef random,
              Fleet* fleet);

  // Of the fleet, and of what its picks are made from.
  using Versions = std::pair<uint64_t, uint64_t>;

  std::vector<std::shared_ptr<Member>> serving_;
  std::vector<std::shared_ptr<Member>> draining_;
  // When there was last looked for more.
  std::optional<Versions> filled_at_;
};

}  // namespace msgproc::balancer

#endif  // MSGPROC_SERVICES_BALANCER_XDS_ADS_ASSIGNMENT_H_
