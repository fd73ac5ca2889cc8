#include "services/processor/session/principal_usage.h"

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace msgproc::processor {
namespace {

using testing::ElementsAre;
using Source = base::Principal::Source;

base::Principal Named(const std::string& name, Source source = Source::kToken) {
  return {.source = source, .name = name};
}

class PrincipalUsageTest : public testing::Test {
 protected:
  void Send(const std::string& name, uint64_t messages) {
    usage_.For(Named(name))->Add(messages, messages * 10);
  }

  // "NAME MESSAGES/BYTES" of each line.
  std::vector<std::string> Top() {
    std::vector<std::string> lines;
    for (const PrincipalUsage::Line& line : usage_.Top()) {
      lines.push_back((line.name.empty() ? "others" : line.name) + " " +
                      std::to_string(line.sent.messages) + "/" +
                      std::to_string(line.sent.bytes));
    }
    return lines;
  }

  // Two are shown, of four that are known.
  PrincipalUsage usage_{2, 4};
};

TEST_F(PrincipalUsageTest, NobodyHasSentAnythingYet) {
  EXPECT_THAT(Top(), ElementsAre("others 0/0"));
  EXPECT_EQ(usage_.For(base::Principal()), nullptr);
}

TEST_F(PrincipalUsageTest, ShowsThoseWhoSentMostAndTheRestTogether) {
  Send("few", 1);
  Send("many", 30);
  Send("some", 20);
  Send("none", 0);
  EXPECT_THAT(Top(), ElementsAre("many 30/300", "some 20/200", "others 1/10"));
  Send("some", 2);
  Send("few", 3);
  EXPECT_THAT(Top(), ElementsAre("many 30/300", "some 22/220", "others 4/40"));
}

TEST_F(PrincipalUsageTest, ANameInATokenIsNotTheOneInACertificate) {
  usage_.For(Named("alice"))->Add(2, 2);
  usage_.For(Named("alice", Source::kCertificate))->Add(1, 1);
  const auto lines = usage_.Top();
  ASSERT_EQ(lines.size(), 3U);
  EXPECT_EQ(lines[0].source, Source::kToken);
  EXPECT_EQ(lines[0].sent.messages, 2U);
  EXPECT_EQ(lines[1].source, Source::kCertificate);
  EXPECT_EQ(lines[1].sent.messages, 1U);
}

TEST_F(PrincipalUsageTest, WhoRisesIsCountedByNameFromThenOn) {
  Send("a", 30);
  Send("b", 20);
  Send("c", 10);
  EXPECT_THAT(Top(), ElementsAre("a 30/300", "b 20/200", "others 10/100"));
  // Of what nothing was shown by name yet, all is; what was stays where it was.
  Send("c", 15);
  EXPECT_THAT(Top(), ElementsAre("a 30/300", "c 15/150", "others 10/100"));
  Send("b", 1);
  EXPECT_THAT(Top(), ElementsAre("a 30/300", "c 15/150", "others 11/110"));
}

TEST_F(PrincipalUsageTest, TheOthersNeverBecomeFewer) {
  uint64_t before = 0;
  for (int round = 0; round < 200; ++round) {
    Send("p" + std::to_string(round * 7 % 11), 1 + round % 5);
    const PrincipalUsage::Sent others = usage_.Top().back().sent;
    ASSERT_GE(others.messages, before);
    before = others.messages;
  }
}

TEST_F(PrincipalUsageTest, ForgetsWhoHasNoStreamAndLosesNoCount) {
  Send("a", 30);
  Send("b", 20);
  Send("c", 10);
  Send("d", 5);
  // Not looked at yet, so nobody is shown: all of them may go.
  Send("e", 1);
  EXPECT_THAT(Top(), ElementsAre("e 1/10", "others 65/650"));
  // Who is shown stays.
  Send("f", 1);
  Send("g", 1);
  Send("h", 1);
  Send("i", 1);
  EXPECT_THAT(Top(), ElementsAre("e 1/10", "i 1/10", "others 68/680"));
}

TEST_F(PrincipalUsageTest, WhoComesWhenAllAreThereCountsWithTheOthers) {
  std::vector<std::shared_ptr<PrincipalUsage::Count>> held;
  for (const char* name : {"a", "b", "c", "d", "e"}) {
    held.push_back(usage_.For(Named(name)));
    held.back()->Add(1, 10);
  }
  held.back()->Add(100, 1000);
  EXPECT_THAT(Top(), ElementsAre("a 1/10", "b 1/10", "others 103/1030"));
  // Now there is room.
  held.clear();
  Send("e", 7);
  EXPECT_THAT(Top(), ElementsAre("e 7/70", "a 1/10", "others 103/1030"));
}

}  // namespace
}  // namespace msgproc::processor
