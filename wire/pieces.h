#ifndef MSGPROC_WIRE_PIECES_H_
#define MSGPROC_WIRE_PIECES_H_

#include <cstddef>
#include <string>

#include "absl/types/span.h"
#include "wire/entry_log.h"

namespace msgproc::wire {

// Appends what the pieces hold, one behind the other.
inline void AppendPieces(absl::Span<const Piece> pieces, std::string* to) {
  size_t bytes = to->size();
  for (const Piece& piece : pieces) bytes += piece.size;
  to->reserve(bytes);
  for (const Piece& piece : pieces) to->append(piece.data, piece.size);
}

}  // namespace msgproc::wire

#endif  // MSGPROC_WIRE_PIECES_H_
