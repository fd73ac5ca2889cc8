#include "services/processor/store/sqlite_statement.h"

#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace msgproc::processor {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;

class SqliteStatementTest : public ::testing::Test {
 protected:
  SqliteStatementTest() { sqlite3_open(":memory:", &database_); }
  ~SqliteStatementTest() override { sqlite3_close(database_); }

  SqlRow RowOf(absl::string_view sql, const std::vector<SqlValue>& parameters) {
    auto statement = SqliteStatement::Prepare(database_, sql);
    EXPECT_TRUE(statement.ok()) << statement.status();
    if (!statement.ok()) return {};
    EXPECT_EQ((*statement)->Bind(parameters), SQLITE_OK);
    EXPECT_EQ((*statement)->Step(), SQLITE_ROW);
    return (*statement)->row();
  }
  std::string ErrorOf(absl::string_view sql) {
    const auto statement = SqliteStatement::Prepare(database_, sql);
    EXPECT_TRUE(absl::IsInvalidArgument(statement.status())) << sql;
    return std::string(statement.status().message());
  }

  sqlite3* database_ = nullptr;
};

TEST_F(SqliteStatementTest, ParametersAreBoundByTheirNumber) {
  EXPECT_THAT(
      RowOf("SELECT $2, $1, $2, $3", {std::string("one"), int64_t{2}, 3.5}),
      ElementsAre(SqlValue(int64_t{2}), SqlValue(std::string("one")),
                  SqlValue(int64_t{2}), SqlValue(3.5)));
}

TEST_F(SqliteStatementTest, AllTypesComeBackAsTheyWere) {
  const std::vector<SqlValue> values = {
      SqlValue(),    std::numeric_limits<int64_t>::min(),
      0.1,           std::string("ä\0b", 4),
      std::string(), Blob{std::string("\0\xff", 2)},
      Blob{}};
  const SqlRow row = RowOf("SELECT $1, $2, $3, $4, $5, $6, $7", values);
  ASSERT_THAT(row, SizeIs(values.size()));
  for (size_t i = 0; i < values.size(); ++i) EXPECT_TRUE(row[i] == values[i]);
}

TEST_F(SqliteStatementTest, OneWithoutANumberIsRefused) {
  for (const char* sql : {"SELECT ?", "SELECT ?1", "SELECT :one", "SELECT $one",
                          "SELECT $0", "SELECT $70000", "SELECT @1"}) {
    EXPECT_THAT(ErrorOf(sql), HasSubstr("parameters are written $1, $2"));
  }
}

TEST_F(SqliteStatementTest, HowManyItTakesIsTheHighestNumber) {
  EXPECT_EQ((*SqliteStatement::Prepare(database_, "SELECT 1"))->parameters(),
            0u);
  EXPECT_EQ(
      (*SqliteStatement::Prepare(database_, "SELECT $7, $2"))->parameters(),
      7u);
}

TEST_F(SqliteStatementTest, ItIsOneStatement) {
  EXPECT_TRUE(
      SqliteStatement::Prepare(database_, "SELECT 1; -- and no more\n").ok());
  EXPECT_THAT(ErrorOf("SELECT 1; SELECT 2"),
              HasSubstr("one statement at a time"));
  EXPECT_THAT(ErrorOf("SELECT 1; SELEC"), HasSubstr("' SELEC', follows"));
  EXPECT_THAT(ErrorOf(" -- nothing"), HasSubstr("is not a statement"));
  EXPECT_THAT(ErrorOf("SELEC"), HasSubstr("syntax error"));
}

}  // namespace
}  // namespace msgproc::processor
