#include "services/processor/store/sqlite_values.h"

#include <sqlite3.h>

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
using ::testing::SizeIs;

class SqliteValuesTest : public ::testing::Test {
 protected:
  SqliteValuesTest() { sqlite3_open(":memory:", &database_); }
  ~SqliteValuesTest() override { sqlite3_close(database_); }

  SqlRow Select(absl::string_view sql, const std::vector<SqlValue>& values) {
    auto statement = sqlite::Statement::Prepare(database_, sql);
    EXPECT_TRUE(statement.ok()) << statement.status();
    if (!statement.ok()) return {};
    EXPECT_EQ(BindValues(values, statement->get()), SQLITE_OK);
    EXPECT_EQ((*statement)->Step(), SQLITE_ROW);
    return RowOf(**statement);
  }

  sqlite3* database_ = nullptr;
};

TEST_F(SqliteValuesTest, ParametersAreBoundByTheirNumber) {
  EXPECT_THAT(
      Select("SELECT $2, $1, $2, $3", {std::string("one"), int64_t{2}, 3.5}),
      ElementsAre(SqlValue(int64_t{2}), SqlValue(std::string("one")),
                  SqlValue(int64_t{2}), SqlValue(3.5)));
}

TEST_F(SqliteValuesTest, AllTypesComeBackAsTheyWere) {
  const std::vector<SqlValue> values = {
      SqlValue(),    std::numeric_limits<int64_t>::min(),
      0.1,           std::string("ä\0b", 4),
      std::string(), Blob{std::string("\0\xff", 2)},
      Blob{}};
  const SqlRow row = Select("SELECT $1, $2, $3, $4, $5, $6, $7", values);
  ASSERT_THAT(row, SizeIs(values.size()));
  for (size_t i = 0; i < values.size(); ++i) EXPECT_TRUE(row[i] == values[i]);
}

}  // namespace
}  // namespace msgproc::processor
