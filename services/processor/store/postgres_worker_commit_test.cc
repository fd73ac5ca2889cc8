// msgproc_commit, and what the store makes of what it has written.
#include <postgresql/libpq-fe.h>

#include <cstdint>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "services/processor/store/open_store.h"
#include "services/processor/store/testing/postgres_cluster.h"
#include "services/processor/store/testing/session_store_contract.h"
#include "wire/entry.h"
#include "wire/entry_log.h"
#include "wire/pieces.h"

namespace msgproc::processor {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// Results of the messages `first` to `through`, as on the wire.
std::string Results(uint64_t first, uint64_t through,
                    const std::string& payload = "result") {
  wire::EntryLog log(first);
  for (uint64_t i = first; i <= through; ++i) {
    wire::AppendResult(&log, i, payload);
  }
  std::vector<wire::Piece> pieces;
  auto cursor = log.At(first);
  log.Take(&cursor, UINT64_MAX, SIZE_MAX, &pieces);
  std::string results;
  wire::AppendPieces(pieces, &results);
  return results;
}

// A worker's own connection.
class Worker {
 public:
  explicit Worker(const std::string& url)
      : connection_(PQconnectdb(url.c_str())) {}
  ~Worker() { PQfinish(connection_); }
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  // Returns what the server says is wrong.
  std::string Run(const char* sql) {
    return WhatWasSaid(PQexec(connection_, sql));
  }
  std::string Commit(const std::string& session, uint64_t epoch, uint64_t first,
                     const std::string& results) {
    const std::string numbers[] = {std::to_string(epoch),
                                   std::to_string(first)};
    const char* values[] = {session.c_str(), numbers[0].c_str(),
                            numbers[1].c_str(), results.data()};
    const int lengths[] = {0, 0, 0, static_cast<int>(results.size())};
    const int formats[] = {0, 0, 0, 1};
    return WhatWasSaid(PQexecParams(connection_,
                                    "SELECT msgproc_commit($1, $2, $3, $4)", 4,
                                    nullptr, values, lengths, formats, 0));
  }

 private:
  static std::string WhatWasSaid(PGresult* result) {
    std::string said = PQresultErrorMessage(result);
    PQclear(result);
    return said;
  }

  PGconn* const connection_;
};

class PostgresWorkerCommitTest : public ::testing::Test {
 protected:
  void SetUp() override {
    PostgresCluster* const cluster = PostgresCluster::Shared();
    if (cluster == nullptr) GTEST_SKIP() << "PostgreSQL is not installed";
    url_ = cluster->FreshUrl();
    auto store = OpenSessionStore({.url = url_, .owner = "me"});
    ASSERT_TRUE(store.ok()) << store.status();
    store_ = *std::move(store);
    connection_ = *store_->Connect();
    worker_ = std::make_unique<Worker>(url_);
    ASSERT_EQ(Claim({}).epoch, 1u);
  }

  Claimed Claim(processor::Claim claim) {
    const processor::Claim base = ClaimOf("s");
    claim.session_id = base.session_id;
    claim.token_sha256 = base.token_sha256;
    claim.principal = base.principal;
    claim.handler = base.handler;
    return connection_->ClaimSessions({claim})->front();
  }
  absl::StatusOr<std::vector<bool>> Write(SessionWrite write) {
    EXPECT_TRUE(connection_->Begin().ok());
    auto written = connection_->Write({std::move(write)});
    if (written.ok()) {
      EXPECT_TRUE(connection_->Commit().ok());
    }
    return written;
  }
  static SessionWrite ByWorker(uint64_t first, uint64_t through,
                               const std::string& results) {
    SessionWrite write = ResultsOf("s", 1, first, through, results);
    write.by_worker = true;
    return write;
  }

  std::string url_;
  std::unique_ptr<SessionStore> store_;
  std::unique_ptr<StoreConnection> connection_;
  std::unique_ptr<Worker> worker_;
};

TEST_F(PostgresWorkerCommitTest, WhatAWorkerCommitsIsReadAsAnyResult) {
  EXPECT_THAT(worker_->Commit("s", 1, 1, Results(1, 2)), IsEmpty());
  EXPECT_THAT(worker_->Commit("s", 1, 3, Results(3, 300)), IsEmpty());
  // A length of three bytes.
  const std::string large = Results(301, 302, std::string(20'000, '\xff'));
  EXPECT_THAT(worker_->Commit("s", 1, 301, large), IsEmpty());
  const Claimed claimed = Claim({.epoch = 1, .anew = true});
  EXPECT_EQ(claimed.committed_through, 302u);
  ASSERT_THAT(claimed.outcomes, ::testing::SizeIs(3));
  EXPECT_EQ(claimed.outcomes[0].results, Results(1, 2));
  EXPECT_EQ(claimed.outcomes[1].through, 300u);
  EXPECT_EQ(claimed.outcomes[2].results, large);
}

TEST_F(PostgresWorkerCommitTest, AStaleEpochIsAnException) {
  ASSERT_EQ(Claim({.epoch = 1, .anew = true}).epoch, 2u);
  EXPECT_THAT(worker_->Commit("s", 1, 1, Results(1, 1)),
              HasSubstr("another epoch than 1"));
  EXPECT_THAT(worker_->Commit("s", 3, 1, Results(1, 1)),
              HasSubstr("another epoch than 3"));
  EXPECT_THAT(worker_->Commit("unknown", 1, 1, Results(1, 1)),
              HasSubstr("is gone"));
  EXPECT_THAT(worker_->Commit("s", 2, 1, Results(1, 1)), IsEmpty());
}

TEST_F(PostgresWorkerCommitTest, AClaimWaitsForACommitUnderWayAndSeesIt) {
  ASSERT_THAT(worker_->Run("BEGIN"), IsEmpty());
  ASSERT_THAT(worker_->Commit("s", 1, 1, Results(1, 5)), IsEmpty());
  Claimed claimed;
  std::thread claimer([&] { claimed = Claim({.epoch = 1, .anew = true}); });
  EXPECT_THAT(worker_->Run("COMMIT"), IsEmpty());
  claimer.join();
  EXPECT_TRUE(claimed.status.ok()) << claimed.status;
  EXPECT_EQ(claimed.committed_through, 5u);
}

TEST_F(PostgresWorkerCommitTest, ResultsFollowWhatIsThere) {
  ASSERT_THAT(*Write(ResultsOf("s", 1, 1, 3, Results(1, 3))),
              ElementsAre(true));
  for (const uint64_t first : {1, 3, 5}) {
    EXPECT_THAT(worker_->Commit("s", 1, first, Results(first, 9)),
                HasSubstr("the store has them up to 3"));
  }
  EXPECT_THAT(worker_->Commit("s", 1, 4, Results(4, 4)), IsEmpty());
  // And the store goes on from there, also where no row is left.
  ASSERT_THAT(*Write({.session_id = "s", .epoch = 1, .trim_through = 4}),
              ElementsAre(true));
  EXPECT_THAT(worker_->Commit("s", 1, 4, Results(4, 4)), HasSubstr("up to 4"));
  EXPECT_THAT(worker_->Commit("s", 1, 5, Results(5, 5)), IsEmpty());
}

TEST_F(PostgresWorkerCommitTest, WhatIsNotResultsIsRefused) {
  const std::string right = Results(1, 2);
  const std::vector<std::string> wrong = {"",
                                          "x",
                                          right + "x",
                                          right.substr(0, right.size() - 1),
                                          std::string("\x12\x05", 2),
                                          std::string("\x12\xff", 2)};
  for (const std::string& results : wrong) {
    EXPECT_NE(worker_->Commit("s", 1, 1, results), "") << results;
  }
  EXPECT_EQ(Claim({.epoch = 1, .anew = true}).committed_through, 0u);
}

TEST_F(PostgresWorkerCommitTest, ATransactionThatMayNotSeeOrKeepItIsRefused) {
  for (const char* begin : {"BEGIN ISOLATION LEVEL REPEATABLE READ",
                            "BEGIN ISOLATION LEVEL SERIALIZABLE"}) {
    ASSERT_THAT(worker_->Run(begin), IsEmpty());
    EXPECT_THAT(worker_->Commit("s", 1, 1, Results(1, 1)),
                HasSubstr("READ COMMITTED"));
    ASSERT_THAT(worker_->Run("ROLLBACK"), IsEmpty());
  }
  ASSERT_THAT(worker_->Run("SET synchronous_commit = off"), IsEmpty());
  EXPECT_THAT(worker_->Commit("s", 1, 1, Results(1, 1)),
              HasSubstr("synchronous_commit is off"));
}

TEST_F(PostgresWorkerCommitTest, WhatItAnswersIsComparedByteForByte) {
  ASSERT_THAT(worker_->Commit("s", 1, 1, Results(1, 2)), IsEmpty());
  ASSERT_THAT(worker_->Commit("s", 1, 3, Results(3, 3)), IsEmpty());
  // Put together from rows.
  EXPECT_THAT(*Write(ByWorker(1, 3, Results(1, 3))), ElementsAre(true));
  for (const SessionWrite& write :
       {ByWorker(1, 3, Results(1, 2) + Results(3, 3, "resulT")),
        ByWorker(2, 3, Results(2, 3)), ByWorker(1, 4, Results(1, 4)),
        ByWorker(1, 2, Results(1, 2))}) {
    EXPECT_TRUE(absl::IsInternal(Write(write).status()))
        << write.first << " to " << write.through;
  }
  // Nothing was written a second time.
  EXPECT_THAT(Claim({.epoch = 1, .anew = true}).outcomes, ::testing::SizeIs(2));
}

TEST_F(PostgresWorkerCommitTest, OtherSessionsAreWrittenBesideAComparison) {
  ASSERT_TRUE(connection_->ClaimSessions({ClaimOf("t")}).ok());
  ASSERT_THAT(worker_->Commit("s", 1, 1, Results(1, 1)), IsEmpty());
  SessionWrite trimmed = ByWorker(1, 1, Results(1, 1));
  trimmed.trim_through = 1;
  ASSERT_TRUE(connection_->Begin().ok());
  const auto written = connection_->Write({ResultsOf("t", 1, 1, 4), trimmed});
  ASSERT_TRUE(written.ok()) << written.status();
  EXPECT_THAT(*written, ElementsAre(true, true));
  ASSERT_TRUE(connection_->Commit().ok());
  EXPECT_EQ(Claim({.received_through = 1}).trimmed_through, 1u);
}

}  // namespace
}  // namespace msgproc::processor
