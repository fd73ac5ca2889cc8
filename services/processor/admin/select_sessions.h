#ifndef MSGPROC_SERVICES_PROCESSOR_ADMIN_SELECT_SESSIONS_H_
#define MSGPROC_SERVICES_PROCESSOR_ADMIN_SELECT_SESSIONS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "msgproc/admin/v1/admin.pb.h"
#include "services/processor/session/session_facts.h"

namespace msgproc::processor {

inline constexpr uint32_t kDefaultPageSize = 100;
inline constexpr uint32_t kMaxPageSize = 1000;

// A page of those that a request asks for, in its order.
struct SessionPage {
  std::vector<SessionFacts> sessions;
  std::string next_page_token;  // Empty: there are no more.
  uint64_t matching = 0;        // How many pass the filters, on all pages.
};

// What ListSessions answers, as admin.proto says, of `all`. A page begins
// behind the last session of the page before, wherever that is by now: each
// that keeps its place in the order is seen once. INVALID_ARGUMENT: an order
// or a filter that is unknown, or a page token of another order.
absl::StatusOr<SessionPage> SelectSessions(
    const admin::v1::ListSessionsRequest& request,
    std::vector<SessionFacts> all);

}  // namespace msgproc::processor

#endif  // MSGPROC_SERVICES_PROCESSOR_ADMIN_SELECT_SESSIONS_H_
