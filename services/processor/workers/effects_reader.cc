#include "services/processor/workers/effects_reader.h"

#include <cstddef>
#include <string>
#include <utility>
#include <variant>

#include "absl/strings/str_cat.h"
#include "msgproc/worker/v1/worker.pb.h"

namespace msgproc::processor {
namespace {

SqlValue ValueOf(worker::v1::Value* value) {
  switch (value->kind_case()) {
    case worker::v1::Value::kInteger:
      return value->integer();
    case worker::v1::Value::kReal:
      return value->real();
    case worker::v1::Value::kText:
      return std::move(*value->mutable_text());
    case worker::v1::Value::kBlob:
      return Blob{std::move(*value->mutable_blob())};
    case worker::v1::Value::KIND_NOT_SET:
      break;
  }
  return std::monostate();
}

size_t BytesOf(const SqlValue& value) {
  size_t bytes = sizeof(value);
  if (const auto* text = std::get_if<std::string>(&value)) {
    bytes += text->size();
  } else if (const auto* blob = std::get_if<Blob>(&value)) {
    bytes += blob->bytes.size();
  }
  return bytes;
}

Statement StatementOf(worker::v1::Statement* encoded) {
  Statement statement;
  statement.sql = std::move(*encoded->mutable_sql());
  statement.parameters.reserve(static_cast<size_t>(encoded->parameters_size()));
  for (worker::v1::Value& value : *encoded->mutable_parameters()) {
    statement.parameters.push_back(ValueOf(&value));
  }
  return statement;
}

size_t BytesOf(const Statement& statement) {
  size_t bytes = sizeof(statement) + statement.sql.size();
  for (const SqlValue& value : statement.parameters) bytes += BytesOf(value);
  return bytes;
}

}  // namespace

absl::Status ReadEffects(absl::string_view encoded, FrameEffects* all) {
  worker::v1::Effects read;
  if (!read.ParseFromArray(encoded.data(), static_cast<int>(encoded.size()))) {
    return absl::InvalidArgumentError("an answer's effects cannot be parsed");
  }
  const auto [entry, first] = all->try_emplace(read.sequence());
  if (!first) {
    return absl::InvalidArgumentError(absl::StrCat(
        "an answer has the effects of message ", read.sequence(), " twice"));
  }
  MessageEffects& effects = entry->second;
  effects.sequence = read.sequence();
  effects.statements.reserve(static_cast<size_t>(read.statements_size()));
  effects.bytes = sizeof(effects);
  for (worker::v1::Statement& statement : *read.mutable_statements()) {
    effects.statements.push_back(StatementOf(&statement));
    effects.bytes += BytesOf(effects.statements.back());
  }
  return absl::OkStatus();
}

}  // namespace msgproc::processor
