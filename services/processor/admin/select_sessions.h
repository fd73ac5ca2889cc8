#ifndef MSGPROC_SERVICES_PROCESSOR_ADMIN_SELECT_SESSIONS_H_
#define MSGPROC_SERVICES_PROCESSOR_ADMIN_SELECT_SESSIONS_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/optional.h"
#include "msgproc/admin/v1/admin.pb.h"
#include "services/processor/session/session_facts.h"

namespace msgproc::processor {

inline constexpr size_t kDefaultPageSize = 100;
inline constexpr size_t kMaxPageSize = 10'000;
// What a client takes that sets no limit of its own is 4 MiB.
inline constexpr size_t kMaxPageBytes = 3 << 20;

// Chooses what ListSessions answers, as admin.proto says, of all that it is
// offered one by one; keeps no more than a page. All are looked at for each
// page: large pages are the cheap way to all. A page begins behind the last
// session of the page before, wherever that is by now: each that keeps its
// place in the order is seen once. Pure.
class SelectSessions {
 public:
  // INVALID_ARGUMENT: an order or a filter that is unknown, or a page token of
  // another order.
  static absl::StatusOr<SelectSessions> For(
      const admin::v1::ListSessionsRequest& request);

  // What its views refer to outlives the page. Left as it is if it is not kept.
  void Offer(SessionFacts&& facts);

  // The page of those that were offered, of `max_bytes` at most, but one
  // session at least. `now`: the wall clock's time for that of the facts.
  admin::v1::ListSessionsResponse Page(absl::Time now,
                                       size_t max_bytes = kMaxPageBytes);

 private:
  // Where a session stands: larger values first, then sessions by id, then
  // streams without one by number.
  struct Place {
    uint64_t value = 0;
    uint64_t stream = 0;
    absl::string_view id;

    bool operator<(const Place& other) const;
  };
  // Of those that pass behind `behind_`, one of the first `size_`.
  struct Candidate {
    Place place;
    size_t facts = 0;  // Its index in `kept_`.
  };

  explicit SelectSessions(const admin::v1::ListSessionsRequest& request);
  absl::Status ReadToken();
  std::string TokenOf(const Place& place) const;
  bool Passes(const SessionFacts& facts) const;
  static bool ComesFirst(const Candidate& a, const Candidate& b) {
    return a.place < b.place;
  }

  const admin::v1::ListSessionsRequest request_;
  const size_t size_;
  // The page before has ended there; its id is behind_id_.
  absl::optional<Place> behind_;
  std::string behind_id_;
  uint64_t total_ = 0;
  uint64_t matching_ = 0;
  // Those that pass behind `behind_`.
  uint64_t left_ = 0;
  // A heap with the last of them at its front.
  std::vector<Candidate> first_;
  std::vector<SessionFacts> kept_;
};

}  // namespace msgproc::processor

#endif  // MSGPROC_SERVICES_PROCESSOR_ADMIN_SELECT_SESSIONS_H_
