#include "services/processor/workers/message_cursor.h"

#include <cstdint>

#include "common/check.h"

namespace msgproc::processor {

absl::string_view MessageCursor::Next(const std::vector<wire::Piece>& pieces) {
  MSGPROC_CHECK(!Done(pieces));
  if (offset_ == pieces[piece_].size) {
    ++piece_;
    offset_ = 0;
  }
  // Entries were written by this process, with a tag of one byte.
  const char* const entry = pieces[piece_].data + offset_;
  const char* at = entry + 1;
  uint64_t size = 0;
  for (int shift = 0;; shift += 7) {
    const auto byte = static_cast<uint8_t>(*at++);
    size |= static_cast<uint64_t>(byte & 0x7f) << shift;
    if (byte < 0x80) break;
  }
  offset_ += static_cast<size_t>(at - entry) + size;
  MSGPROC_CHECK_LE(offset_, pieces[piece_].size);
  return absl::string_view(at, size);
}

void MessageCursor::Take(const std::vector<wire::Piece>& pieces,
                         size_t messages, std::vector<wire::Piece>* out) {
  for (size_t i = 0; i < messages && !Done(pieces); ++i) {
    if (offset_ == pieces[piece_].size) {
      ++piece_;
      offset_ = 0;
    }
    const wire::Piece& piece = pieces[piece_];
    const char* const begin = piece.data + offset_;
    Next(pieces);
    const auto size = static_cast<size_t>(piece.data + offset_ - begin);
    if (i > 0 && out->back().data + out->back().size == begin) {
      out->back().size += size;
    } else {
      out->push_back({piece.segment, begin, size});
    }
  }
}

void MessageCursor::CopyRest(const std::vector<wire::Piece>& pieces,
                             std::vector<wire::Piece>* out) const {
  size_t offset = offset_;
  for (size_t i = piece_; i < pieces.size(); ++i) {
    const wire::Piece& piece = pieces[i];
    if (offset < piece.size) {
      out->push_back({piece.segment, piece.data + offset, piece.size - offset});
    }
    offset = 0;
  }
}

}  // namespace msgproc::processor
