// What a worker's messages do to the store, and the statements in it: read as
// they were sent, with a price, and judged whatever stands in them.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "common/check.h"
#include "common/utf8.h"
#include "msgproc/worker/v1/worker.pb.h"
#include "services/processor/store/handler_statement.h"
#include "services/processor/workers/effects_reader.h"
#include "tests/fuzz/reference.h"

namespace msgproc::fuzz {
namespace {

constexpr size_t kMostErrorBytes = 1024;

void CheckStatement(absl::string_view sql) {
  const std::vector<std::string> words = processor::WordsOf(sql);
  size_t bytes = 0;
  for (const std::string& word : words) {
    bytes += word.size();
    MSGPROC_CHECK(std::none_of(word.begin(), word.end(), [](char c) {
      return absl::ascii_isupper(static_cast<unsigned char>(c));
    }));
  }
  MSGPROC_CHECK_LE(bytes, sql.size());
  MSGPROC_CHECK(processor::WordsOf(absl::StrCat(" /* commit */ ", sql)) ==
                words);
  // Tags of dollar quotes are told apart by their case.
  if (sql.find('$') == absl::string_view::npos) {
    MSGPROC_CHECK(processor::WordsOf(absl::AsciiStrToUpper(sql)) == words);
  }
  for (const absl::Status& status : {processor::CheckPostgresStatement(sql),
                                     processor::CheckSqliteStatement(sql)}) {
    MSGPROC_CHECK(status.ok() || absl::IsInvalidArgument(status));
    MSGPROC_CHECK_LE(status.message().size(), kMostErrorBytes);
    MSGPROC_CHECK(IsUtf8(status.message()));
  }
  // Nobody ends the transaction, however it is written.
  const std::string ends = absl::StrCat("/*", std::string(sql), "*/ COMMIT");
  if (sql.find('*') == absl::string_view::npos &&
      sql.find('/') == absl::string_view::npos) {
    MSGPROC_CHECK(!processor::CheckPostgresStatement(ends).ok());
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const absl::string_view bytes(reinterpret_cast<const char*>(data), size);
  CheckStatement(bytes);
  processor::FrameEffects all;
  worker::v1::Effects effects;
  const bool expected = Reads(bytes, &effects);
  MSGPROC_CHECK_EQ(processor::ReadEffects(bytes, &all).ok(), expected);
  if (!expected) return 0;
  MSGPROC_CHECK_EQ(all.size(), 1U);
  const processor::MessageEffects& read = all.begin()->second;
  MSGPROC_CHECK_EQ(read.sequence, effects.sequence());
  MSGPROC_CHECK_EQ(read.statements.size(),
                   static_cast<size_t>(effects.statements_size()));
  size_t held = 0;
  for (int i = 0; i < effects.statements_size(); ++i) {
    const worker::v1::Statement& sent = effects.statements(i);
    const processor::Statement& statement =
        read.statements[static_cast<size_t>(i)];
    MSGPROC_CHECK_EQ(statement.sql, sent.sql());
    MSGPROC_CHECK_EQ(statement.parameters.size(),
                     static_cast<size_t>(sent.parameters_size()));
    CheckStatement(sent.sql());
    held += sent.sql().size();
    for (const worker::v1::Value& value : sent.parameters()) {
      held += value.text().size() + value.blob().size();
    }
  }
  // What it costs is no less than what it holds.
  MSGPROC_CHECK_GE(read.bytes, held);
  // The same message's effects a second time.
  MSGPROC_CHECK(!processor::ReadEffects(bytes, &all).ok());
  return 0;
}

}  // namespace msgproc::fuzz
