#ifndef MSGPROC_EXAMPLES_WORD_COUNT_WORD_COUNT_H_
#define MSGPROC_EXAMPLES_WORD_COUNT_WORD_COUNT_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>

#include "common/mutex.h"
#include "services/processor/handlers/handler.h"

namespace example {

// Answers how many words a message's payload has, in decimal, and in the header
// `total` how many its client has had counted so far, by this process.
//
// Messages run in parallel, and one that is tried again is counted again: a sum
// that has to be exact belongs into a store, under the idempotency_key.
class WordCount final : public msgproc::processor::Handler {
 public:
  absl::Status Handle(const msgproc::processor::HandlerContext& context,
                      const msgproc::processor::Message& message,
                      msgproc::processor::Reply* reply) override {
    if (message.payload.empty()) {
      return absl::InvalidArgumentError("There is nothing to count.");
    }
    uint64_t words = 0;
    bool in_word = false;
    for (const char c : message.payload) {
      const bool letter = c != ' ' && c != '\n' && c != '\t';
      if (letter && !in_word) ++words;
      in_word = letter;
    }
    *reply->mutable_payload() = std::to_string(words);
    reply->AddHeader("total",
                     std::to_string(Add(ClientOf(context.session()), words)));
    return absl::OkStatus();
  }

 private:
  // More clients than these are one.
  static constexpr size_t kMaxClients = 10'000;

  // By what it has proven to be where it has, otherwise by its session. The
  // prefixes keep a session from taking a principal's name.
  static std::string ClientOf(
      const msgproc::processor::SessionContext& session) {
    return session.principal.anonymous()
               ? "session " + session.session_id
               : "principal " + session.principal.name;
  }

  uint64_t Add(const std::string& client, uint64_t words) {
    msgproc::MutexLock lock(&mutex_);
    const bool full = totals_.size() >= kMaxClients;
    return totals_[full && totals_.count(client) == 0 ? "" : client] += words;
  }

  msgproc::Mutex mutex_;
  std::map<std::string, uint64_t> totals_ MSGPROC_GUARDED_BY(mutex_);
};

}  // namespace example

#endif  // MSGPROC_EXAMPLES_WORD_COUNT_WORD_COUNT_H_
