#include "services/processor/workers/context_encodings.h"

#include <memory>
#include <string>

#include "gtest/gtest.h"
#include "msgproc/worker/v1/worker.pb.h"

namespace msgproc::processor {
namespace {

worker::v1::Context Decode(const std::string& encoded) {
  worker::v1::Context context;
  EXPECT_TRUE(context.ParseFromString(encoded));
  return context;
}

std::shared_ptr<const SessionContext> Alice() {
  return std::make_shared<const SessionContext>(
      SessionContext{.session_id = "s",
                     .client_name = "till 3",
                     .principal = {.source = base::Principal::Source::kToken,
                                   .name = "alice",
                                   .claims = {{"team", "tills"}}},
                     .peer = "ipv4:10.0.0.7:1",
                     .forwarded_for = "10.0.0.8"});
}

TEST(ContextEncodingsTest, SaysAllThatIsKnown) {
  ContextEncodings encodings(absl::Seconds(2));
  Batch batch;
  EXPECT_EQ(Decode(*encodings.Of(batch)).session_id(), "");
  EXPECT_EQ(Decode(*encodings.Of(batch)).handler_timeout_nanoseconds(),
            2'000'000'000u);
  batch.context = Alice();
  batch.idempotency_scope = "s";
  const worker::v1::Context context = Decode(*encodings.Of(batch));
  EXPECT_EQ(context.session_id(), "s");
  EXPECT_EQ(context.client_name(), "till 3");
  EXPECT_EQ(context.principal(), "alice");
  EXPECT_EQ(context.claims().at("team"), "tills");
  EXPECT_EQ(context.peer(), "ipv4:10.0.0.7:1");
  EXPECT_EQ(context.forwarded_for(), "10.0.0.8");
  EXPECT_EQ(context.idempotency_scope(), "s");
  EXPECT_EQ(context.handler_timeout_nanoseconds(), 2'000'000'000u);
  EXPECT_EQ(context.attempt(), 0u);
}

TEST(ContextEncodingsTest, EncodesOnceAndForgetsWhoIsGone) {
  ContextEncodings encodings(absl::Seconds(2));
  Batch batch;
  batch.context = Alice();
  Batch same;
  same.context = batch.context;
  EXPECT_EQ(encodings.Of(batch), encodings.Of(same));
  encodings.Tidy();
  EXPECT_EQ(encodings.size(), 1u);
  batch.context.reset();
  same.context.reset();
  encodings.Tidy();
  EXPECT_EQ(encodings.size(), 0u);
}

TEST(ContextEncodingsTest, WhatIsNotUtf8CostsNoWorkerItsFrame) {
  ContextEncodings encodings(absl::InfiniteDuration());
  Batch batch;
  batch.context = std::make_shared<const SessionContext>(
      SessionContext{.forwarded_for = "a\xff"});
  const worker::v1::Context context = Decode(*encodings.Of(batch));
  EXPECT_EQ(context.forwarded_for(), "a?");
  EXPECT_EQ(context.handler_timeout_nanoseconds(), 0u);
}

}  // namespace
}  // namespace msgproc::processor
