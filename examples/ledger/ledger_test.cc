#include "examples/ledger/ledger.h"

#include <cstdint>
#include <memory>
#include <string>
#include <variant>

#include "gtest/gtest.h"
#include "services/processor/store/open_store.h"

namespace example {
namespace {

using msgproc::processor::HandlerContext;
using msgproc::processor::Message;
using msgproc::processor::Reply;

// One transaction on a store of SQLite's.
class LedgerTest : public testing::Test {
 protected:
  LedgerTest() {
    store_ = *msgproc::processor::OpenSessionStore(
        {.url = "sqlite:" + testing::TempDir() + "/" +
                testing::UnitTest::GetInstance()->current_test_info()->name()});
    connection_ = *store_->Connect();
    EXPECT_TRUE(connection_->Begin().ok());
  }

  absl::Status Send(const std::string& payload) {
    Message message;
    message.payload = payload;
    message.sequence = ++sequence_;
    reply_.Clear();
    return ledger_.Handle(
        HandlerContext({.idempotency_scope = "s",
                        .transaction = connection_->transaction()},
                       message.sequence),
        message, &reply_);
  }

  int64_t Number(const std::string& sql) {
    return std::get<int64_t>(
        connection_->transaction()->Execute(sql)->at(0).at(0));
  }

  std::unique_ptr<msgproc::processor::SessionStore> store_;
  std::unique_ptr<msgproc::processor::StoreConnection> connection_;
  Ledger ledger_;
  Reply reply_;
  uint64_t sequence_ = 0;
};

TEST_F(LedgerTest, MovesMoney) {
  ASSERT_TRUE(Send("open a 100").ok());
  ASSERT_TRUE(Send("open b 0").ok());
  ASSERT_TRUE(Send("transfer a b 30").ok());
  EXPECT_EQ(reply_.payload(), "70");
  ASSERT_TRUE(Send("transfer b a 10").ok());
  EXPECT_EQ(reply_.payload(), "20");
  EXPECT_EQ(Number("SELECT sum(balance) FROM accounts"), 100);
  EXPECT_EQ(Number("SELECT count(*) FROM entries"), 2);
}

TEST_F(LedgerTest, RefusesWhatItCannotDo) {
  ASSERT_TRUE(Send("open a 100").ok());
  ASSERT_TRUE(Send("open b 0").ok());
  EXPECT_TRUE(absl::IsInvalidArgument(Send("transfer a")));
  EXPECT_TRUE(absl::IsInvalidArgument(Send("steal a b 3")));
  EXPECT_TRUE(absl::IsNotFound(Send("transfer a nobody 1")));
  const absl::Status refused = Send("transfer a b 101");
  EXPECT_EQ(refused.code(), absl::StatusCode::kFailedPrecondition) << refused;
}

}  // namespace
}  // namespace example
