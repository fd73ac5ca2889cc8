#ifndef MSGPROC_EXAMPLES_LEDGER_LEDGER_H_
#define MSGPROC_EXAMPLES_LEDGER_LEDGER_H_

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "services/processor/handlers/handler.h"
#include "services/processor/handlers/transaction.h"

namespace example {

// Moves money between accounts, once for each message, whatever dies:
//
//   open ACCOUNT AMOUNT       the account begins with so much
//   transfer FROM TO AMOUNT   answers what FROM has left
//
// Its statements run in the transaction that commits the message's result, in
// SQLite and in PostgreSQL alike.
class Ledger final : public msgproc::processor::Handler {
 public:
  absl::Status Handle(const msgproc::processor::HandlerContext& context,
                      const msgproc::processor::Message& message,
                      msgproc::processor::Reply* reply) override {
    const std::vector<std::string> words = absl::StrSplit(message.payload, ' ');
    int64_t amount = 0;
    if (words.size() < 3 || !absl::SimpleAtoi(words.back(), &amount) ||
        amount < 0) {
      return absl::InvalidArgumentError(
          "Send 'open ACCOUNT AMOUNT' or 'transfer FROM TO AMOUNT'.");
    }
    if (words[0] == "open" && words.size() == 3) {
      return Open(context.transaction(), words[1], amount);
    }
    if (words[0] == "transfer" && words.size() == 4) {
      return Transfer(context, words[1], words[2], amount, reply);
    }
    return absl::InvalidArgumentError(absl::StrCat("What is ", words[0], "?"));
  }

 private:
  using Transaction = msgproc::processor::Transaction;

  static absl::Status Open(Transaction* store, const std::string& account,
                           int64_t amount) {
    for (const char* table :
         {"CREATE TABLE IF NOT EXISTS accounts ("
          "id TEXT PRIMARY KEY, balance BIGINT NOT NULL CHECK (balance >= 0))",
          "CREATE TABLE IF NOT EXISTS entries (message TEXT PRIMARY KEY)"}) {
      if (auto made = store->Execute(table); !made.ok()) return made.status();
    }
    return store
        ->Execute("INSERT INTO accounts (id, balance) VALUES ($1, $2)",
                  {account, amount})
        .status();
  }

  static absl::Status Transfer(
      const msgproc::processor::HandlerContext& context,
      const std::string& from, const std::string& to, int64_t amount,
      msgproc::processor::Reply* reply) {
    Transaction* const store = context.transaction();
    // Each message leaves one entry: a second one would be an error. It brings
    // no rows, and so can travel with the next statement.
    absl::Status entered =
        store->ExecuteLater("INSERT INTO entries (message) VALUES ($1)",
                            {context.idempotency_key()});
    if (!entered.ok()) return entered;
    constexpr absl::string_view kMove =
        "UPDATE accounts SET balance = balance + $2 WHERE id = $1 "
        "RETURNING balance";
    // In the order of their names, so that two transfers never wait for each
    // other.
    const bool from_first = from < to;
    int64_t left = 0;
    for (const bool taking : {from_first, !from_first}) {
      auto moved = store->Execute(
          kMove, {taking ? from : to, taking ? -amount : amount});
      if (!moved.ok()) return moved.status();
      if (moved->empty()) {
        return absl::NotFoundError(
            absl::StrCat("There is no account ", taking ? from : to, "."));
      }
      if (taking) left = std::get<int64_t>((*moved)[0][0]);
    }
    *reply->mutable_payload() = absl::StrCat(left);
    return absl::OkStatus();
  }
};

}  // namespace example

#endif  // MSGPROC_EXAMPLES_LEDGER_LEDGER_H_
