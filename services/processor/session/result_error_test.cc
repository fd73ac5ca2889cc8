#include "services/processor/session/result_error.h"

#include <string>

#include "gtest/gtest.h"
#include "msgproc/v1/processor.pb.h"
#include "wire/frame.h"

namespace msgproc::processor {
namespace {

TEST(ResultErrorTest, OfAResultThatFailedItIsTheErrorInIt) {
  v1::Error error;
  error.set_code(5);
  error.set_message("no such account");
  const std::string encoded = error.SerializeAsString();
  wire::ResultView result;
  result.failed = true;
  result.error = encoded;
  const auto read = ErrorOf(result);
  ASSERT_TRUE(read.has_value());
  EXPECT_EQ(read->code(), 5);
  EXPECT_EQ(read->message(), "no such account");
}

TEST(ResultErrorTest, AResultThatDidNotFailHasNone) {
  EXPECT_FALSE(ErrorOf(wire::ResultView()).has_value());
}

TEST(ResultErrorTest, NorHasOneWhoseErrorCannotBeRead) {
  wire::ResultView result;
  result.failed = true;
  result.error = "\xff";
  EXPECT_FALSE(ErrorOf(result).has_value());
}

}  // namespace
}  // namespace msgproc::processor
