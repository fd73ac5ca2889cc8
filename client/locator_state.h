#ifndef MSGPROC_CLIENT_LOCATOR_STATE_H_
#define MSGPROC_CLIENT_LOCATOR_STATE_H_

#include <cstddef>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/optional.h"
#include "common/locality.h"
#include "msgproc/v1/balancer.pb.h"

namespace msgproc::client {

// Whom to ask for a server, and what to make of the answers: one round over the
// balancers for each question, beginning with the one that answered last. When
// none of them has a server, the servers of the last answer are tried in turn,
// so that balancers may be down while servers are not.
//
// Pure; not thread-safe.
class LocatorState {
 public:
  // At least one balancer. `locality` is the client's.
  LocatorState(std::vector<std::string> balancers, std::string affinity_key,
               Locality locality = {});

  // Begins a round; `failed` are addresses to avoid. Ask balancer() next.
  void Begin(const std::vector<std::string>& failed);

  const std::string& balancer() const { return balancers_[asked_]; }
  v1::GetServerRequest request() const;

  // balancer() answered so: the address, the end of the round.
  std::string OnAnswer(const v1::GetServerResponse& response);

  // balancer() failed so. Nothing: ask balancer(), which is the next one now.
  // Otherwise the end of the round: an address from the last answer; or
  // UNAVAILABLE, with what each balancer said; or, when all refused for a
  // reason that will not go away, that reason.
  absl::optional<absl::StatusOr<std::string>> OnError(
      const absl::Status& status);

 private:
  // Of the last answer: one that has not failed, otherwise each in turn.
  absl::optional<std::string> Remembered();
  absl::Status Failure() const;

  const std::vector<std::string> balancers_;
  const std::string affinity_key_;
  const Locality locality_;
  std::vector<std::string> failed_;
  // Index of the balancer that is asked, and of the one that answered last.
  size_t asked_ = 0;
  size_t preferred_ = 0;
  // What the balancers of this round said.
  std::vector<absl::Status> errors_;
  // Addresses of the last answer, best first.
  std::vector<std::string> remembered_;
  size_t turn_ = 0;
};

}  // namespace msgproc::client

#endif  // MSGPROC_CLIENT_LOCATOR_STATE_H_
