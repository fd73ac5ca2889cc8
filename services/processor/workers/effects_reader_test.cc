#include "services/processor/workers/effects_reader.h"

#include <cstddef>
#include <cstdint>
#include <string>
#include <variant>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "msgproc/worker/v1/worker.pb.h"
#include "services/processor/handlers/transaction.h"

namespace msgproc::processor {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::SizeIs;

TEST(EffectsReaderTest, ReadsEachKindOfParameter) {
  worker::v1::Effects said;
  said.set_sequence(9);
  worker::v1::Statement* statement = said.add_statements();
  statement->set_sql("INSERT INTO t VALUES ($1, $2, $3, $4, $5)");
  statement->add_parameters()->set_integer(-5);
  statement->add_parameters()->set_real(0.5);
  statement->add_parameters()->set_text("é");
  statement->add_parameters()->set_blob(std::string("\0\xff", 2));
  statement->add_parameters();
  said.add_statements()->set_sql("DELETE FROM t");
  FrameEffects all;
  ASSERT_TRUE(ReadEffects(said.SerializeAsString(), &all).ok());
  const MessageEffects& effects = all.at(9);
  EXPECT_EQ(effects.sequence, 9u);
  ASSERT_THAT(effects.statements, SizeIs(2));
  EXPECT_EQ(effects.statements[0].sql,
            "INSERT INTO t VALUES ($1, $2, $3, $4, $5)");
  EXPECT_THAT(
      effects.statements[0].parameters,
      ElementsAre(SqlValue(int64_t{-5}), SqlValue(0.5),
                  SqlValue(std::string("é")),
                  SqlValue(Blob{std::string("\0\xff", 2)}), SqlValue()));
  EXPECT_EQ(effects.statements[1].sql, "DELETE FROM t");
}

TEST(EffectsReaderTest, CountsWhatTheyHold) {
  const auto bytes = [](size_t text, size_t blob, size_t sql) {
    worker::v1::Effects said;
    worker::v1::Statement* statement = said.add_statements();
    statement->set_sql(std::string(sql, 's'));
    statement->add_parameters()->set_text(std::string(text, 't'));
    statement->add_parameters()->set_blob(std::string(blob, 'b'));
    FrameEffects all;
    EXPECT_TRUE(ReadEffects(said.SerializeAsString(), &all).ok());
    return all.at(0).bytes;
  };
  const size_t least = bytes(0, 0, 0);
  EXPECT_GE(least, sizeof(MessageEffects) + sizeof(Statement));
  EXPECT_EQ(bytes(1000, 0, 0), least + 1000);
  EXPECT_EQ(bytes(0, 200, 0), least + 200);
  EXPECT_EQ(bytes(0, 0, 30), least + 30);
}

TEST(EffectsReaderTest, RefusesWhatCannotBeReadOrComesTwice) {
  FrameEffects all;
  EXPECT_THAT(ReadEffects("\x08", &all).message(), HasSubstr("parsed"));
  worker::v1::Effects said;
  said.set_sequence(4);
  ASSERT_TRUE(ReadEffects(said.SerializeAsString(), &all).ok());
  const absl::Status twice = ReadEffects(said.SerializeAsString(), &all);
  EXPECT_TRUE(absl::IsInvalidArgument(twice));
  EXPECT_THAT(twice.message(), HasSubstr("message 4 twice"));
}

}  // namespace
}  // namespace msgproc::processor
