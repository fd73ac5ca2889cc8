#include "services/balancer/server_report.h"

#include <cmath>
#include <limits>
#include <string>

#include "absl/strings/match.h"
#include "gtest/gtest.h"

namespace msgproc::balancer {
namespace {

ServerReport GoodReport() {
  ServerReport report;
  report.server_id = "a";
  report.address = "10.0.0.7:50051";
  return report;
}

TEST(ServerReportTest, AcceptsNamesAndBothKindsOfAddress) {
  EXPECT_TRUE(Validate(GoodReport()).ok());
  EXPECT_TRUE(ValidateAddress("[::1]:50051").ok());
  EXPECT_TRUE(ValidateAddress("processor-3.example:65535").ok());
}

TEST(ServerReportTest, SaysWhatIsWrongWithAnAddress) {
  for (const std::string address :
       {"", "localhost", "localhost:", "localhost:0", "localhost:65536",
        "localhost:http", ":50051", "::1:50051", "a b:50051",
        "http://localhost:50051", "0.0.0.0:50051", "[::]:50051"}) {
    const absl::Status status = ValidateAddress(address);
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << address;
    EXPECT_TRUE(absl::StrContains(status.message(), "give")) << status;
  }
  EXPECT_TRUE(absl::StrContains(ValidateAddress("0.0.0.0:50051").message(),
                                "wildcard"));
  EXPECT_FALSE(ValidateAddress(std::string(300, 'a') + ":1").ok());
}

TEST(ServerReportTest, RefusesANamelessServer) {
  ServerReport report = GoodReport();
  report.server_id = "";
  EXPECT_FALSE(Validate(report).ok());
  report.server_id = "two words";
  EXPECT_FALSE(Validate(report).ok());
  report.server_id = std::string(129, 'x');
  EXPECT_FALSE(Validate(report).ok());
}

TEST(ServerReportTest, AStoresGenerationIsOneWordOrNone) {
  ServerReport report = GoodReport();
  report.store_generation = std::string(128, 'x');
  EXPECT_TRUE(Validate(report).ok());
  report.store_generation += 'x';
  EXPECT_FALSE(Validate(report).ok());
  report.store_generation = "two words";
  EXPECT_FALSE(Validate(report).ok());
}

TEST(ServerReportTest, RefusesALocalityThatIsNone) {
  ServerReport report = GoodReport();
  report.locality = {"eu", "a", "rack-7"};
  EXPECT_TRUE(Validate(report).ok());
  report.locality.zone = "two words";
  EXPECT_TRUE(absl::StrContains(Validate(report).message(), "zone"));
}

TEST(ServerReportTest, RefusesNumbersThatAreNone) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  for (const double weight : {0.0, -1.0, 0.001, 1001.0, nan}) {
    ServerReport report = GoodReport();
    report.weight = weight;
    EXPECT_FALSE(Validate(report).ok()) << weight;
  }
  ServerReport report = GoodReport();
  report.load.utilization = nan;
  EXPECT_FALSE(Validate(report).ok());
  report = GoodReport();
  report.load.messages_per_second = -1;
  EXPECT_FALSE(Validate(report).ok());
}

}  // namespace
}  // namespace msgproc::balancer
