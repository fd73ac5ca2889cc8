#include "services/processor/store/postgres_values.h"

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <variant>

#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"
#include "services/processor/store/postgres_array.h"

namespace msgproc::processor {
namespace {

SqlValue CellOf(unsigned type, absl::string_view text) {
  switch (type) {
    case kPgBool:
      return int64_t{text == "t"};
    case kPgInt2:
    case kPgInt4:
    case kPgInt8:
    case kPgOid: {
      int64_t integer = 0;
      if (absl::SimpleAtoi(text, &integer)) return integer;
      break;
    }
    case kPgFloat4:
    case kPgFloat8: {
      double number = 0;
      if (absl::SimpleAtod(text, &number)) return number;
      break;
    }
    case kPgBytea:
      // The form of bytea_output=hex, the default, which sessions may change.
      if (absl::ConsumePrefix(&text, "\\x")) {
        return Blob{absl::HexStringToBytes(text)};
      }
      break;
    default:
      break;
  }
  return std::string(text);
}

}  // namespace

absl::StatusOr<PostgresParameters> ToPostgres(
    absl::Span<const SqlValue> parameters) {
  PostgresParameters out;
  for (const SqlValue& value : parameters) {
    if (const auto* integer = std::get_if<int64_t>(&value)) {
      out.Untyped(absl::StrCat(*integer));
    } else if (const auto* number = std::get_if<double>(&value)) {
      // All of its digits.
      out.Untyped(absl::StrFormat("%.17g", *number));
    } else if (const auto* text = std::get_if<std::string>(&value)) {
      if (text->find('\0') != std::string::npos) {
        return absl::InvalidArgumentError(absl::StrCat(
            "parameter $", out.size() + 1,
            " is text with a NUL, which PostgreSQL does not have; pass bytes"));
      }
      out.Untyped(*text);
    } else if (const auto* blob = std::get_if<Blob>(&value)) {
      out.Bytes(blob->bytes);
    } else {
      out.Null();
    }
  }
  return out;
}

std::vector<SqlRow> FromPostgres(const PostgresResult& result) {
  std::vector<SqlRow> rows(static_cast<size_t>(result.rows()));
  const int columns = PQnfields(result.get());
  for (int i = 0; i < result.rows(); ++i) {
    SqlRow& row = rows[static_cast<size_t>(i)];
    row.reserve(static_cast<size_t>(columns));
    for (int column = 0; column < columns; ++column) {
      row.push_back(
          PQgetisnull(result.get(), i, column) != 0
              ? SqlValue()
              : CellOf(PQftype(result.get(), column), result.bytes(i, column)));
    }
  }
  return rows;
}

}  // namespace msgproc::processor
