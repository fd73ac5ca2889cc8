#include "services/processor/store/postgres_error.h"

#include <utility>
#include <vector>

#include "gtest/gtest.h"

namespace msgproc::processor {
namespace {

using Code = absl::StatusCode;

TEST(PostgresErrorTest, EachClassHasItsCode) {
  for (const auto& [sqlstate, code] : std::vector<std::pair<const char*, Code>>{
           {"", Code::kUnavailable},
           {"08006", Code::kUnavailable},
           {"25006", Code::kUnavailable},
           {"25P03", Code::kUnavailable},
           {"25P02", Code::kInternal},
           {"28P01", Code::kPermissionDenied},
           {"3D000", Code::kPermissionDenied},
           {"40001", Code::kAborted},
           {"40P01", Code::kAborted},
           {"42501", Code::kPermissionDenied},
           {"42P01", Code::kInternal},
           {"53100", Code::kResourceExhausted},
           {"53300", Code::kUnavailable},
           {"54000", Code::kResourceExhausted},
           {"55P03", Code::kAborted},
           {"55006", Code::kInternal},
           {"57014", Code::kAborted},
           {"57P01", Code::kUnavailable},
           {"57P03", Code::kUnavailable},
           {"58030", Code::kInternal},
           {"XX000", Code::kInternal}}) {
    EXPECT_EQ(ClassifySqlstate(sqlstate), code) << sqlstate;
  }
}

TEST(PostgresErrorTest, AHandlersMistakesAreItsOwn) {
  for (const auto& [sqlstate, code] : std::vector<std::pair<const char*, Code>>{
           {"23505", Code::kAlreadyExists},
           {"23514", Code::kFailedPrecondition},
           {"22P02", Code::kInvalidArgument},
           {"42601", Code::kInvalidArgument},
           {"42501", Code::kInvalidArgument},
           {"P0001", Code::kInvalidArgument},
           // And these are not.
           {"40P01", Code::kAborted},
           {"53100", Code::kResourceExhausted},
           {"57P01", Code::kUnavailable},
           {"", Code::kUnavailable}}) {
    EXPECT_EQ(ClassifySqlstateOfExecute(sqlstate), code) << sqlstate;
  }
}

}  // namespace
}  // namespace msgproc::processor
