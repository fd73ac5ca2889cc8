#include "wire/entry.h"

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <utility>
#include <vector>

#include "common/check.h"
#include "wire/coding.h"

namespace msgproc::wire {
namespace {

// `messages` and `results` have the same number, and so have their first three
// fields: a Message's body is a Result's.
constexpr uint32_t kEntryTag = Tag(2, WireType::kLengthDelimited);
constexpr uint32_t kSequenceTag = Tag(1, WireType::kVarint);
constexpr uint32_t kPayloadTag = Tag(2, WireType::kLengthDelimited);
constexpr uint32_t kHeaderTag = Tag(3, WireType::kLengthDelimited);
constexpr uint32_t kErrorTag = Tag(4, WireType::kLengthDelimited);
constexpr uint32_t kKeyTag = Tag(1, WireType::kLengthDelimited);
constexpr uint32_t kValueTag = Tag(2, WireType::kLengthDelimited);
constexpr uint32_t kCodeTag = Tag(1, WireType::kVarint);
constexpr uint32_t kTextTag = Tag(2, WireType::kLengthDelimited);
constexpr uint32_t kRetryableTag = Tag(3, WireType::kVarint);

size_t SequenceSize(uint64_t sequence) {
  return sequence == 0 ? 0 : 1 + VarintSize(sequence);
}

char* PutSequence(char* to, uint64_t sequence) {
  if (sequence == 0) return to;
  *to++ = static_cast<char>(kSequenceTag);
  return PutVarint(to, sequence);
}

size_t HeaderSize(const HeaderView& header) {
  return BytesFieldSize(header.key.size()) +
         BytesFieldSize(header.value.size());
}

char* PutHeader(char* to, const HeaderView& header) {
  *to++ = static_cast<char>(kHeaderTag);
  to = PutVarint(to, HeaderSize(header));
  to = PutBytes(to, kKeyTag, header.key);
  return PutBytes(to, kValueTag, header.value);
}

inline char* BeginEntry(EntryLog* log, size_t body) {
  char* to = log->Append(BytesFieldSize(body));
  *to++ = static_cast<char>(kEntryTag);
  return PutVarint(to, body);
}

void AppendPlain(EntryLog* log, uint64_t sequence, absl::string_view payload,
                 absl::Span<const HeaderView> headers) {
  size_t body = SequenceSize(sequence) +
                (payload.empty() ? 0 : BytesFieldSize(payload.size()));
  for (const HeaderView& header : headers) {
    body += BytesFieldSize(HeaderSize(header));
  }
  char* to = PutSequence(BeginEntry(log, body), sequence);
  if (!payload.empty()) to = PutBytes(to, kPayloadTag, payload);
  for (const HeaderView& header : headers) to = PutHeader(to, header);
}

}  // namespace

void AppendMessage(EntryLog* log, uint64_t sequence, absl::string_view payload,
                   absl::Span<const HeaderView> headers) {
  AppendPlain(log, sequence, payload, headers);
}

void AppendResult(EntryLog* log, uint64_t sequence, absl::string_view payload,
                  absl::Span<const HeaderView> headers) {
  AppendPlain(log, sequence, payload, headers);
}

void AppendError(EntryLog* log, uint64_t sequence, int code,
                 absl::string_view message, bool retryable) {
  const size_t error = 1 + VarintSize(static_cast<uint64_t>(code)) +
                       BytesFieldSize(message.size()) + (retryable ? 2 : 0);
  char* to = PutSequence(
      BeginEntry(log, SequenceSize(sequence) + BytesFieldSize(error)),
      sequence);
  *to++ = static_cast<char>(kErrorTag);
  to = PutVarint(to, error);
  *to++ = static_cast<char>(kCodeTag);
  to = PutVarint(to, static_cast<uint64_t>(code));
  to = PutBytes(to, kTextTag, message);
  if (retryable) {
    *to++ = static_cast<char>(kRetryableTag);
    *to = 1;
  }
}

void AppendEncoded(EntryLog* log, absl::string_view body) {
  char* to = BeginEntry(log, body.size());
  if (!body.empty()) std::memcpy(to, body.data(), body.size());
}

void AppendEncodedWith(EntryLog* log, absl::string_view body,
                       const HeaderView& header) {
  char* to = BeginEntry(log, body.size() + BytesFieldSize(HeaderSize(header)));
  if (!body.empty()) std::memcpy(to, body.data(), body.size());
  PutHeader(to + body.size(), header);
}

namespace {

void AppendCopies(EntryLog* log, absl::Span<const Piece> pieces) {
  for (const Piece& piece : pieces) {
    FieldReader reader(absl::string_view(piece.data, piece.size));
    while (!reader.Done()) {
      uint32_t tag = 0;
      absl::string_view body;
      const bool read = reader.ReadTag(&tag) && reader.ReadBytes(&body);
      MSGPROC_CHECK(read);
      AppendEncoded(log, body);
    }
  }
}

void AppendRest(EntryLog* log, const EntryLog& from, uint64_t position) {
  std::vector<Piece> pieces;
  EntryLog::Cursor cursor = from.At(position);
  from.Take(&cursor, UINT64_MAX, SIZE_MAX, &pieces);
  AppendCopies(log, pieces);
}

}  // namespace

void ReplaceEntries(EntryLog* log, uint64_t first, EntryLog* by) {
  EntryLog rest;
  AppendRest(&rest, *log, first + by->next_position() - by->first_position());
  log->Truncate(first);
  log->Splice(by);
  log->Splice(&rest);
}

void PrependEntries(EntryLog* log, uint64_t first,
                    absl::Span<const Piece> pieces) {
  EntryLog whole(first);
  AppendCopies(&whole, pieces);
  MSGPROC_CHECK_EQ(whole.next_position(), log->first_position());
  AppendRest(&whole, *log, log->first_position());
  *log = std::move(whole);
}

}  // namespace msgproc::wire
