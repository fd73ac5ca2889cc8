// Handlers that fail in a transaction of many: what they did is undone, what
// the others did stands, and neither is done again on another server.
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "services/processor/handlers/handler_registry.h"
#include "services/processor/server.h"
#include "services/processor/session/processor_counters.h"
#include "services/processor/store/testing/postgres_cluster.h"
#include "services/processor/testing/function_handler.h"
#include "services/processor/testing/raw_stream.h"

namespace msgproc::processor {
namespace {

using testing::HasSubstr;

constexpr int kSessions = 6;
constexpr uint64_t kMessages = 30;

std::string SqliteUrl() {
  std::string directory = absl::StrCat(testing::TempDir(), "/store-XXXXXX");
  if (mkdtemp(directory.data()) == nullptr) std::abort();
  return absl::StrCat("sqlite:", directory, "/sessions.db");
}

std::string PostgresUrl() {
  PostgresCluster* const cluster = PostgresCluster::Shared();
  return cluster == nullptr ? "" : cluster->FreshUrl();
}

// What a message says becomes of it.
constexpr const char* kFates[] = {"done", "error", "throw", "statement",
                                  "put off"};

class StreamStoreTest : public testing::TestWithParam<std::string (*)()> {
 protected:
  void SetUp() override {
    options_.store.url = GetParam()();
    if (options_.store.url.empty()) GTEST_SKIP() << "such a store is not here";
    options_.grpc.acceptor.address = "127.0.0.1:0";
    options_.streams.server_id = "under-test";
    handlers_.Register("fickle", Fickle(), {.transactional = true});
    handlers_.Register("count", Count(), {.transactional = true});
    Start();
    CountEffects();
  }

  void Start() {
    server_.reset();
    auto server = Server::Start(options_, &handlers_);
    ASSERT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
  }

  // Does what its payload says, once it has left something behind.
  std::unique_ptr<Handler> Fickle() {
    return std::make_unique<FunctionHandler>(
        [this](const HandlerContext& context, const Message& message,
               Reply* reply) -> absl::Status {
          ++runs_;
          Transaction* const store = context.transaction();
          constexpr absl::string_view kEnter =
              "INSERT INTO effects VALUES ($1, $2)";
          const std::vector<SqlValue> entry = {
              std::string(context.idempotency_key()),
              std::string(message.payload)};
          absl::Status done = message.sequence % 3 == 0
                                  ? store->Execute(kEnter, entry).status()
                                  : store->ExecuteLater(kEnter, entry);
          if (!done.ok()) return done;
          if (message.payload == "throw") {
            throw std::runtime_error("out of luck");
          }
          if (message.payload == "error") {
            return absl::NotFoundError("nobody is there");
          }
          if (message.payload == "statement") {
            // It fails, and the handler does not care.
            store->Execute("INSERT INTO effects SELECT * FROM effects")
                .IgnoreError();
          }
          if (message.payload == "put off") {
            // The same, which it may not even hear of.
            store->ExecuteLater("INSERT INTO effects SELECT * FROM effects")
                .IgnoreError();
          }
          *reply->mutable_payload() = std::string(message.payload);
          return absl::OkStatus();
        });
  }
  std::unique_ptr<Handler> Count() {
    return std::make_unique<FunctionHandler>([](const HandlerContext& context,
                                                const Message& /*message*/,
                                                Reply* reply) -> absl::Status {
      Transaction* const store = context.transaction();
      auto made = store->Execute(
          "CREATE TABLE IF NOT EXISTS effects"
          " (message TEXT PRIMARY KEY, fate TEXT NOT NULL)");
      if (!made.ok()) return made.status();
      auto rows = store->Execute(
          "SELECT CAST(COUNT(*) AS bigint),"
          " COALESCE(MIN(fate), ''), COALESCE(MAX(fate), '') FROM effects");
      if (!rows.ok()) return rows.status();
      const SqlRow& row = rows->at(0);
      *reply->mutable_payload() = absl::StrCat(
          std::get<int64_t>(row[0]), " ", std::get<std::string>(row[1]), " ",
          std::get<std::string>(row[2]));
      return absl::OkStatus();
    });
  }
  // How many there are, and the first and the last of their fates.
  std::string CountEffects() {
    RawStream stream(server_->address());
    v1::ProcessRequest request =
        OpenRequest(absl::StrCat("counter-", ++counters_), "count");
    request.add_messages()->set_sequence(1);
    EXPECT_TRUE(stream.Write(request));
    const std::vector<v1::Result> results = stream.ReadResults(1);
    return results.empty() ? "" : results[0].payload();
  }

  static std::string Fate(int session, uint64_t sequence) {
    return kFates[(static_cast<uint64_t>(session) + sequence * sequence) % 5];
  }
  static v1::ProcessRequest Send(int session) {
    v1::ProcessRequest request;
    for (uint64_t sequence = 1; sequence <= kMessages; ++sequence) {
      v1::Message* const message = request.add_messages();
      message->set_sequence(sequence);
      message->set_payload(Fate(session, sequence));
    }
    return request;
  }
  static v1::ProcessRequest Open(int session) {
    return OpenRequest(absl::StrCat("session-", session), "fickle");
  }
  static void ExpectFates(int session, const std::vector<v1::Result>& results) {
    ASSERT_EQ(results.size(), kMessages);
    for (uint64_t sequence = 1; sequence <= kMessages; ++sequence) {
      const v1::Result& result = results[sequence - 1];
      ASSERT_EQ(result.sequence(), sequence);
      const std::string fate = Fate(session, sequence);
      if (fate == "done") {
        EXPECT_EQ(result.payload(), "done");
      } else if (fate == "error") {
        EXPECT_EQ(result.error().code(), 5);
        EXPECT_EQ(result.error().message(), "nobody is there");
      } else if (fate == "throw") {
        EXPECT_EQ(result.error().code(), 13);
        EXPECT_THAT(result.error().message(), HasSubstr("out of luck"));
      } else {
        EXPECT_EQ(result.error().code(), 6);
      }
    }
  }
  static int GoodOnes() {
    int good = 0;
    for (int session = 0; session < kSessions; ++session) {
      for (uint64_t sequence = 1; sequence <= kMessages; ++sequence) {
        good += Fate(session, sequence) == "done" ? 1 : 0;
      }
    }
    return good;
  }

  HandlerRegistry handlers_;
  ServerOptions options_;
  std::unique_ptr<Server> server_;
  std::atomic<int> runs_{0};
  int counters_ = 0;
};

TEST_P(StreamStoreTest, WhatFailedIsUndoneAndTheOthersStandOnEveryServer) {
  const std::string good = absl::StrCat(GoodOnes(), " done done");
  {
    std::vector<std::unique_ptr<RawStream>> streams;
    for (int session = 0; session < kSessions; ++session) {
      streams.push_back(std::make_unique<RawStream>(server_->address()));
      streams.back()->Open(Open(session));
    }
    // All at once, so that they are committed together.
    for (int session = 0; session < kSessions; ++session) {
      ASSERT_TRUE(streams[session]->Write(Send(session)));
    }
    for (int session = 0; session < kSessions; ++session) {
      ExpectFates(session, streams[session]->ReadResults(kMessages));
    }
    EXPECT_EQ(CountEffects(), good);
  }
  const int runs = runs_;
  Start();
  // They come again, as they were, and nothing runs for them.
  for (int session = 0; session < kSessions; ++session) {
    RawStream stream(server_->address());
    const v1::Welcome welcome = stream.Open(Open(session));
    EXPECT_EQ(welcome.state(), v1::Welcome::STATE_RESUMED);
    EXPECT_EQ(welcome.accepted_through(), kMessages);
    ExpectFates(session, stream.ReadResults(kMessages));
  }
  EXPECT_EQ(runs_, runs);
  EXPECT_EQ(CountEffects(), good);
}

// What the store has of a session is no rule that its client has broken.
TEST_P(StreamStoreTest, RefusalsForTheStoresSakeHaveReasonsOfTheirOwn) {
  const auto refused = [this](Rejection reason) -> uint64_t {
    return server_->context()
        ->counters()
        ->rejected[static_cast<size_t>(reason)];
  };
  {
    RawStream stream(server_->address());
    v1::ProcessRequest request = OpenRequest("nobody's", "fickle");
    request.mutable_open()->set_resumes(true);
    ASSERT_TRUE(stream.Write(request));
    EXPECT_TRUE(absl::IsDataLoss(stream.Finish()));
  }
  EXPECT_EQ(refused(Rejection::kDataLoss), 1U);
  EXPECT_EQ(refused(Rejection::kFailedPrecondition), 0U);
  {
    RawStream stream(server_->address());
    v1::ProcessRequest request;
    request.mutable_open()->set_handler("fickle");
    ASSERT_TRUE(stream.Write(request));
    EXPECT_TRUE(absl::IsFailedPrecondition(stream.Finish()));
  }
  EXPECT_EQ(refused(Rejection::kDataLoss), 1U);
  EXPECT_EQ(refused(Rejection::kFailedPrecondition), 1U);
  EXPECT_EQ(refused(Rejection::kInvalidArgument), 0U);
}

// The handler of a stored session is the one that it was opened with, whatever
// its client asks for later.
TEST_P(StreamStoreTest, ASessionKeepsItsHandlerOnTheNextServer) {
  {
    RawStream stream(server_->address());
    stream.Open(OpenRequest("kept", "count"));
  }
  Start();
  RawStream stream(server_->address());
  stream.Open(OpenRequest("kept", "fickle"));
  v1::ProcessRequest request;
  v1::Message* const message = request.add_messages();
  message->set_sequence(1);
  message->set_payload("done");
  ASSERT_TRUE(stream.Write(request));
  const std::vector<v1::Result> results = stream.ReadResults(1);
  ASSERT_EQ(results.size(), 1u);
  EXPECT_EQ(results[0].payload(), "0  ");
}

INSTANTIATE_TEST_SUITE_P(Sqlite, StreamStoreTest, testing::Values(&SqliteUrl));
INSTANTIATE_TEST_SUITE_P(Postgres, StreamStoreTest,
                         testing::Values(&PostgresUrl));

}  // namespace
}  // namespace msgproc::processor
