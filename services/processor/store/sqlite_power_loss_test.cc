#include <cstdint>
#include <cstdlib>
#include <memory>
#include <random>
#include <string>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "services/processor/store/sqlite_store.h"
#include "services/processor/store/testing/session_store_contract.h"
#include "sqlite/testing/power_loss_disk.h"

namespace msgproc::processor {
namespace {

constexpr int kCuts = 150;

// A result of so many bytes, which says whose it is.
std::string ResultsFor(uint64_t sequence) {
  std::string results = absl::StrCat(sequence, ":");
  results.resize(sequence * 7919 % 60'000 + 20, static_cast<char>(sequence));
  return results;
}

// A store that loses its power again and again, and what it has promised.
class Trial {
 public:
  Trial(uint64_t seed, bool synchronous)
      : random_(seed), disk_(absl::StrCat("power-loss-", seed), seed) {
    std::string directory = absl::StrCat(::testing::TempDir(), "/power-XXXXXX");
    if (mkdtemp(directory.data()) == nullptr) std::abort();
    file_ = {.path = directory + "/store.db",
             .vfs = disk_.name(),
             .synchronous = synchronous};
  }

  // A life of the process, which ends with an error of the disk; then either
  // the power is gone, too, or only the process. False: something that was
  // acknowledged is not there, or the file is broken.
  bool Live() {
    disk_.FailAfter(static_cast<int>(random_() % 400) + 1);
    if (!Work()) return false;
    // Killed: what it wrote last is shown to the next life, and not synced.
    if (random_() % 3 == 0) {
      disk_.RestartProcess();
    } else {
      disk_.RestorePower();
    }
    return true;
  }

  // A last look, without errors of the disk.
  bool AllIsThere() {
    disk_.RestorePower();
    const auto store = Open();
    if (!store.ok()) return Broken(store.status());
    const auto connection = *(*store)->Connect();
    return Resume(connection.get()) == Outcome::kGood;
  }

  uint64_t acknowledged() const { return acknowledged_; }
  const std::string& why() const { return why_; }

 private:
  // kDisk: it has failed as it should.
  enum class Outcome { kGood, kDisk, kLost };

  absl::StatusOr<std::unique_ptr<SessionStore>> Open() {
    return OpenSqliteStore(file_,
                           {.owner = absl::StrCat("process-", ++lives_)});
  }

  bool Broken(const absl::Status& status) {
    why_ = status.ToString();
    return false;
  }

  // What a disk that fails brings about, and nothing else.
  static bool IsDisks(const absl::Status& status) {
    return absl::IsUnavailable(status) || absl::IsUnknown(status);
  }

  bool Work() {
    const auto store = Open();
    if (!store.ok()) {
      return IsDisks(store.status()) || Broken(store.status());
    }
    const auto connection = (*store)->Connect();
    if (!connection.ok()) std::abort();
    Outcome outcome = Resume(connection->get());
    while (outcome == Outcome::kGood) outcome = CommitOne(connection->get());
    return outcome != Outcome::kLost;
  }

  // Claims the session and looks at what it has.
  Outcome Resume(StoreConnection* connection) {
    Claim claim = ClaimOf("s");
    claim.received_through = trimmed_;
    const auto made = connection->ClaimSessions({claim});
    if (!made.ok()) return Judge(made.status());
    const Claimed& claimed = made->front();
    if (!claimed.status.ok()) return Judge(claimed.status);
    if (claimed.committed_through < acknowledged_) {
      why_ = absl::StrCat("acknowledged ", acknowledged_, ", kept ",
                          claimed.committed_through);
      return Outcome::kLost;
    }
    uint64_t next = trimmed_ + 1;
    for (const auto& outcome : claimed.outcomes) {
      if (outcome.first != next || outcome.results != ResultsFor(next)) {
        why_ = absl::StrCat("results of ", next, " are others");
        return Outcome::kLost;
      }
      ++next;
    }
    epoch_ = claimed.epoch;
    // Shown to a client now.
    acknowledged_ = claimed.committed_through;
    return CountEffects(connection);
  }

  // As many as results, and each in a sound file.
  Outcome CountEffects(StoreConnection* connection) {
    if (auto status = connection->Begin(); !status.ok()) return Judge(status);
    Transaction& transaction = *connection->transaction();
    auto rows = transaction.Execute(
        "CREATE TABLE IF NOT EXISTS effects (sequence INTEGER PRIMARY KEY)");
    if (rows.ok()) {
      rows = transaction.Execute(
          "SELECT COUNT(*), COALESCE(MAX(sequence), 0) FROM effects");
    }
    if (!rows.ok()) return Judge(rows.status());
    const auto count = static_cast<int64_t>(acknowledged_);
    if (rows->at(0) != SqlRow{count, count}) {
      why_ = absl::StrCat("effects are not those of ", acknowledged_);
      return Outcome::kLost;
    }
    if (auto written = connection->Write({}); !written.ok()) {
      return Judge(written.status());
    }
    const absl::Status status = connection->Commit();
    return status.ok() ? Outcome::kGood : Judge(status);
  }

  Outcome CommitOne(StoreConnection* connection) {
    if (auto status = connection->Begin(); !status.ok()) return Judge(status);
    const uint64_t sequence = acknowledged_ + 1;
    const auto rows = connection->transaction()->Execute(
        "INSERT INTO effects VALUES ($1)", {static_cast<int64_t>(sequence)});
    if (!rows.ok()) return Judge(rows.status());
    SessionWrite write =
        ResultsOf("s", epoch_, sequence, sequence, ResultsFor(sequence));
    // The client has received something, even if this commit is lost.
    if (random_() % 4 == 0) trimmed_ = write.trim_through = acknowledged_;
    const auto written = connection->Write({write});
    if (!written.ok()) return Judge(written.status());
    if (!written->front()) {
      why_ = "fenced by nobody";
      return Outcome::kLost;
    }
    const absl::Status status = connection->Commit();
    if (!status.ok()) return Judge(status);
    acknowledged_ = sequence;
    return Outcome::kGood;
  }

  Outcome Judge(const absl::Status& status) {
    if (IsDisks(status)) return Outcome::kDisk;
    why_ = status.ToString();
    return Outcome::kLost;
  }

  std::mt19937_64 random_;
  sqlite::PowerLossDisk disk_;
  SqliteDatabase::Options file_;
  int lives_ = 0;
  uint64_t epoch_ = 0;
  // Said to be committed, or shown.
  uint64_t acknowledged_ = 0;
  // Received by the client.
  uint64_t trimmed_ = 0;
  std::string why_;
};

TEST(SqlitePowerLossTest, NothingThatWasAcknowledgedIsLost) {
  for (uint64_t seed = 1; seed <= 3; ++seed) {
    Trial trial(seed, /*synchronous=*/true);
    for (int cut = 1; cut <= kCuts; ++cut) {
      ASSERT_TRUE(trial.Live())
          << "seed " << seed << ", cut " << cut << ": " << trial.why();
    }
    EXPECT_TRUE(trial.AllIsThere()) << trial.why();
    // It did work between them.
    EXPECT_GT(trial.acknowledged(), static_cast<uint64_t>(kCuts));
  }
}

// So that the disk above is one on which things can be lost.
TEST(SqlitePowerLossTest, ACommitThatDoesNotWaitForTheDiskIs) {
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
}  // namespace msgproc::processor
