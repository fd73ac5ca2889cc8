#ifndef MSGPROC_BENCHMARKS_DURABLE_UPSERT_H_
#define MSGPROC_BENCHMARKS_DURABLE_UPSERT_H_

#include <cstdint>

#include "absl/strings/string_view.h"
#include "services/processor/handlers/handler_registry.h"

namespace msgproc::benchmarks {

// What a message does to the store: counts it in one of its session's 1,024
// rows.
inline constexpr absl::string_view kMakeTable =
    "CREATE TABLE IF NOT EXISTS counts "
    "(key BIGINT PRIMARY KEY, messages BIGINT NOT NULL)";
inline constexpr absl::string_view kUpsert =
    "INSERT INTO counts AS c (key, messages) VALUES ($1, 1) "
    "ON CONFLICT (key) DO UPDATE SET messages = c.messages + 1";
inline constexpr uint64_t kRows = 1024;

// Of a session, no other's.
int64_t UpsertKey(uint64_t session, uint64_t number);

// "make_table", to be sent one message first, and "upsert", which answers its
// message's payload.
void RegisterUpsert(processor::HandlerRegistry* registry);

}  // namespace msgproc::benchmarks

#endif  // MSGPROC_BENCHMARKS_DURABLE_UPSERT_H_
