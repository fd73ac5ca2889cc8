#include "services/processor/store/store_url.h"

#include <postgresql/libpq-fe.h>

#include <algorithm>
#include <cstddef>
#include <memory>
#include <string>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "common/quoted.h"

namespace msgproc::processor {
namespace {

constexpr absl::string_view kForms =
    "A store is \"sqlite:/path/to/sessions.db\" or "
    "\"postgresql://user@host/database\".";

// What is shown of a URL is what libpq calls one of these. Nothing else is, so
// that a password is not, whatever way it is written in.
constexpr absl::string_view kShown[] = {"host", "hostaddr", "port", "dbname",
                                        "user"};

constexpr absl::string_view kEncoding =
    "In a user's name and a password '%', '@', ':', '/' and '?' are written "
    "%25, %40, %3A, %2F and %3F.";

struct FreeOptions {
  void operator()(PQconninfoOption* options) const { PQconninfoFree(options); }
};
struct FreeText {
  void operator()(char* text) const { PQfreemem(text); }
};

// Whether libpq reads a password that has '@' or '/' in it as something else:
// it takes what is behind the first '@' for the host, and all of it for the
// host and the database if there is a '/' before.
bool PasswordIsMisread(absl::string_view rest) {
  const size_t end = rest.find_first_of("@/");
  if (end != absl::string_view::npos && rest[end] == '@') {
    rest.remove_prefix(end + 1);
  }
  return absl::StrContains(rest.substr(0, rest.find('?')), '@');
}

// Whether it is a name, and neither a connection string in the place of one nor
// what would not be a word of a line.
bool IsPlain(absl::string_view value) {
  return std::all_of(value.begin(), value.end(),
                     [](char c) { return absl::ascii_isgraph(c) && c != '='; });
}

std::string Description(const PQconninfoOption* options) {
  std::string shown = "postgresql";
  for (const absl::string_view keyword : kShown) {
    for (const PQconninfoOption* at = options; at->keyword != nullptr; ++at) {
      if (at->keyword != keyword || at->val == nullptr) continue;
      absl::StrAppend(&shown, " ", keyword, "=",
                      IsPlain(at->val) ? at->val : "…");
    }
  }
  return shown;
}

absl::StatusOr<StoreUrl> ParsePostgresUrl(std::string url,
                                          absl::string_view rest) {
  if (PasswordIsMisread(rest)) {
    return absl::InvalidArgumentError(absl::StrCat(
        "the store's URL has a '@' where no user's name ends. ", kEncoding));
  }
  char* said = nullptr;
  const std::unique_ptr<PQconninfoOption, FreeOptions> options(
      PQconninfoParse(url.c_str(), &said));
  const std::unique_ptr<char, FreeText> message(said);
  if (options == nullptr) {
    // Up to where it quotes the URL, which may be in the midst of a password.
    absl::string_view why = said == nullptr ? "out of memory" : said;
    why = absl::StripSuffix(
        absl::StripTrailingAsciiWhitespace(why.substr(0, why.find('"'))), ":");
    return absl::InvalidArgumentError(absl::StrCat(
        "libpq cannot read the store's URL (", why, "). ", kEncoding));
  }
  return StoreUrl{.kind = StoreUrl::Kind::kPostgres,
                  .target = std::move(url),
                  .description = Description(options.get())};
}

}  // namespace

absl::StatusOr<StoreUrl> ParseStoreUrl(absl::string_view url) {
  if (absl::string_view path = url; absl::ConsumePrefix(&path, "sqlite:")) {
    // As in a URL with an empty host.
    if (absl::StartsWith(path, "///")) path.remove_prefix(2);
    if (path.empty() || absl::EndsWith(path, "/")) {
      return absl::InvalidArgumentError(absl::StrCat(
          "the store ", Quoted(url), " does not name a file. ", kForms));
    }
    if (absl::StartsWith(path, "//")) {
      return absl::InvalidArgumentError(absl::StrCat(
          "the store ", Quoted(url),
          " names a host, and SQLite's files are local. ", kForms));
    }
    if (path == ":memory:") {
      return absl::InvalidArgumentError(
          absl::StrCat("the store ", Quoted(url),
                       " would be gone with the process. Either a file, or "
                       "\"memory\" if sessions need not outlive it."));
    }
    return StoreUrl{.kind = StoreUrl::Kind::kSqlite,
                    .target = std::string(path),
                    .description = absl::StrCat("sqlite:", path)};
  }
  for (absl::string_view scheme : {"postgresql", "postgres"}) {
    absl::string_view rest = url;
    if (!absl::ConsumePrefix(&rest, scheme)) continue;
    if (!absl::ConsumePrefix(&rest, "://")) continue;
    return ParsePostgresUrl(std::string(url), rest);
  }
  // It may well have a password that was meant for another scheme, or be no URL
  // but libpq's "host=db password=…".
  const absl::string_view kind = url.substr(0, url.find(':'));
  if (kind.size() == url.size() ||
      !std::all_of(kind.begin(), kind.end(), absl::ascii_isalnum)) {
    return absl::InvalidArgumentError(
        absl::StrCat("there is no kind of store before a ':'. ", kForms));
  }
  return absl::InvalidArgumentError(
      absl::StrCat("there is no kind of store ", Quoted(kind), ". ", kForms));
}

}  // namespace msgproc::processor
