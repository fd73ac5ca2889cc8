#include "services/processor/store/handler_statement.h"

#include <algorithm>
#include <cstddef>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/quoted.h"

namespace msgproc::processor {
namespace {

constexpr size_t kEnd = absl::string_view::npos;

// By their first word.
struct Refused {
  absl::string_view word;
  absl::string_view why;
};
constexpr absl::string_view kEnds = "the transaction ends with the result";
constexpr absl::string_view kOutlives = "it outlives the transaction";
constexpr Refused kRefused[] = {
    {"abort", kEnds},
    {"begin", kEnds},
    {"commit", kEnds},
    {"end", kEnds},
    {"rollback", kEnds},
    {"start", kEnds},
    {"prepare", kEnds},
    {"release", "the store sets its own savepoints"},
    {"savepoint", "the store sets its own savepoints"},
    {"copy", "it does not fit into a statement with parameters"},
    {"deallocate", "the store has its own prepared statements"},
    {"discard", "the store has its own prepared statements"},
    {"execute", "statements are prepared by themselves"},
    {"listen", kOutlives},
    {"unlisten", kOutlives},
    {"load", kOutlives},
    {"reset", "how the transaction is committed is the store's to say"},
    {"set", "how the transaction is committed is the store's to say"},
};

bool StartsWord(char c) {
  return absl::ascii_isalpha(static_cast<unsigned char>(c)) || c == '_' ||
         static_cast<unsigned char>(c) >= 0x80;
}

bool ContinuesWord(char c) {
  return StartsWord(c) || absl::ascii_isdigit(static_cast<unsigned char>(c)) ||
         c == '$';
}

// Where what stands at `at` ends that a quote encloses, doubled within;
// backslashes count in E'…'.
size_t EndOfQuoted(absl::string_view sql, size_t at, bool backslashes) {
  const char quote = sql[at];
  for (++at; at < sql.size(); ++at) {
    if (backslashes && sql[at] == '\\') {
      ++at;
    } else if (sql[at] == quote) {
      if (at + 1 < sql.size() && sql[at + 1] == quote) {
        ++at;
      } else {
        return at + 1;
      }
    }
  }
  return sql.size();
}

// Block comments nest in PostgreSQL. SQLite ends them at the first "*/"; then
// what follows is taken for a comment here, and only there for words.
size_t EndOfComment(absl::string_view sql, size_t at) {
  size_t depth = 0;
  while (at < sql.size()) {
    const absl::string_view two = sql.substr(at, 2);
    if (two == "/*") {
      ++depth;
      at += 2;
    } else if (two == "*/") {
      at += 2;
      if (--depth == 0) return at;
    } else {
      ++at;
    }
  }
  return sql.size();
}

// $tag$…$tag$; `at` where there is none.
size_t EndOfDollarQuoted(absl::string_view sql, size_t at) {
  const size_t close = sql.find('$', at + 1);
  if (close == kEnd) return at;
  const absl::string_view tag = sql.substr(at, close - at + 1);
  const absl::string_view name = tag.substr(1, tag.size() - 2);
  if (!name.empty() &&
      (!StartsWord(name[0]) ||
       !std::all_of(name.begin(), name.end(), ContinuesWord))) {
    return at;
  }
  const size_t end = sql.find(tag, close + 1);
  return end == kEnd ? sql.size() : end + tag.size();
}

}  // namespace

std::vector<std::string> WordsOf(absl::string_view sql) {
  std::vector<std::string> words;
  size_t at = 0;
  while (at < sql.size()) {
    const char c = sql[at];
    if (sql.substr(at, 2) == "--") {
      const size_t end = sql.find('\n', at);
      at = end == kEnd ? sql.size() : end;
    } else if (sql.substr(at, 2) == "/*") {
      at = EndOfComment(sql, at);
    } else if (c == '\'') {
      const bool escapes = at > 0 && (sql[at - 1] == 'e' || sql[at - 1] == 'E');
      at = EndOfQuoted(sql, at, escapes);
    } else if (c == '"') {
      const size_t end = EndOfQuoted(sql, at, false);
      words.push_back(absl::AsciiStrToLower(
          sql.substr(at + 1, std::max(end, at + 2) - at - 2)));
      at = end;
    } else if (c == '$') {
      at = std::max(EndOfDollarQuoted(sql, at), at + 1);
    } else if (StartsWord(c)) {
      size_t end = at;
      while (end < sql.size() && ContinuesWord(sql[end])) ++end;
      words.push_back(absl::AsciiStrToLower(sql.substr(at, end - at)));
      at = end;
    } else {
      ++at;
    }
  }
  return words;
}

absl::Status CheckPostgresStatement(absl::string_view sql) {
  const std::vector<std::string> words = WordsOf(sql);
  if (words.empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat(Quoted(sql), " is not a statement"));
  }
  for (const Refused& refused : kRefused) {
    if (words[0] != refused.word) continue;
    return absl::InvalidArgumentError(
        absl::StrCat(absl::AsciiStrToUpper(refused.word),
                     " is not for handlers: ", refused.why));
  }
  for (const std::string& word : words) {
    if (absl::StartsWith(word, "msgproc_")) {
      return absl::InvalidArgumentError(
          absl::StrCat("tables of the store, such as ", Quoted(word),
                       ", are not for handlers"));
    }
  }
  return absl::OkStatus();
}

absl::Status CheckSqliteStatement(absl::string_view sql) {
  const std::vector<std::string> words = WordsOf(sql);
  for (size_t i = 1; i < words.size(); ++i) {
    if (words[i] == "rollback" &&
        (words[i - 1] == "or" || words[i - 1] == "conflict")) {
      return absl::InvalidArgumentError(
          "OR ROLLBACK is not for handlers: it would undo what other messages "
          "did. OR ABORT, the default, undoes the statement");
    }
  }
  return absl::OkStatus();
}

}  // namespace msgproc::processor
