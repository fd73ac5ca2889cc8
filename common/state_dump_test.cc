#include "common/state_dump.h"

#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace msgproc {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

using Field = StateDump::Field;

constexpr absl::Time kNow = absl::UnixEpoch();

TEST(StateDumpTest, FieldsStandInTheirOrderWithTheirValuesInWords) {
  StateDump dump("processor::Session", {{"kind", "stored"},
                                        {"opened", true},
                                        {"limited", false},
                                        {"epoch", uint64_t{7}},
                                        {"weight", 1.5},
                                        {"id", std::string("'s'")},
                                        {"why", absl::string_view("drained")}});
  dump.Add("patience", absl::Seconds(60));
  EXPECT_EQ(dump.machine(), "processor::Session");
  EXPECT_THAT(dump.fields(),
              ElementsAre(Field{"kind", "stored"}, Field{"opened", "true"},
                          Field{"limited", "false"}, Field{"epoch", "7"},
                          Field{"weight", "1.5"}, Field{"id", "'s'"},
                          Field{"why", "drained"}, Field{"patience", "1m"}));
  EXPECT_EQ(dump["epoch"], "7");
  EXPECT_EQ(dump["phase"], "");
}

TEST(StateDumpTest, AMachineMayHaveNothingToSay) {
  EXPECT_THAT(StateDump("processor::InlineExecutor").fields(), IsEmpty());
}

TEST(StateDumpTest, ValuesAreBoundedAndReadableText) {
  const StateDump dump("m", {{"long", std::string(5000, 'x')},
                             {"broken", std::string("a\xff"
                                                    "b")}});
  EXPECT_EQ(dump["long"], std::string(StateDump::kMostValueBytes, 'x'));
  EXPECT_EQ(dump["broken"], "a?b");
}

TEST(StateDumpTest, DurationsHaveNoDigitsThatSayNothing) {
  const StateDump dump("m",
                       {{"short", absl::Nanoseconds(1'234'567)},
                        {"almost", absl::Seconds(1) - absl::Nanoseconds(1)},
                        {"long", absl::Nanoseconds(1'501'600'700)},
                        {"none", absl::ZeroDuration()},
                        {"ever", absl::InfiniteDuration()}});
  EXPECT_EQ(dump["short"], "1.234ms");
  EXPECT_EQ(dump["almost"], "999.999ms");
  EXPECT_EQ(dump["long"], "1.501s");
  EXPECT_EQ(dump["none"], "0");
  EXPECT_EQ(dump["ever"], "inf");
}

TEST(WhenTest, SaysHowFarAwayATimeIs) {
  EXPECT_EQ(When(kNow + absl::Milliseconds(2500), kNow), "in 2.5s");
  EXPECT_EQ(When(kNow - absl::Milliseconds(300), kNow), "300ms ago");
  EXPECT_EQ(When(kNow, kNow), "now");
  EXPECT_EQ(When(kNow + absl::Nanoseconds(300), kNow), "now");
  EXPECT_EQ(When(absl::InfiniteFuture(), kNow), "never");
  EXPECT_EQ(When(absl::InfinitePast(), kNow), "never");
}

}  // namespace
}  // namespace msgproc
