#include "tools/ctl/text.h"

#include <cstdint>
#include <string>

#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "msgproc/admin/v1/admin.pb.h"

namespace msgproc::ctl {
namespace {

using testing::HasSubstr;
using testing::Not;

admin::v1::Session SlowReader() {
  admin::v1::Session session;
  session.set_session_id("till-7");
  session.set_handler("echo");
  session.set_peer("ipv4:127.0.0.1:4321");
  session.set_attached(true);
  session.mutable_age()->set_seconds(7200);
  session.mutable_state_age()->set_seconds(90);
  session.set_streams(3);
  session.set_received_through(10);
  session.set_written_through(10);
  session.set_committed_through(2010);
  session.set_ready_through(2010);
  session.set_dispatched_through(2012);
  session.set_accepted_through(2012);
  session.set_bytes(3 << 20);
  session.set_result_bytes(2 << 20);
  session.set_stage(admin::v1::STAGE_WRITE);
  session.mutable_oldest_unanswered()->set_nanos(1'500'000);
  return session;
}

TEST(TextTest, NumbersHaveAtMostThreeDigitsThatMatter) {
  EXPECT_EQ(Count(0), "0");
  EXPECT_EQ(Count(999), "999");
  EXPECT_EQ(Count(1000), "1.0k");
  EXPECT_EQ(Count(12345), "12.3k");
  EXPECT_EQ(Count(99960), "100k");
  EXPECT_EQ(Count(999999), "1.0M");
  EXPECT_EQ(Bytes(812), "812 B");
  EXPECT_EQ(Bytes(1024), "1.0 KiB");
  EXPECT_EQ(Bytes(64 << 10), "64 KiB");
  EXPECT_EQ(Bytes(uint64_t{3} << 29), "1.5 GiB");
  EXPECT_EQ(Length(absl::Microseconds(350)), "350 µs");
  EXPECT_EQ(Length(absl::Milliseconds(20)), "20 ms");
  EXPECT_EQ(Length(absl::Seconds(1.2)), "1.2 s");
  EXPECT_EQ(Length(absl::Seconds(119)), "119 s");
  EXPECT_EQ(Length(absl::Minutes(3)), "3 min");
  EXPECT_EQ(Length(absl::Hours(5)), "5 h");
  EXPECT_EQ(Length(absl::Hours(24 * 5)), "5 d");
}

TEST(TextTest, ColumnsAreAsWideAsWhatStandsInThem) {
  EXPECT_EQ(Table({{"A", "LONG", "C"}, {"1 µs", "2", "3"}}, {1}),
            "A     LONG  C\n"
            "1 µs     2  3\n");
}

TEST(TextTest, ASessionIsALine) {
  admin::v1::ListSessionsResponse response;
  *response.add_sessions() = SlowReader();
  EXPECT_EQ(SessionLines(response, nullptr),
            "SESSION  PRINCIPAL  HANDLER  PEER                 STATE      FOR  "
            "MESSAGES  WAITING  UNREAD   MEMORY  OLDEST  IS AT\n"
            "till-7   -          echo     ipv4:127.0.0.1:4321  attached  90 s  "
            "    2.0k        2    2.0k  3.0 MiB    2 ms  write\n");
  const Rates rates = {{"till-7", 1234}};
  EXPECT_THAT(SessionLines(response, &rates), HasSubstr("1.2k      2.0k"));
}

TEST(TextTest, AStreamWithoutASessionIsNamedByItsNumber) {
  admin::v1::ListSessionsResponse response;
  *response.add_sessions() = SlowReader();
  response.mutable_sessions(0)->clear_session_id();
  response.mutable_sessions(0)->set_stream(17);
  const Rates rates = {{"@17", 1234}};
  const std::string lines = SessionLines(response, &rates);
  EXPECT_THAT(lines, HasSubstr("\n@17      -          echo "));
  EXPECT_THAT(lines, HasSubstr("  anonymous  90 s  1.2k  "));
}

TEST(TextTest, ATerminalIsTheOperatorsAlone) {
  admin::v1::ListSessionsResponse response;
  response.add_sessions()->set_session_id("a\x1b[2Jb\nc");
  const std::string lines = SessionLines(response, nullptr);
  EXPECT_THAT(lines, Not(HasSubstr("\x1b")));
  EXPECT_THAT(lines, HasSubstr("a\\x1b[2Jb\\x0ac"));
}

}  // namespace
}  // namespace msgproc::ctl
