#ifndef MSGPROC_SERVICES_BALANCER_ADMIN_SELECT_SERVERS_H_
#define MSGPROC_SERVICES_BALANCER_ADMIN_SELECT_SERVERS_H_

#include <cstddef>
#include <string>
#include <vector>

#include "msgproc/admin/v1/admin.pb.h"
#include "services/balancer/server_status.h"

namespace msgproc::balancer {

inline constexpr size_t kDefaultServersPage = 1000;
inline constexpr size_t kMaxServersPage = 10000;

struct ServersPage {
  std::vector<ServerStatus> servers;
  std::string next_page_token;  // Empty: there are no more.
};

// What ListServers answers, as admin.proto says, of `all`, which is in order of
// server_id. A page begins behind the last server of the page before, whether
// that is still there or not.
ServersPage SelectServers(const admin::v1::ListServersRequest& request,
                          std::vector<ServerStatus> all);

}  // namespace msgproc::balancer

#endif  // MSGPROC_SERVICES_BALANCER_ADMIN_SELECT_SERVERS_H_
