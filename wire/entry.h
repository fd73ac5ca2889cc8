#ifndef MSGPROC_WIRE_ENTRY_H_
#define MSGPROC_WIRE_ENTRY_H_

#include <cstdint>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "wire/entry_log.h"
#include "wire/frame.h"

// Writes messages and results as entries of a log: ProcessRequest.messages and
// ProcessResponse.results, encoded.
namespace msgproc::wire {

void AppendMessage(EntryLog* log, uint64_t sequence, absl::string_view payload,
                   absl::Span<const HeaderView> headers = {});

void AppendResult(EntryLog* log, uint64_t sequence, absl::string_view payload,
                  absl::Span<const HeaderView> headers = {});

// A Result that failed. `code` is a google.rpc.Code.
void AppendError(EntryLog* log, uint64_t sequence, int code,
                 absl::string_view message, bool retryable);

// An entry whose body is encoded already: a Message's or a Result's.
void AppendEncoded(EntryLog* log, absl::string_view body);
// The same with one more header.
void AppendEncodedWith(EntryLog* log, absl::string_view body,
                       const HeaderView& header);

// What follows copies entries, those behind the place of change, too.

// Puts `by` in the place of as many entries, from position `first` on, of which
// nobody has pieces, and leaves it empty.
void ReplaceEntries(EntryLog* log, uint64_t first, EntryLog* by);
// Puts the entries in `pieces` in front of the log, which holds what follows
// them; they begin at `first`.
void PrependEntries(EntryLog* log, uint64_t first,
                    absl::Span<const Piece> pieces);

}  // namespace msgproc::wire

#endif  // MSGPROC_WIRE_ENTRY_H_
