#include "services/processor/store/store_url.h"

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace msgproc::processor {
namespace {

using ::testing::AllOf;
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
  }
}

TEST(StoreUrlTest, WhatIsShownIsWhereAndWho) {
  const auto shown = [](absl::string_view url) {
    const auto parsed = ParseStoreUrl(url);
    return parsed.ok() ? parsed->description : parsed.status().ToString();
  };
  EXPECT_EQ(shown("postgresql://"), "postgresql");
  EXPECT_EQ(shown("postgres://ada@db1,db2:5433/ledger?sslmode=require"),
            "postgresql host=db1,db2 port=,5433 dbname=ledger user=ada");
  EXPECT_EQ(shown("postgresql:///ledger?host=/run/postgresql&hostaddr=::1"),
            "postgresql host=/run/postgresql hostaddr=::1 dbname=ledger");
  EXPECT_EQ(shown("postgresql://ada%40shop@[::1]/?host=@abstract"),
            "postgresql host=@abstract user=ada@shop");
  EXPECT_EQ(shown("postgresql://db/host%3Ddb%20password%3Dsecret?user=a%0Ab"),
            "postgresql host=db dbname=… user=…");
}

TEST(StoreUrlTest, ThePasswordIsNotShown) {
  // libpq takes each of these for a password.
  for (const char* url :
       {"postgresql://ada:secret@db/ledger", "postgresql://ada:se?cret@db",
        "postgresql://ada:se:cret@db/ledger",
        "postgresql:///l?user=ada&password=secret&sslpassword=secret",
        "postgresql://db/ledger?passwor%64=se?cret",
        "postgresql:///l?%70assword=%73e%63ret"}) {
    const auto parsed = ParseStoreUrl(url);
    ASSERT_TRUE(parsed.ok()) << parsed.status();
    EXPECT_THAT(parsed->description, Not(HasSubstr("cret"))) << url;
  }
}

// libpq connects to another host than is meant, or says what it cannot read.
TEST(StoreUrlTest, APasswordThatLibpqReadsAsSomethingElseIsRefused) {
  for (const char* url :
       {"postgres://ada:p@ss:secret@db/ledger", "postgres://ada:p@secret@db",
        "postgresql://ada:p/secret@db/ledger",
        "postgresql://ada:p/c?secret@db/ledger", "postgresql://ada:%secret@db",
        "postgresql://ada:p@db?secret", "postgresql://ada:p@db?secret=1",
        "postgresql://[secret", "postgresql://db?password=secret=x",
        "postgresql://db?password=secret%00"}) {
    EXPECT_THAT(ErrorOf(url),
                AllOf(HasSubstr("%40"), Not(HasSubstr("secret"))));
  }
  EXPECT_THAT(ErrorOf("postgresql://ada:%secret@db"),
              HasSubstr("(invalid percent-encoded token)"));
}

TEST(StoreUrlTest, APasswordForAnotherKindOfStoreIsNotShown) {
  for (const char* url :
       {"mysql://ada:secret@db/ledger", "host=db password=secret",
        "host=db password=secret:", "postgresql:ada:secret@db"}) {
    EXPECT_THAT(ErrorOf(url), Not(HasSubstr("secret")));
  }
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
