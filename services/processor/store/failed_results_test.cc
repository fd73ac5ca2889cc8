#include "services/processor/store/failed_results.h"

#include <cstdint>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "services/processor/testing/frames.h"
#include "wire/entry.h"
#include "wire/pieces.h"

namespace msgproc::processor {
namespace {

std::string ThreeResults() {
  wire::EntryLog log;
  const std::vector<wire::HeaderView> headers = {{"key", "value"}};
  wire::AppendResult(&log, 7, "seven", headers);
  wire::AppendResult(&log, 8, "eight");
  wire::AppendError(&log, 9, 3, "bad from the start", false);
  std::vector<wire::Piece> pieces;
  auto cursor = log.At(1);
  log.Take(&cursor, UINT64_MAX, SIZE_MAX, &pieces);
  std::string results;
  wire::AppendPieces(pieces, &results);
  return results;
}

TEST(FailedResultsTest, TheOthersStayByteForByte) {
  EXPECT_EQ(WithFailures(ThreeResults(), {}), ThreeResults());
  const std::string results = WithFailures(
      ThreeResults(), {{8, absl::FailedPreconditionError("no money")}});
  v1::ProcessResponse before;
  v1::ProcessResponse after;
  ASSERT_TRUE(before.ParseFromString(ThreeResults()));
  ASSERT_TRUE(after.ParseFromString(results));
  ASSERT_EQ(after.results_size(), 3);
  EXPECT_EQ(after.results(0).SerializeAsString(),
            before.results(0).SerializeAsString());
  EXPECT_EQ(after.results(2).SerializeAsString(),
            before.results(2).SerializeAsString());
  EXPECT_EQ(after.results(1).sequence(), 8u);
  EXPECT_EQ(after.results(1).error().code(), 9);
  EXPECT_EQ(after.results(1).error().message(), "no money");
  EXPECT_FALSE(after.results(1).error().retryable());
}

TEST(FailedResultsTest, ALongTextIsCut) {
  v1::ProcessResponse after;
  ASSERT_TRUE(after.ParseFromString(
      WithFailures(ThreeResults(),
                   {{7, absl::InvalidArgumentError(std::string(5000, 'x'))}})));
  EXPECT_LE(after.results(0).error().message().size(), 1024u);
}

}  // namespace
}  // namespace msgproc::processor
