#include "tools/loadgen/stream/payload.h"

#include <cstddef>
#include <cstdint>
#include <set>
#include <string>

#include "absl/strings/ascii.h"
#include "gtest/gtest.h"
#include "tools/loadgen/plan/expectation.h"

namespace msgproc::loadgen {
namespace {

std::string Make(const Payloads& payloads, uint64_t stream, uint64_t sequence) {
  std::string buffer = payloads.NewBuffer();
  payloads.Stamp(stream, sequence, &buffer);
  return buffer;
}

class PayloadsOfEverySize : public testing::TestWithParam<size_t> {};

TEST_P(PayloadsOfEverySize, AreRecognisedAsTheyAreAndInUpperCase) {
  const Payloads payloads(1, GetParam());
  const std::string payload = Make(payloads, 3, 12345);
  EXPECT_EQ(payload.size(), GetParam());
  EXPECT_TRUE(payloads.IsEcho(3, 12345, payload));
  EXPECT_TRUE(payloads.IsUppercase(3, 12345, absl::AsciiStrToUpper(payload)));
}

TEST_P(PayloadsOfEverySize, ShowAnyFlippedByteAndAnyOtherLength) {
  const Payloads payloads(1, GetParam());
  const std::string payload = Make(payloads, 3, 12345);
  for (size_t i = 0; i < payload.size(); ++i) {
    std::string damaged = payload;
    damaged[i] = static_cast<char>(damaged[i] ^ 1);
    EXPECT_FALSE(payloads.IsEcho(3, 12345, damaged)) << i;
  }
  EXPECT_FALSE(payloads.IsEcho(3, 12345, payload + "a"));
  if (payload.empty()) return;
  EXPECT_FALSE(payloads.IsEcho(3, 12345, absl::string_view(payload).substr(1)));
  EXPECT_FALSE(payloads.IsUppercase(3, 12345, payload));
}

INSTANTIATE_TEST_SUITE_P(Sizes, PayloadsOfEverySize,
                         testing::Values(0, 1, 7, 8, 15, 16, 17, 31, 32, 33, 64,
                                         1000));

TEST(PayloadsTest, NeighboursDifferEvenInTwoBytes) {
  const Payloads payloads(1, 2);
  for (uint64_t sequence = 1; sequence < 256; ++sequence) {
    EXPECT_FALSE(payloads.IsEcho(0, sequence + 1, Make(payloads, 0, sequence)));
  }
}

TEST(PayloadsTest, EveryMessageOfEveryStreamIsDifferent) {
  const Payloads payloads(1, 64);
  std::set<std::string> seen;
  for (uint64_t stream = 0; stream < 30; ++stream) {
    for (uint64_t sequence = 1; sequence <= 300; ++sequence) {
      EXPECT_TRUE(seen.insert(Make(payloads, stream, sequence)).second);
    }
  }
}

TEST(PayloadsTest, ABodyFromAnotherMessageIsGivenAway) {
  const Payloads payloads(1, 64);
  const std::string one = Make(payloads, 0, 1);
  const std::string other = Make(payloads, 0, 2);
  EXPECT_FALSE(payloads.IsEcho(0, 1, one.substr(0, 16) + other.substr(16)));
}

TEST(PayloadsTest, AnotherRunsPayloadIsNotMistakenForOurs) {
  const Payloads ours(1, 64);
  const Payloads theirs(2, 64);
  EXPECT_FALSE(ours.IsEcho(0, 1, Make(theirs, 0, 1)));
}

TEST(ExpectationTest, KnowsWhatTheStandardHandlersMake) {
  EXPECT_EQ(ExpectedResult(ExpectationOf("echo"), "aB1"), "aB1");
  EXPECT_EQ(ExpectedResult(ExpectationOf("spin"), "aB1"), "aB1");
  EXPECT_EQ(ExpectedResult(ExpectationOf("uppercase"), "aB1\xc3\xa4"),
            "AB1\xc3\xa4");
  const std::string digest = ExpectedResult(ExpectationOf("sha256"), "abc");
  ASSERT_EQ(digest.size(), 32U);
  EXPECT_EQ(digest.substr(0, 4), "\xba\x78\x16\xbf");
  EXPECT_EQ(ExpectationOf("my-own"), Expectation::kUnchecked);
  EXPECT_EQ(ExpectationOf(""), Expectation::kUnchecked);
}

}  // namespace
}  // namespace msgproc::loadgen
