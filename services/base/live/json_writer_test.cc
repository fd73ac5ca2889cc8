#include "services/base/live/json_writer.h"

#include <cstdint>
#include <limits>

#include "gtest/gtest.h"

namespace msgproc::base {
namespace {

TEST(JsonWriterTest, WritesObjectsAndArraysWithinEachOther) {
  JsonWriter json;
  json.BeginObject()
      .Text("name", "a")
      .BeginArray("values")
      .Number("", uint64_t{1})
      .Number("", uint64_t{2})
      .BeginObject()
      .End()
      .BeginArray()
      .End()
      .End()
      .Flag("yes", true)
      .Flag("no", false)
      .End();
  EXPECT_EQ(json.Take(),
            R"({"name":"a","values":[1,2,{},[]],"yes":true,"no":false})");
  // And once more.
  EXPECT_EQ(json.BeginArray().End().Take(), "[]");
}

TEST(JsonWriterTest, AKeyInFrontOfATextThatEndsLikeABracketIsApart) {
  JsonWriter json;
  json.BeginArray().Text("", "[").Text("", "{").End();
  EXPECT_EQ(json.Take(), R"(["[","{"])");
}

TEST(JsonWriterTest, EscapesForeignText) {
  JsonWriter json;
  json.BeginObject().Text("a\"b", "\"\\\n\xff").End();
  EXPECT_EQ(json.Take(), "{\"a\\\"b\":\"\\\"\\\\\\n\xEF\xBF\xBD\"}");
}

TEST(JsonWriterTest, NumbersKeepWhatTheyHave) {
  JsonWriter json;
  json.BeginArray()
      .Number("", 0.1)
      .Number("", 9007199254740991.0)
      .Number("", uint64_t{18446744073709551615U})
      .Number("", std::numeric_limits<double>::infinity())
      .Rough("", 1234567)
      .Rough("", 0.000123456)
      .Rough("", std::numeric_limits<double>::quiet_NaN())
      .End();
  EXPECT_EQ(json.Take(),
            "[0.10000000000000001,9007199254740991,18446744073709551615,null,"
            "1.235e+06,0.0001235,null]");
}

TEST(JsonWriterDeathTest, ChecksThatItIsJson) {
  JsonWriter json;
  EXPECT_DEATH(json.End(), "ends_");
  json.BeginObject();
  EXPECT_DEATH(json.Text("", "a"), "keyed");
  EXPECT_DEATH(json.Take(), "ends_");
  json.BeginArray("a");
  EXPECT_DEATH(json.Text("b", "a"), "keyed");
  json.End().End();
  EXPECT_DEATH(json.BeginObject(), "ends_");
}

}  // namespace
}  // namespace msgproc::base
