#include "services/balancer/admin/select_servers.h"

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "msgproc/v1/balancer.pb.h"

namespace msgproc::balancer {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

std::vector<ServerStatus> Servers(const std::vector<std::string>& ids) {
  std::vector<ServerStatus> servers;
  for (const std::string& id : ids) {
    servers.emplace_back().report.server_id = id;
  }
  return servers;
}

std::vector<std::string> Ids(const ServersPage& page) {
  std::vector<std::string> ids;
  for (const ServerStatus& server : page.servers) {
    ids.push_back(server.report.server_id);
  }
  return ids;
}

TEST(SelectServersTest, WithoutWishesTheFirstThousandComes) {
  std::vector<std::string> names;
  for (int i = 0; i < 1001; ++i) names.push_back(absl::StrCat(10000 + i));
  const ServersPage page =
      SelectServers(admin::v1::ListServersRequest(), Servers(names));
  EXPECT_EQ(page.servers.size(), 1000U);
  EXPECT_EQ(page.next_page_token, "10999");
}

TEST(SelectServersTest, PagesFollowEachOther) {
  admin::v1::ListServersRequest request;
  request.set_page_size(2);
  ServersPage page = SelectServers(request, Servers({"a", "b", "c"}));
  EXPECT_THAT(Ids(page), ElementsAre("a", "b"));
  EXPECT_EQ(page.next_page_token, "b");
  request.set_page_token(page.next_page_token);
  page = SelectServers(request, Servers({"a", "b", "c"}));
  EXPECT_THAT(Ids(page), ElementsAre("c"));
  EXPECT_EQ(page.next_page_token, "");
  // The one that the page before ended with has gone.
  page = SelectServers(request, Servers({"a", "c", "d"}));
  EXPECT_THAT(Ids(page), ElementsAre("c", "d"));
  EXPECT_EQ(page.next_page_token, "");
}

TEST(SelectServersTest, NoPageIsBiggerThanTheBound) {
  std::vector<std::string> names;
  for (int i = 0; i < 10001; ++i) names.push_back(absl::StrCat(100000 + i));
  admin::v1::ListServersRequest request;
  request.set_page_size(20000);
  const ServersPage page = SelectServers(request, Servers(names));
  EXPECT_EQ(page.servers.size(), 10000U);
  EXPECT_EQ(page.next_page_token, "109999");
}

TEST(SelectServersTest, OneIsFoundByItsName) {
  admin::v1::ListServersRequest request;
  request.set_server_id("b");
  EXPECT_THAT(Ids(SelectServers(request, Servers({"a", "b", "c"}))),
              ElementsAre("b"));
  EXPECT_THAT(Ids(SelectServers(request, Servers({"a", "c"}))), IsEmpty());
}

TEST(SelectServersTest, ThoseInOneStateAreFoundByIt) {
  std::vector<ServerStatus> all = Servers({"a", "b", "c", "d", "e"});
  all[0].state = ServerState::kServing;
  all[1].state = ServerState::kDraining;
  all[2].state = ServerState::kUnhealthy;
  all[3].state = ServerState::kStale;
  all[4].state = ServerState::kDraining;
  admin::v1::ListServersRequest request;
  const auto in = [&](v1::ServerState state) {
    request.set_state(state);
    return Ids(SelectServers(request, all));
  };
  EXPECT_THAT(in(v1::SERVER_STATE_SERVING), ElementsAre("a"));
  EXPECT_THAT(in(v1::SERVER_STATE_DRAINING), ElementsAre("b", "e"));
  EXPECT_THAT(in(v1::SERVER_STATE_UNHEALTHY), ElementsAre("c"));
  EXPECT_THAT(in(v1::SERVER_STATE_STALE), ElementsAre("d"));
  EXPECT_THAT(in(v1::SERVER_STATE_UNSPECIFIED),
              ElementsAre("a", "b", "c", "d", "e"));
  // Of a later release.
  EXPECT_THAT(in(static_cast<v1::ServerState>(9)), IsEmpty());
  request.set_server_id("b");
  EXPECT_THAT(in(v1::SERVER_STATE_DRAINING), ElementsAre("b"));
  EXPECT_THAT(in(v1::SERVER_STATE_STALE), IsEmpty());
}

TEST(SelectServersTest, PagesHoldWhatMatchesOnly) {
  std::vector<ServerStatus> all = Servers({"a", "b", "c", "d", "e"});
  for (const size_t i : {0U, 2U, 3U}) all[i].state = ServerState::kStale;
  admin::v1::ListServersRequest request;
  request.set_state(v1::SERVER_STATE_STALE);
  request.set_page_size(2);
  ServersPage page = SelectServers(request, all);
  EXPECT_THAT(Ids(page), ElementsAre("a", "c"));
  EXPECT_EQ(page.next_page_token, "c");
  request.set_page_token(page.next_page_token);
  page = SelectServers(request, all);
  EXPECT_THAT(Ids(page), ElementsAre("d"));
  EXPECT_EQ(page.next_page_token, "");
}

}  // namespace
}  // namespace msgproc::balancer
