#include "services/balancer/admin/select_servers.h"

#include <utility>

#include "services/balancer/wire_conversions.h"
#include "services/base/page_size.h"

namespace msgproc::balancer {
namespace {

bool Matches(const admin::v1::ListServersRequest& request,
             const ServerStatus& server) {
  if (!request.server_id().empty() &&
      server.report.server_id != request.server_id()) {
    return false;
  }
  return request.state() == v1::SERVER_STATE_UNSPECIFIED ||
         ToProto(server.state) == request.state();
}

}  // namespace

ServersPage SelectServers(const admin::v1::ListServersRequest& request,
                          std::vector<ServerStatus> all) {
  const size_t size =
      base::PageSize(request.page_size(), kDefaultServersPage, kMaxServersPage);
  ServersPage page;
  for (ServerStatus& server : all) {
    const std::string& id = server.report.server_id;
    // Ids are not empty, and so behind an empty token.
    if (id <= request.page_token()) continue;
    if (!Matches(request, server)) continue;
    if (page.servers.size() == size) {
      page.next_page_token = page.servers.back().report.server_id;
      break;
    }
    page.servers.push_back(std::move(server));
  }
  return page;
}

}  // namespace msgproc::balancer
