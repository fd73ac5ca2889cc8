#include "client/outbox_file.h"

#include <sqlite3.h>
#include <sys/stat.h>

#include <cstdint>
#include <cstdlib>
#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "sqlite/testing/power_loss_disk.h"

namespace msgproc::client {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

using Group = OutboxState::Group;

std::string MakeFolder() {
  std::string folder = absl::StrCat(::testing::TempDir(), "/outbox-XXXXXX");
  if (mkdtemp(folder.data()) == nullptr) std::abort();
  return folder;
}

KeptSession Fresh(const std::string& name, const std::string& handler = "h") {
  KeptSession session;
  session.session_id = name;
  session.session_token = "token of " + name;
  session.handler = handler;
  return session;
}

class OutboxFileTest : public ::testing::Test {
 protected:
  OutboxFileTest() : path_(MakeFolder() + "/deep/down/box") { Open("first"); }

  absl::Status TryOpen(const KeptSession& fresh,
                       const OutboxFile::Named& named = {}) {
    file_ = nullptr;
    auto file = OutboxFile::Open({.path = path_}, fresh, named);
    if (!file.ok()) return file.status();
    file_ = *std::move(file);
    session_ = file_->TakeSession();
    return absl::OkStatus();
  }
  void Open(const std::string& name) {
    ASSERT_EQ(TryOpen(Fresh(name)), absl::OkStatus());
  }
  void Write(const Group& group,
             const std::vector<KeptMessage>& messages = {}) {
    ASSERT_EQ(file_->Write(group, messages), absl::OkStatus());
  }
  // Says it with SQLite's own means.
  void Execute(const std::string& path, const std::string& sql) {
    sqlite3* database = nullptr;
    ASSERT_EQ(sqlite3_open(path.c_str(), &database), SQLITE_OK);
    char* error = nullptr;
    EXPECT_EQ(sqlite3_exec(database, sql.c_str(), nullptr, nullptr, &error),
              SQLITE_OK)
        << error;
    sqlite3_close(database);
  }
  mode_t ModeOf(const std::string& path) {
    struct stat found = {};
    EXPECT_EQ(stat(path.c_str(), &found), 0) << path;
    return found.st_mode & 0777;
  }

  const std::string path_;
  std::unique_ptr<OutboxFile> file_;
  KeptSession session_;
};

TEST_F(OutboxFileTest, WhatItMakesIsForNobodyElse) {
  EXPECT_EQ(ModeOf(path_), 0600u);
  EXPECT_EQ(ModeOf(path_ + "-wal"), 0600u);
  EXPECT_EQ(ModeOf(path_ + "-lock"), 0600u);
  EXPECT_EQ(ModeOf(path_.substr(0, path_.rfind('/'))), 0700u);
}

TEST_F(OutboxFileTest, ANewOneBeginsAsItIsTold) {
  EXPECT_EQ(session_.session_id, "first");
  EXPECT_EQ(session_.session_token, "token of first");
  EXPECT_FALSE(session_.welcomed);
  EXPECT_EQ(session_.last_sequence(), 0u);
}

TEST_F(OutboxFileTest, WhatIsWrittenIsThereAtTheNextStart) {
  Write({.first = 1, .through = 2},
        {{.payload = "one"},
         {.payload = std::string("\0\xff", 2),
          .headers = {{"key", "value"}, {"key", std::string("\0", 1)}}}});
  Write({.welcomed = true, .store_generation = "g"});
  Open("second");
  EXPECT_EQ(session_.session_id, "first");
  EXPECT_EQ(session_.session_token, "token of first");
  EXPECT_EQ(session_.handler, "h");
  EXPECT_TRUE(session_.welcomed);
  EXPECT_EQ(session_.store_generation, "g");
  EXPECT_EQ(session_.received_through, 0u);
  ASSERT_EQ(session_.messages.size(), 2u);
  EXPECT_EQ(session_.messages[0].payload, "one");
  EXPECT_TRUE(session_.messages[0].headers.empty());
  EXPECT_EQ(session_.messages[1].payload, std::string("\0\xff", 2));
  ASSERT_EQ(session_.messages[1].headers.size(), 2u);
  EXPECT_EQ(session_.messages[1].headers[0].second, "value");
  EXPECT_EQ(session_.messages[1].headers[1].first, "key");
  EXPECT_EQ(session_.messages[1].headers[1].second, std::string("\0", 1));
}

TEST_F(OutboxFileTest, WhatWasDeliveredIsGoneAndItsSequencesAreNotUsedAgain) {
  Write({.first = 1, .through = 2}, {{.payload = "1"}, {.payload = "2"}});
  Write({.first = 3, .through = 3, .results = 1}, {{.payload = "3"}});
  Open("second");
  EXPECT_EQ(session_.received_through, 1u);
  EXPECT_EQ(session_.last_sequence(), 3u);
  ASSERT_EQ(session_.messages.size(), 2u);
  EXPECT_EQ(session_.messages[0].payload, "2");
  Write({.first = 4, .through = 3, .results = 3});
  Open("second");
  EXPECT_EQ(session_.session_id, "first");
  EXPECT_EQ(session_.received_through, 3u);
  EXPECT_EQ(session_.last_sequence(), 3u);
}

TEST_F(OutboxFileTest, OneThatHasEndedBeginsAnew) {
  Write({.first = 1, .through = 1, .welcomed = true, .store_generation = "g"},
        {{.payload = "1"}});
  Write({.first = 2, .through = 1, .results = 1, .ended = true});
  Open("second");
  EXPECT_EQ(session_.session_id, "second");
  EXPECT_EQ(session_.session_token, "token of second");
  EXPECT_FALSE(session_.welcomed);
  EXPECT_EQ(session_.store_generation, "");
  EXPECT_EQ(session_.last_sequence(), 0u);
}

TEST_F(OutboxFileTest, MessagesOfAnotherHandlerOrSessionAreNotSent) {
  Write({.first = 1, .through = 1}, {{.payload = "1"}});
  const absl::Status handler = TryOpen(Fresh("first", "other"));
  EXPECT_EQ(handler.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(handler.message(),
              AllOf(HasSubstr(path_), HasSubstr("'h'"), HasSubstr("'other'")));
  EXPECT_THAT(
      TryOpen(Fresh("second"), {.id = true}).message(),
      AllOf(HasSubstr(path_), HasSubstr("'first'"), HasSubstr("'second'")));
  EXPECT_THAT(TryOpen(Fresh("second"), {.token = true}).message(),
              HasSubstr("another session_token"));
  EXPECT_EQ(TryOpen(Fresh("first"), {.id = true, .token = true}),
            absl::OkStatus());
  EXPECT_EQ(session_.messages.size(), 1u);
}

TEST_F(OutboxFileTest, WithoutMessagesNothingBindsIt) {
  Write({.first = 1, .through = 1}, {{.payload = "1"}});
  Write({.first = 2, .through = 1, .results = 1});
  ASSERT_EQ(TryOpen(Fresh("second", "other")), absl::OkStatus());
  EXPECT_EQ(session_.session_id, "second");
  EXPECT_EQ(session_.last_sequence(), 0u);
}

TEST_F(OutboxFileTest, ASecondStreamIsRefused) {
  const auto second = OutboxFile::Open({.path = path_}, Fresh("second"), {});
  EXPECT_EQ(second.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(second.status().message(),
              AllOf(HasSubstr(path_), HasSubstr("only one stream"),
                    HasSubstr("process ")));
}

TEST_F(OutboxFileTest, OneOfALaterReleaseIsRefused) {
  file_ = nullptr;
  Execute(path_,
          "UPDATE msgproc_outbox SET schema_version = 8, oldest_reader = 7");
  const absl::Status status = TryOpen(Fresh("second"));
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(status.message(),
              AllOf(HasSubstr(path_), HasSubstr("version 8"),
                    HasSubstr("version 7"), HasSubstr("version 1")));
}

TEST_F(OutboxFileTest, AnotherProgramsDatabaseIsNotTouched) {
  const std::string other = MakeFolder() + "/theirs";
  Execute(other, "CREATE TABLE theirs (x)");
  const auto file = OutboxFile::Open({.path = other}, Fresh("first"), {});
  EXPECT_EQ(file.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(file.status().message(),
              AllOf(HasSubstr(other), HasSubstr("another program's")));
}

TEST_F(OutboxFileTest, AGapIsToldAndNotSentOver) {
  Write({.first = 1, .through = 3},
        {{.payload = "1"}, {.payload = "2"}, {.payload = "3"}});
  file_ = nullptr;
  Execute(path_, "DELETE FROM msgproc_outbox_messages WHERE sequence = 2");
  const absl::Status status = TryOpen(Fresh("second"));
  EXPECT_EQ(status.code(), absl::StatusCode::kInternal);
  EXPECT_THAT(status.message(),
              AllOf(HasSubstr(path_), HasSubstr("message 3 is not as")));
}

// Found by tests/fuzz/outbox: both ended the program.
TEST_F(OutboxFileTest, WhatNoClientLeftIsToldOrMakesSense) {
  file_ = nullptr;
  Execute(path_, "UPDATE msgproc_outbox SET received_through = -1");
  const absl::Status status = TryOpen(Fresh("second"));
  EXPECT_EQ(status.code(), absl::StatusCode::kInternal);
  EXPECT_THAT(status.message(),
              AllOf(HasSubstr(path_), HasSubstr("the session is not as")));
  Execute(path_,
          "UPDATE msgproc_outbox SET received_through = 5, welcomed = 0");
  Execute(path_, "INSERT INTO msgproc_outbox_messages VALUES (6, '', 'six')");
  const auto file = OutboxFile::Open({.path = path_}, Fresh("first"), {});
  ASSERT_TRUE(file.ok()) << file.status();
  const KeptSession session = (*file)->TakeSession();
  EXPECT_EQ(session.received_through, 5u);
  EXPECT_TRUE(session.welcomed);
}

TEST_F(OutboxFileTest, AFileThatCannotBeUsedSaysWhatToDo) {
  const std::string folder = MakeFolder();
  const auto file = OutboxFile::Open({.path = folder}, Fresh("first"), {});
  EXPECT_THAT(file.status().message(),
              AllOf(HasSubstr(folder), HasSubstr("cannot be used: ")));
}

// SQLite's own limit: the file takes no more pages, as on a disk that is full.
TEST_F(OutboxFileTest, AFullDiskIsNoFullWindow) {
  file_ = nullptr;
  sqlite::PowerLossDisk disk("full", 1);
  const sqlite::Database::Options options = {.path = path_, .vfs = disk.name()};
  auto file = OutboxFile::Open(options, Fresh("first"), {});
  ASSERT_TRUE(file.ok()) << file.status();
  disk.FillUp();
  const absl::Status status =
      (*file)->Write({.first = 1, .through = 1}, {{.payload = "1"}});
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(status.message(), AllOf(HasSubstr(path_), HasSubstr("full"),
                                      HasSubstr("Make room there"),
                                      HasSubstr("open the stream again")));
}

// An outbox whose disk fails again and again, and what it has promised.
class Trial {
 public:
  Trial(uint64_t seed, bool synchronous)
      : random_(seed), disk_(absl::StrCat("outbox-", seed, synchronous), seed) {
    file_ = {.path = MakeFolder() + "/box",
             .vfs = disk_.name(),
             .synchronous = synchronous};
  }

  // A life of the program, which ends with an error of the disk; then the power
  // goes, or the program only. False: something that was promised is not there.
  bool Live() {
    disk_.FailAfter(static_cast<int>(random_() % 300) + 1);
    if (!Work()) return false;
    if (random_() % 3 == 0) {
      disk_.RestartProcess();
    } else {
      disk_.RestorePower();
    }
    return true;
  }

  uint64_t kept() const { return kept_; }
  const std::string& why() const { return why_; }

 private:
  static std::string PayloadOf(uint64_t sequence) {
    std::string payload = absl::StrCat(sequence, ":");
    payload.resize(sequence * 7919 % 20'000 + 20, static_cast<char>(sequence));
    return payload;
  }

  bool Lost(const std::string& why) {
    why_ = why;
    return false;
  }

  bool IsAsPromised(const KeptSession& session) {
    if (session.session_id != "s") {
      return kept_ == 0 || Lost("it is another session");
    }
    if (session.last_sequence() < kept_) {
      return Lost(absl::StrCat("kept were messages to ", kept_, ", and to ",
                               session.last_sequence(), " they are there"));
    }
    if (session.received_through < gone_) return Lost("what was gone is back");
    uint64_t sequence = session.received_through;
    for (const KeptMessage& message : session.messages) {
      if (message.payload != PayloadOf(++sequence)) {
        return Lost(absl::StrCat("message ", sequence, " is another"));
      }
    }
    return true;
  }

  bool Work() {
    auto file = OutboxFile::Open(file_, Fresh("s"), {});
    if (!file.ok()) {
      return absl::IsUnavailable(file.status()) ||
             absl::IsUnknown(file.status()) || Lost(file.status().ToString());
    }
    const KeptSession session = (*file)->TakeSession();
    if (!IsAsPromised(session)) return false;
    kept_ = session.last_sequence();
    gone_ = session.received_through;
    while (true) {
      Group group = {.first = kept_ + 1, .through = kept_ + random_() % 4};
      if (gone_ < kept_ && random_() % 2 == 0) {
        group.results = gone_ + 1 + random_() % (kept_ - gone_);
      }
      std::vector<KeptMessage> messages;
      for (uint64_t i = group.first; i <= group.through; ++i) {
        messages.push_back({.payload = PayloadOf(i)});
      }
      const absl::Status status = (*file)->Write(group, messages);
      if (!status.ok()) {
        return absl::IsUnavailable(status) || absl::IsUnknown(status) ||
               Lost(status.ToString());
      }
      kept_ = group.through;
      if (group.results != 0) gone_ = group.results;
    }
  }

  std::mt19937_64 random_;
  sqlite::PowerLossDisk disk_;
  sqlite::Database::Options file_;
  uint64_t kept_ = 0;
  uint64_t gone_ = 0;
  std::string why_;
};

TEST(OutboxPowerLossTest, NothingThatWasKeptIsLost) {
  for (uint64_t seed = 1; seed <= 3; ++seed) {
    Trial trial(seed, /*synchronous=*/true);
    for (int cut = 1; cut <= 100; ++cut) {
      ASSERT_TRUE(trial.Live())
          << "seed " << seed << ", cut " << cut << ": " << trial.why();
    }
    // It did work between them.
    EXPECT_GT(trial.kept(), 200u);
  }
}

// So that the disk above is one on which things can be lost.
TEST(OutboxPowerLossTest, WithoutSyncsItIs) {
  int lost = 0;
  for (uint64_t seed = 1; seed <= 10; ++seed) {
    Trial trial(seed, /*synchronous=*/false);
    bool good = true;
    for (int cut = 0; cut < 20 && good; ++cut) good = trial.Live();
    lost += good ? 0 : 1;
  }
  EXPECT_GT(lost, 0);
}

}  // namespace
}  // namespace msgproc::client
