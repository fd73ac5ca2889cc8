#include "services/processor/store/store_url.h"

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace msgproc::processor {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

std::string ErrorOf(absl::string_view url) {
  const auto parsed = ParseStoreUrl(url);
  EXPECT_EQ(parsed.status().code(), absl::StatusCode::kInvalidArgument) << url;
  return std::string(parsed.status().message());
}

TEST(StoreUrlTest, SqliteIsAPath) {
  const auto absolute = ParseStoreUrl("sqlite:/var/lib/msgproc/sessions.db");
  ASSERT_TRUE(absolute.ok());
  EXPECT_EQ(absolute->kind, StoreUrl::Kind::kSqlite);
  EXPECT_EQ(absolute->target, "/var/lib/msgproc/sessions.db");
  EXPECT_EQ(absolute->description, "sqlite:/var/lib/msgproc/sessions.db");
  EXPECT_EQ(ParseStoreUrl("sqlite:sessions.db")->target, "sessions.db");
  EXPECT_EQ(ParseStoreUrl("sqlite:///var/a.db")->target, "/var/a.db");
}

TEST(StoreUrlTest, PostgresqlIsALibpqUrl) {
  for (const char* url :
       {"postgresql://", "postgres://ada@db1,db2:5433/ledger?sslmode=require",
        "postgresql:///ledger?host=/run/postgresql"}) {
    const auto parsed = ParseStoreUrl(url);
    ASSERT_TRUE(parsed.ok()) << parsed.status();
    EXPECT_EQ(parsed->kind, StoreUrl::Kind::kPostgres);
    EXPECT_EQ(parsed->target, url);
    EXPECT_EQ(parsed->description, url);
  }
}

TEST(StoreUrlTest, ThePasswordIsNotShown) {
  EXPECT_EQ(ParseStoreUrl("postgres://ada:p@ss:w@db/ledger?connect_timeout=3")
                ->description,
            "postgres://ada:…@db/ledger?connect_timeout=3");
  EXPECT_EQ(ParseStoreUrl(
                "postgresql:///l?user=ada&password=secret&sslpassword=secret")
                ->description,
            "postgresql:///l?user=ada&password=…&sslpassword=…");
  // Found by tests/fuzz/store_url: libpq takes each of these for a password.
  for (const char* url :
       {"postgresql://ada:se?cret@db/ledger", "postgresql://ada:se?cret@db",
        "postgresql://db/ledger?passwor%64=se?cret",
        "postgresql://ada:se/c?ret@db/ledger"}) {
    EXPECT_THAT(ParseStoreUrl(url)->description, Not(HasSubstr("cret"))) << url;
  }
  EXPECT_THAT(ErrorOf("mysql://ada:secret@db/ledger"),
              Not(HasSubstr("secret")));
}

TEST(StoreUrlTest, AnErrorSaysWhatWouldBeRight) {
  for (const char* url : {"", "mysql://db", "sqlite", "postgresql:db",
                          "/var/lib/sessions.db", "SQLITE:/a"}) {
    EXPECT_THAT(ErrorOf(url), HasSubstr("\"sqlite:/path/to/sessions.db\""));
    EXPECT_THAT(ErrorOf(url), HasSubstr("there is no kind of store"));
  }
  EXPECT_THAT(ErrorOf("sqlite:"), HasSubstr("does not name a file"));
  EXPECT_THAT(ErrorOf("sqlite:/var/"), HasSubstr("does not name a file"));
  EXPECT_THAT(ErrorOf("sqlite://host/a.db"), HasSubstr("names a host"));
  EXPECT_THAT(ErrorOf("sqlite::memory:"), HasSubstr("gone with the process"));
}

}  // namespace
}  // namespace msgproc::processor
