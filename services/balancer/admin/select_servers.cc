#include "services/balancer/admin/select_servers.h"

#include <algorithm>
#include <utility>

namespace msgproc::balancer {

ServersPage SelectServers(const admin::v1::ListServersRequest& request,
                          std::vector<ServerStatus> all) {
  const size_t asked =
      request.page_size() == 0 ? kDefaultServersPage : request.page_size();
  const size_t size = std::min(asked, kMaxServersPage);
  ServersPage page;
  for (ServerStatus& server : all) {
    const std::string& id = server.report.server_id;
    // Ids are not empty, and so behind an empty token.
    if (id <= request.page_token()) continue;
    if (!request.server_id().empty() && id != request.server_id()) continue;
    if (page.servers.size() == size) {
      page.next_page_token = page.servers.back().report.server_id;
      break;
    }
    page.servers.push_back(std::move(server));
  }
  return page;
}

}  // namespace msgproc::balancer
