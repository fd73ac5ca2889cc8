#include "services/processor/executors/batch_names.h"

#include <memory>

#include "gtest/gtest.h"
#include "wire/trace_context.h"

namespace msgproc::processor {
namespace {

TEST(BatchNamesTest, ABatchOfNoSessionHasNoNames) {
  const Batch batch;
  EXPECT_EQ(SessionIdOf(batch), "");
  EXPECT_EQ(TraceIdOf(batch, 0), "");
}

TEST(BatchNamesTest, AMessagesOwnTraceGoesBeforeThatOfItsStream) {
  Batch batch;
  batch.context = std::make_shared<const SessionContext>(
      SessionContext{.session_id = "till-7", .trace_id = "the stream's"});
  batch.traced.push_back({.index = 1, .context = {.trace_id_low = 10}});
  EXPECT_EQ(SessionIdOf(batch), "till-7");
  EXPECT_EQ(TraceIdOf(batch, 0), "the stream's");
  EXPECT_EQ(TraceIdOf(batch, 1), "0000000000000000000000000000000a");
  EXPECT_EQ(TraceIdOf(batch, 2), "the stream's");
}

}  // namespace
}  // namespace msgproc::processor
