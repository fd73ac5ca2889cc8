#include "services/etcd/server_record.h"

#include <string>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"

namespace msgproc::etcd {
namespace {

using testing::HasSubstr;

v1::RegisterRequest Report() {
  v1::RegisterRequest report;
  report.set_server_id("p1");
  report.set_address("10.0.0.1:50051");
  report.set_weight(2.5);
  report.set_state(v1::SERVER_STATE_DRAINING);
  report.set_sessions(12345678901);
  report.set_utilization(0.25);
  report.set_store_generation("g1");
  report.set_cordoned(true);
  report.set_takes_orders(true);
  report.mutable_vitals()->set_version("1.2.3");
  report.mutable_vitals()->set_why_not_serving("a \"quoted\"\nreason");
  return report;
}

std::string WhyNot(const std::string& value) {
  const auto report = ReadServerRecord("p1", value);
  EXPECT_TRUE(absl::IsInvalidArgument(report.status())) << value;
  return std::string(report.status().message());
}

TEST(ServerRecordTest, IsReadAsItWasWritten) {
  const auto read = ReadServerRecord("p1", WriteServerRecord(Report()));
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(read->SerializeAsString(), Report().SerializeAsString());
}

TEST(ServerRecordTest, IsWhatGosResolverReads) {
  const auto record = nlohmann::json::parse(WriteServerRecord(Report()));
  EXPECT_EQ(record["Op"], 0);
  EXPECT_EQ(record["Addr"], "10.0.0.1:50051");
  EXPECT_EQ(record["Metadata"]["store_generation"], "g1");
  EXPECT_EQ(record["Metadata"]["state"], "SERVER_STATE_DRAINING");
}

TEST(ServerRecordTest, WhatIsNotUtf8IsWrittenAllTheSame) {
  v1::RegisterRequest report = Report();
  report.set_server_id("p\xff");
  report.set_address("a\xff:1");
  const std::string value = WriteServerRecord(report);
  EXPECT_TRUE(nlohmann::json::accept(value)) << value;
  EXPECT_THAT(value, HasSubstr("\"Addr\":\"a\xef\xbf\xbd:1\""));
}

TEST(ServerRecordTest, TheSameReportLaterIsTheSameRecord) {
  v1::RegisterRequest later = Report();
  later.mutable_vitals()->mutable_clock()->set_seconds(1700000000);
  EXPECT_EQ(WriteServerRecord(later), WriteServerRecord(Report()));
}

TEST(ServerRecordTest, AnotherProgramsRecordIsAServerThatServes) {
  for (const char* value : {
           R"({"Op":0,"Addr":"a:1"})",
           R"({"Op":0,"Addr":"a:1","Metadata":null})",
           R"({"Addr":"a:1","Metadata":"zone-1"})",
           R"({"Addr":"a:1","Metadata":{"zone":1},"more":[]})",
       }) {
    const auto read = ReadServerRecord("theirs", value);
    ASSERT_TRUE(read.ok()) << read.status();
    EXPECT_EQ(read->server_id(), "theirs");
    EXPECT_EQ(read->address(), "a:1");
    EXPECT_EQ(read->state(), v1::SERVER_STATE_SERVING);
    EXPECT_FALSE(read->takes_orders());
  }
}

TEST(ServerRecordTest, TheKeyAndTheAddressCountAndNotTheMetadata) {
  v1::RegisterRequest report = Report();
  report.set_address("elsewhere:1");
  const std::string value = absl::StrCat(
      R"({"Addr":"a:1","Metadata":)",
      nlohmann::json::parse(WriteServerRecord(report))["Metadata"].dump(), "}");
  const auto read = ReadServerRecord("p2", value);
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(read->server_id(), "p2");
  EXPECT_EQ(read->address(), "a:1");
}

TEST(ServerRecordTest, SaysWhatIsWrong) {
  EXPECT_THAT(WhyNot(""), HasSubstr("of 'p1' is not an object"));
  EXPECT_THAT(WhyNot("[]"), HasSubstr("not an object"));
  EXPECT_THAT(WhyNot("{}"), HasSubstr("no Addr"));
  EXPECT_THAT(WhyNot(R"({"Addr":1})"), HasSubstr("no Addr"));
  EXPECT_THAT(WhyNot(R"({"Addr":"a:1","Metadata":{"sessions":"many"}})"),
              HasSubstr("no report"));
  EXPECT_THAT(WhyNot(R"({"Addr":"a:1","Metadata":{"sessions":-1}})"),
              HasSubstr("no report"));
}

TEST(ServerRecordTest, HasABound) {
  const std::string most = R"({"Addr":"a:1"})";
  EXPECT_TRUE(ReadServerRecord(
                  "p1", most + std::string(kMaxRecordBytes - most.size(), ' '))
                  .ok());
  EXPECT_THAT(
      WhyNot(most + std::string(kMaxRecordBytes - most.size() + 1, ' ')),
      HasSubstr("16385 bytes"));
}

}  // namespace
}  // namespace msgproc::etcd
