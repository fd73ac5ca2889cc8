#include "services/balancer/live/fleet_page.h"

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "services/balancer/live/recent_events.h"
#include "services/balancer/server_status.h"
#include "services/base/live/json_writer.h"

namespace msgproc::balancer {
namespace {

using testing::ElementsAre;
using testing::IsNan;

ServerStatus Server(const std::string& id,
                    ServerState state = ServerState::kServing) {
  ServerStatus status;
  status.report.server_id = id;
  status.state = state;
  return status;
}

TEST(ToShowTest, ThoseInTroubleComeFirst) {
  const std::vector<ServerStatus> shown =
      ToShow({Server("a"), Server("b", ServerState::kDraining),
              Server("c", ServerState::kStale), Server("e"), Server("d"),
              Server("f", ServerState::kUnhealthy)});
  std::vector<std::string> ids;
  for (const ServerStatus& status : shown) {
    ids.push_back(status.report.server_id);
  }
  EXPECT_THAT(ids, ElementsAre("f", "c", "b", "a", "d", "e"));
}

TEST(ToShowTest, HasABound) {
  std::vector<ServerStatus> all;
  for (int i = 0; i < 201; ++i) all.push_back(Server(absl::StrCat(1000 + i)));
  EXPECT_EQ(ToShow(all).size(), 200u);
  EXPECT_EQ(ToShow(all).back().report.server_id, "1199");
  all.pop_back();
  EXPECT_EQ(ToShow(all).size(), 200u);
}

TEST(FleetSampleTest, TheFleetIsTheSumOfItsServersOrTheWorst) {
  ServerStatus a = Server("a");
  a.report.load = {
      .sessions = 10, .messages_per_second = 100, .utilization = 0.5};
  a.report.vitals.latency_p99 = absl::Milliseconds(2);
  ServerStatus b = Server("b", ServerState::kDraining);
  b.report.load = {
      .sessions = 5, .messages_per_second = 50, .utilization = 0.25};
  ServerStatus c = Server("c", ServerState::kUnhealthy);
  c.report.load = {
      .sessions = 1, .messages_per_second = 0, .utilization = 0.25};
  c.report.vitals.latency_p99 = absl::Milliseconds(1);
  const auto sample = FleetSample(
      {a, b, c}, {.lookups_per_second = 3, .moves_per_second = 1.5});
  ASSERT_EQ(sample.size(), 4u);
  EXPECT_THAT(sample.at(""), ElementsAre(16, 150, 0.002, 0.5, 1, 3, 1.5));
  EXPECT_THAT(sample.at("a"),
              ElementsAre(10, 100, 0.002, 0.5, 1, IsNan(), IsNan()));
  EXPECT_THAT(sample.at("b"),
              ElementsAre(5, 50, IsNan(), 0.25, 0, IsNan(), IsNan()));
  EXPECT_EQ(FleetFigures().size(), sample.at("").size());
}

TEST(FleetSampleTest, OfNobodyNoLatencyIsKnown) {
  EXPECT_THAT(FleetSample({}, {}).at(""),
              ElementsAre(0, 0, IsNan(), IsNan(), 0, 0, 0));
}

TEST(WriteServersTest, SaysWhatIsKnown) {
  ServerStatus status = Server("a");
  status.report_age = absl::Milliseconds(1500);
  status.report.address = "10.0.0.1:50051";
  status.report.weight = 2;
  status.report.load = {
      .sessions = 10, .messages_per_second = 100, .utilization = 0.5};
  status.report.store_generation = "g1";
  status.report.vitals = {.version = "1.2.3",
                          .clock_ahead = absl::Seconds(-2),
                          .latency_p50 = absl::Milliseconds(1),
                          .latency_p99 = absl::Milliseconds(2),
                          .resident_bytes = 4096,
                          .workers = 4,
                          .workers_serving = 3,
                          .worker_deaths = 7};
  base::JsonWriter json;
  json.BeginObject();
  WriteServers({status}, &json);
  EXPECT_EQ(json.End().Take(),
            R"({"servers":[{"server_id":"a","address":"10.0.0.1:50051",)"
            R"("state":"serving","static":false,"weight":2,"streams":10,)"
            R"("messages_per_second":100,"cpu":0.5,"store":"g1",)"
            R"("report_age_seconds":1.5,"latency_p50":0.001,)"
            R"("latency_p99":0.002,"clock_ahead_seconds":-2,)"
            R"("version":"1.2.3","why_not_serving":"","workers":4,)"
            R"("workers_serving":3,"worker_deaths":7,"memory":4096}]})");
}

TEST(WriteServersTest, LeavesOutWhatIsUnknown) {
  ServerStatus status = Server("a", ServerState::kDraining);
  status.is_static = true;
  status.report.cordoned = true;
  base::JsonWriter json;
  json.BeginObject();
  WriteServers({status}, &json);
  EXPECT_EQ(json.End().Take(),
            R"({"servers":[{"server_id":"a","address":"","state":"cordoned",)"
            R"("static":true,"weight":1,"streams":0,"messages_per_second":0,)"
            R"("cpu":0,"store":"","version":"","why_not_serving":"",)"
            R"("workers":0,"workers_serving":0,"worker_deaths":0}]})");
}

TEST(WriteEventsTest, MovesAndEventsAreToldApart) {
  const absl::Time now = absl::UnixEpoch() + absl::Hours(1);
  base::JsonWriter json;
  json.BeginObject();
  WriteEvents({{.at = now - absl::Seconds(2),
                .server_id = "a",
                .to_server_id = "b",
                .sessions = 5},
               {.at = now - absl::Seconds(3),
                .server_id = "b",
                .text = "registered",
                .bad = true}},
              now, &json);
  EXPECT_EQ(json.End().Take(),
            R"({"events":[{"age_seconds":2,"server_id":"a",)"
            R"("to_server_id":"b","sessions":5},{"age_seconds":3,)"
            R"("server_id":"b","text":"registered","bad":true}]})");
}

}  // namespace
}  // namespace msgproc::balancer
