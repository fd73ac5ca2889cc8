#ifndef MSGPROC_SERVICES_PROCESSOR_WORKERS_MESSAGE_CURSOR_H_
#define MSGPROC_SERVICES_PROCESSOR_WORKERS_MESSAGE_CURSOR_H_

#include <cstddef>
#include <vector>

#include "absl/strings/string_view.h"
#include "wire/entry_log.h"

namespace msgproc::processor {

// Walks over the messages of a batch, which are encoded entries in pieces. A
// plain value; the pieces are the caller's, the same at every call.
class MessageCursor {
 public:
  // The encoded message here (without tag and length); moves behind it. There
  // must be one.
  absl::string_view Next(const std::vector<wire::Piece>& pieces);

  // Appends to `out` the pieces of the next `messages`, of all that are left
  // where there are fewer; moves behind them.
  void Take(const std::vector<wire::Piece>& pieces, size_t messages,
            std::vector<wire::Piece>* out);
  // Appends to `out` all that is left; does not move.
  void CopyRest(const std::vector<wire::Piece>& pieces,
                std::vector<wire::Piece>* out) const;

  // Whether nothing is left.
  bool Done(const std::vector<wire::Piece>& pieces) const {
    return piece_ == pieces.size() ||
           (piece_ + 1 == pieces.size() && offset_ == pieces[piece_].size);
  }

 private:
  size_t piece_ = 0;
  size_t offset_ = 0;
};

}  // namespace msgproc::processor

#endif  // MSGPROC_SERVICES_PROCESSOR_WORKERS_MESSAGE_CURSOR_H_
