// What every kind of store makes of effects, by way of RunGroup.
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "services/processor/executors/batch.h"
#include "services/processor/handlers/handler_context.h"
#include "services/processor/handlers/message_effects.h"
#include "services/processor/handlers/session_context.h"
#include "services/processor/handlers/transaction.h"
#include "services/processor/store/group_runner.h"
#include "services/processor/store/testing/session_store_contract.h"
#include "services/processor/testing/function_handler.h"
#include "wire/entry.h"
#include "wire/entry_log.h"
#include "wire/pieces.h"

namespace msgproc::processor {
namespace {

// The results of messages 1, 2, …, and what they execute; each a list of keys
// and the values that they get.
GroupPart PartOf(
    const std::string& session_id, const std::string& sql,
    const std::vector<std::vector<std::pair<std::string, std::string>>>& puts) {
  GroupPart part;
  part.write = ResultsOf(session_id, 1, 1, puts.size(), "");
  wire::EntryLog log;
  for (uint64_t i = 0; i < puts.size(); ++i) {
    wire::AppendResult(&log, i + 1, "done");
    MessageEffects effects;
    effects.sequence = i + 1;
    for (const auto& [key, value] : puts[i]) {
      effects.statements.push_back({.sql = sql, .parameters = {key, value}});
    }
    part.write.effects.push_back(
        std::make_shared<const MessageEffects>(std::move(effects)));
  }
  std::vector<wire::Piece> pieces;
  auto cursor = log.At(1);
  log.Take(&cursor, UINT64_MAX, SIZE_MAX, &pieces);
  wire::AppendPieces(pieces, &part.write.results);
  return part;
}

TEST_P(SessionStoreContractTest, EffectsAreCommittedInOrderWithTheirResults) {
  ClaimOne(ClaimOf("s"));
  std::vector<GroupPart> parts;
  parts.push_back(PartOf("s", under_test().put(),
                         {{{"a", "1"}, {"b", "1"}}, {{"a", "2"}}}));
  ASSERT_TRUE(RunGroup(&connection(), nullptr, &parts).ok());
  EXPECT_EQ(Get("a"), "2");
  EXPECT_EQ(Get("b"), "1");
  OpenAs("process-2");
  const Claimed claimed = ClaimOne(ClaimOf("s"));
  EXPECT_EQ(claimed.committed_through, 2u);
  EXPECT_EQ(claimed.outcomes.at(0).results, parts[0].write.results);
}

TEST_P(SessionStoreContractTest, EffectsThatItRefusesAreUndoneAlone) {
  ClaimOne(ClaimOf("s"));
  ClaimOne(ClaimOf("t"));
  std::vector<GroupPart> parts;
  parts.push_back(PartOf("s", under_test().insert(),
                         {{{"a", "1"}},
                          {{"gone", "2"}, {"a", "2"}, {"never", "2"}},
                          {{"c", "3"}}}));
  parts.push_back(PartOf("t", under_test().insert(), {{{"d", "4"}}}));
  ASSERT_TRUE(RunGroup(&connection(), nullptr, &parts).ok());
  EXPECT_EQ(Get("a"), "1");
  EXPECT_EQ(Get("gone"), "");
  EXPECT_EQ(Get("never"), "");
  EXPECT_EQ(Get("c"), "3");
  EXPECT_EQ(Get("d"), "4");
  EXPECT_TRUE(parts[0].write.amended);
  EXPECT_FALSE(parts[1].write.amended);
  // The error is what the store has.
  OpenAs("process-2");
  const Claimed claimed = ClaimOne(ClaimOf("s"));
  EXPECT_EQ(claimed.committed_through, 3u);
  EXPECT_EQ(claimed.outcomes.at(0).results, parts[0].write.results);
  EXPECT_NE(claimed.outcomes.at(0).results, parts[0].given_results);
}

TEST_P(SessionStoreContractTest, EffectsMayNotEndTheTransaction) {
  ClaimOne(ClaimOf("s"));
  std::vector<GroupPart> parts;
  parts.push_back(PartOf("s", "COMMIT", {{{"a", "1"}}}));
  ASSERT_TRUE(RunGroup(&connection(), nullptr, &parts).ok());
  EXPECT_TRUE(parts[0].write.amended);
}

TEST_P(SessionStoreContractTest, EffectsOfAFencedSessionAreUndone) {
  ClaimOne(ClaimOf("s"));
  OpenAs("process-2");
  ClaimOne(ClaimOf("t"));
  std::vector<GroupPart> parts;
  parts.push_back(PartOf("s", under_test().put(), {{{"a", "1"}}}));
  parts.push_back(PartOf("t", under_test().put(), {{{"b", "1"}}}));
  ASSERT_TRUE(RunGroup(&connection(), nullptr, &parts).ok());
  EXPECT_TRUE(parts[0].fenced);
  EXPECT_EQ(Get("a"), "");
  EXPECT_EQ(Get("b"), "1");
}

// The same of handlers, who may not even look at what comes of it.
TEST_P(SessionStoreContractTest, WhatHandlersPutOffFailsWithItsMessage) {
  FunctionHandler handler([this](const HandlerContext& context,
                                 const Message& message, Reply* /*reply*/) {
    Transaction* const store = context.transaction();
    store
        ->ExecuteLater(under_test().insert(),
                       {std::string(message.payload), "1"})
        .IgnoreError();
    // One that brings rows between those that do not.
    if (message.sequence % 4 == 0) {
      store->Execute(under_test().get(), {"a"}).status().IgnoreError();
    }
    return absl::OkStatus();
  });
  HandlerBinding binding;
  binding.handler = &handler;
  binding.max_payload_bytes = 1000;
  const auto work = [&binding](const std::string& session_id,
                               const std::vector<std::string>& payloads) {
    GroupPart part;
    part.write.session_id = session_id;
    part.write.epoch = 1;
    part.work = std::make_unique<Batch>();
    part.work->binding = &binding;
    part.work->context = std::make_shared<SessionContext>();
    part.work->first_position = 1;
    part.work->size = payloads.size();
    wire::EntryLog log(1);
    for (size_t i = 0; i < payloads.size(); ++i) {
      wire::AppendMessage(&log, i + 1, payloads[i]);
    }
    auto cursor = log.At(1);
    log.Take(&cursor, UINT64_MAX, SIZE_MAX, &part.work->pieces);
    return part;
  };
  ClaimOne(ClaimOf("s"));
  ClaimOne(ClaimOf("t"));
  std::vector<GroupPart> parts;
  parts.push_back(work("s", {"a", "b", "c"}));
  parts.push_back(work("t", {"d", "a", "e", "f", "f", "g"}));
  ASSERT_TRUE(RunGroup(&connection(), nullptr, &parts).ok());
  EXPECT_EQ(parts[0].work->failed, 0u);
  EXPECT_FALSE(parts[0].careful);
  EXPECT_EQ(parts[1].work->failed, 2u);
  EXPECT_TRUE(parts[1].careful);
  for (const char* key : {"a", "b", "c", "d", "e", "f", "g"}) {
    EXPECT_EQ(Get(key), "1") << key;
  }
  OpenAs("process-2");
  EXPECT_EQ(ClaimOne(ClaimOf("t")).committed_through, 6u);
}

}  // namespace
}  // namespace msgproc::processor
