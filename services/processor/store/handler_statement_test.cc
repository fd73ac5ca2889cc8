#include "services/processor/store/handler_statement.h"

#include <string>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace msgproc::processor {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

TEST(HandlerStatementTest, WordsAreNamesAndKeywords) {
  EXPECT_THAT(WordsOf("INSERT INTO a.b_2 VALUES ($1, 3e5, x'00')"),
              ElementsAre("insert", "into", "a", "b_2", "values", "e5", "x"));
  EXPECT_THAT(WordsOf("\"Mixed Case\".\"a\"\"b\" \"\""),
              ElementsAre("mixed case", "a\"\"b", ""));
  EXPECT_THAT(WordsOf("größe"), ElementsAre("größe"));
  EXPECT_THAT(WordsOf(""), IsEmpty());
}

TEST(HandlerStatementTest, StringsAndCommentsAreNone) {
  EXPECT_THAT(WordsOf("-- commit\n select/* a /* b */ c */'it''s' -- d"),
              ElementsAre("select"));
  EXPECT_THAT(WordsOf("a 'b\\' c 'd' e"), ElementsAre("a", "c", "e"));
  EXPECT_THAT(WordsOf("a E'b\\' c' d"), ElementsAre("a", "e", "d"));
  EXPECT_THAT(WordsOf("a $$b$$ c $t$ d $$ e $t$ f"),
              ElementsAre("a", "c", "f"));
  EXPECT_THAT(WordsOf("$1 a $2 b $"), ElementsAre("a", "b"));
}

TEST(HandlerStatementTest, WhatIsNotClosedGoesToTheEnd) {
  for (const char* sql : {"a 'b", "a \"", "a /* b", "a -- b", "a $x$ b",
                          "a E'b\\", "a /* b */ /* c"}) {
    EXPECT_EQ(WordsOf(sql)[0], "a") << sql;
  }
  EXPECT_THAT(WordsOf("a 'b"), ElementsAre("a"));
  EXPECT_THAT(WordsOf("a /* b"), ElementsAre("a"));
  EXPECT_THAT(WordsOf("a $x$ b"), ElementsAre("a"));
}

TEST(HandlerStatementTest, OrdinaryStatementsPass) {
  for (const char* sql :
       {"SELECT 1", "INSERT INTO ledger VALUES ($1, 'COMMIT')",
        "/* set */ WITH a AS (SELECT 1) UPDATE b SET c = 1",
        "(SELECT 1) UNION SELECT 2", "DELETE FROM begin_of_day",
        "CALL transfer($1)", "LOCK TABLE a", "NOTIFY channel",
        "SELECT 'msgproc_sessions'"}) {
    EXPECT_TRUE(CheckPostgresStatement(sql).ok()) << sql;
    EXPECT_TRUE(CheckSqliteStatement(sql).ok()) << sql;
  }
}

TEST(HandlerStatementTest, PostgresRefusesWhatEndsOrOutlivesTheTransaction) {
  for (const char* sql : {"COMMIT",
                          " commit;",
                          "/* x */ Rollback",
                          "-- x\nEND",
                          "BEGIN",
                          "ABORT",
                          "START TRANSACTION",
                          "PREPARE TRANSACTION 'a'",
                          "SAVEPOINT a",
                          "RELEASE a",
                          "ROLLBACK TO a",
                          "SET synchronous_commit = off",
                          "SET LOCAL synchronous_commit = off",
                          "RESET ALL",
                          "DISCARD ALL",
                          "LISTEN a",
                          "UNLISTEN a",
                          "DEALLOCATE ALL",
                          "EXECUTE a",
                          "LOAD 'x'",
                          "COPY a FROM STDIN",
                          ";COMMIT",
                          "(COMMIT)"}) {
    const absl::Status status = CheckPostgresStatement(sql);
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << sql;
    EXPECT_THAT(status.message(), HasSubstr("is not for handlers: ")) << sql;
  }
  EXPECT_EQ(CheckPostgresStatement("COMMIT").message(),
            "COMMIT is not for handlers: the transaction ends with the result");
  EXPECT_THAT(CheckPostgresStatement(" -- x").message(),
              HasSubstr("is not a statement"));
}

TEST(HandlerStatementTest, TheStoresTablesAreItsOwn) {
  for (const char* sql :
       {"SELECT * FROM msgproc_sessions", "DELETE FROM public.MSGPROC_outcomes",
        "UPDATE \"msgproc_meta\" SET generation = ''"}) {
    EXPECT_THAT(CheckPostgresStatement(sql).message(),
                HasSubstr("tables of the store"))
        << sql;
  }
}

TEST(HandlerStatementTest, SqliteRefusesAConflictThatEndsTheTransaction) {
  for (const char* sql : {"INSERT OR ROLLBACK INTO a VALUES (1)",
                          "update or rollback a set b = 1",
                          "CREATE TABLE a (b UNIQUE ON CONFLICT ROLLBACK)"}) {
    EXPECT_THAT(CheckSqliteStatement(sql).message(),
                HasSubstr("OR ROLLBACK is not for handlers"))
        << sql;
  }
  EXPECT_TRUE(CheckSqliteStatement("ROLLBACK").ok());
}

}  // namespace
}  // namespace msgproc::processor
