#ifndef MSGPROC_SERVICES_PROCESSOR_STORE_TESTING_SESSION_STORE_CONTRACT_H_
#define MSGPROC_SERVICES_PROCESSOR_STORE_TESTING_SESSION_STORE_CONTRACT_H_

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "gtest/gtest.h"
#include "services/processor/store/session_store.h"

namespace msgproc::processor {

// A kind of store, empty at first, for the tests that every kind must pass.
class StoreUnderTest {
 public:
  virtual ~StoreUnderTest() = default;

  // Opens it as another process would.
  virtual absl::StatusOr<std::unique_ptr<SessionStore>> Open(
      const std::string& owner, bool renew_generation) = 0;
  absl::StatusOr<std::unique_ptr<SessionStore>> Open(const std::string& owner) {
    return Open(owner, /*renew_generation=*/false);
  }

  // Lets time pass, by the store's clock.
  virtual void Pass(absl::Duration duration) { absl::SleepFor(duration); }

  // Handlers' statements, on keys and values that are text.
  virtual std::string put() const = 0;
  // ALREADY_EXISTS: the key is there.
  virtual std::string insert() const = 0;
  virtual std::string get() const = 0;
};

// A test program instantiates the suite with its store:
//   INSTANTIATE_TEST_SUITE_P(Sqlite, SessionStoreContractTest,
//                            ::testing::Values(&MakeSqliteUnderTest));
using MakeStoreUnderTest = std::unique_ptr<StoreUnderTest> (*)();
class SessionStoreContractTest
    : public ::testing::TestWithParam<MakeStoreUnderTest> {
 protected:
  void SetUp() override;

  // Opens the store as this process, in place of the one before. The
  // connections of that are closed first.
  void OpenAs(const std::string& owner, bool renew_generation = false);
  StoreConnection& connection() { return *connection_; }
  SessionStore& store() { return *store_; }
  StoreUnderTest& under_test() { return *under_test_; }

  Claimed ClaimOne(const Claim& claim);
  // Each in a transaction of its own.
  absl::StatusOr<bool> WriteOne(const SessionWrite& write);
  void Put(const std::string& key, const std::string& value);
  void PutLater(const std::string& key, const std::string& value);
  // In the transaction that is open; empty: nothing is there.
  std::string GetInside(const std::string& key);
  // The same in one of its own.
  std::string Get(const std::string& key);

 private:
  std::unique_ptr<StoreUnderTest> under_test_;
  std::unique_ptr<SessionStore> store_;
  std::unique_ptr<StoreConnection> connection_;
};

// Not every test program that has this file's functions has a store to try.
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(SessionStoreContractTest);

// What tests write.
Claim ClaimOf(const std::string& session_id);
SessionWrite ResultsOf(const std::string& session_id, uint64_t epoch,
                       uint64_t first, uint64_t through,
                       std::string results = "results");

}  // namespace msgproc::processor

#endif  // MSGPROC_SERVICES_PROCESSOR_STORE_TESTING_SESSION_STORE_CONTRACT_H_
