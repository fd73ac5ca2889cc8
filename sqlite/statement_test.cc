#include "sqlite/statement.h"

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace msgproc::sqlite {
namespace {

using ::testing::HasSubstr;

class StatementTest : public ::testing::Test {
 protected:
  StatementTest() { sqlite3_open(":memory:", &database_); }
  ~StatementTest() override { sqlite3_close(database_); }

  std::string ErrorOf(absl::string_view sql) {
    const auto statement = Statement::Prepare(database_, sql);
    EXPECT_TRUE(absl::IsInvalidArgument(statement.status())) << sql;
    return std::string(statement.status().message());
  }

  sqlite3* database_ = nullptr;
};

TEST_F(StatementTest, OneWithoutANumberIsRefused) {
  for (const char* sql : {"SELECT ?", "SELECT ?1", "SELECT :one", "SELECT $one",
                          "SELECT $0", "SELECT $70000", "SELECT @1"}) {
    EXPECT_THAT(ErrorOf(sql), HasSubstr("parameters are written $1, $2"));
  }
}

TEST_F(StatementTest, HowManyItTakesIsTheHighestNumber) {
  EXPECT_EQ((*Statement::Prepare(database_, "SELECT 1"))->parameters(), 0u);
  EXPECT_EQ((*Statement::Prepare(database_, "SELECT $7, $2"))->parameters(),
            7u);
}

TEST_F(StatementTest, ItIsOneStatement) {
  EXPECT_TRUE(Statement::Prepare(database_, "SELECT 1; -- and no more\n").ok());
  EXPECT_THAT(ErrorOf("SELECT 1; SELECT 2"),
              HasSubstr("one statement at a time"));
  EXPECT_THAT(ErrorOf("SELECT 1; SELEC"), HasSubstr("' SELEC', follows"));
  EXPECT_THAT(ErrorOf(" -- nothing"), HasSubstr("is not a statement"));
  EXPECT_THAT(ErrorOf("SELEC"), HasSubstr("syntax error"));
}

}  // namespace
}  // namespace msgproc::sqlite
