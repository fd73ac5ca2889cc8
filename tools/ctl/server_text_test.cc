#include "tools/ctl/server_text.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "msgproc/admin/v1/admin.pb.h"
#include "msgproc/v1/balancer.pb.h"

namespace msgproc::ctl {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

TEST(ServerTextTest, AStatusSaysWhyNobodyIsWelcome) {
  admin::v1::GetStatusResponse status;
  EXPECT_THAT(StatusText(status), HasSubstr("welcome\n"));
  status.set_cordoned(true);
  EXPECT_THAT(StatusText(status), HasSubstr("cordoned: balancers send nobody"));
  status.set_why_not_serving("draining");
  status.set_memory_held(10 << 20);
  status.set_memory_budget(20 << 20);
  EXPECT_THAT(StatusText(status), HasSubstr("not welcome: draining"));
  EXPECT_THAT(StatusText(status), HasSubstr("10 MiB of 20 MiB"));
  EXPECT_THAT(StatusText(status), Not(HasSubstr("balancers  ")));
  status.set_balancers(2);
  status.set_balancers_registered(1);
  EXPECT_THAT(StatusText(status), HasSubstr("registered with 1 of 2"));
}

TEST(ServerTextTest, ABalancersStatusIsOfItsFleet) {
  admin::v1::GetStatusResponse status;
  status.set_kind(admin::v1::SERVER_KIND_BALANCER);
  status.mutable_fleet()->set_serving(3);
  status.mutable_fleet()->set_draining(1);
  status.mutable_fleet()->set_policy("least_sessions");
  EXPECT_THAT(StatusText(status),
              AllOf(HasSubstr("a balancer"), HasSubstr("3 serving, 1 draining"),
                    HasSubstr("least_sessions"), Not(HasSubstr("fail static")),
                    Not(HasSubstr("stores")), Not(HasSubstr("attached"))));
  status.mutable_fleet()->set_fail_static(true);
  status.mutable_fleet()->set_stores(2);
  EXPECT_THAT(StatusText(status),
              AllOf(HasSubstr("fail static"), HasSubstr("stores")));
}

TEST(ServerTextTest, AServerIsALine) {
  admin::v1::ListServersResponse servers;
  admin::v1::FleetServer* server = servers.add_servers();
  v1::ServerStatus* status = server->mutable_status();
  status->mutable_server()->set_server_id("a\x1b");
  status->mutable_server()->set_address("10.0.0.7:1");
  status->set_state(v1::SERVER_STATE_DRAINING);
  status->set_cordoned(true);
  status->set_weight(1);
  status->mutable_load()->set_sessions(12);
  status->mutable_load()->set_utilization(0.25);
  status->mutable_report_age()->set_seconds(1);
  server->mutable_vitals()->set_version("0.9.0");
  EXPECT_EQ(
      ServerLines(servers),
      "SERVER  ADDRESS     STATE     SOCKETS  /S  CPU  WEIGHT   REPORTED "
      " VERSION  STORE\n"
      "a\\x1b   10.0.0.7:1  cordoned       12   0  25%       1  1.0 s ago "
      " 0.9.0    memory\n");
  status->set_cordoned(false);
  EXPECT_THAT(ServerLines(servers), HasSubstr("draining"));
  status->clear_report_age();
  EXPECT_THAT(ServerLines(servers), HasSubstr("never"));
}

TEST(ServerTextTest, ACordonSaysWhoHeardOfIt) {
  admin::v1::SetCordonResponse done;
  done.set_balancers(2);
  done.set_balancers_registered(2);
  EXPECT_EQ(CordonText(true, done), "cordoned\n");
  EXPECT_EQ(CordonText(false, done), "it was not cordoned\n");
  done.set_before(true);
  EXPECT_EQ(CordonText(true, done), "it was cordoned already\n");
  EXPECT_EQ(CordonText(false, done), "uncordoned\n");
  done.set_balancers_registered(1);
  EXPECT_THAT(CordonText(false, done), HasSubstr("with 1 of 2 balancers"));
  done.set_balancers(0);
  EXPECT_THAT(CordonText(false, done), HasSubstr("with no balancer"));
}

}  // namespace
}  // namespace msgproc::ctl
