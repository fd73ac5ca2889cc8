#ifndef MSGPROC_EXAMPLES_WORD_COUNT_WORD_COUNT_H_
#define MSGPROC_EXAMPLES_WORD_COUNT_WORD_COUNT_H_

#include <string>

#include "services/processor/handlers/handler.h"

namespace example {

// Answers how many words a message's payload has, in decimal.
class WordCount final : public msgproc::processor::Handler {
 public:
  absl::Status Handle(const msgproc::processor::Message& message,
                      msgproc::processor::Reply* reply) override {
    if (message.payload.empty()) {
      return absl::InvalidArgumentError("There is nothing to count.");
    }
    int words = 0;
    bool in_word = false;
    for (const char c : message.payload) {
      const bool letter = c != ' ' && c != '\n' && c != '\t';
      if (letter && !in_word) ++words;
      in_word = letter;
    }
    *reply->mutable_payload() = std::to_string(words);
    return absl::OkStatus();
  }
};

}  // namespace example

#endif  // MSGPROC_EXAMPLES_WORD_COUNT_WORD_COUNT_H_
