#include "services/processor/store/store_url.h"

#include <cstddef>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "common/quoted.h"

namespace msgproc::processor {
namespace {

constexpr absl::string_view kForms =
    "A store is \"sqlite:/path/to/sessions.db\" or "
    "\"postgresql://user@host/database\".";

// What may hold a password: between ':' and '@' of the authority, and in the
// parameters `password` and `sslpassword`. A password may hold a '@', '/' or
// '?' by mistake, so all up to the last '@' goes, wherever that is; so does a
// parameter that libpq would read another way than it looks.
std::string WithoutPasswords(absl::string_view scheme, absl::string_view rest) {
  std::string shown = absl::StrCat(scheme, "://");
  if (const size_t at = rest.rfind('@'); at != absl::string_view::npos) {
    const absl::string_view user = rest.substr(0, rest.find_first_of(":/?@"));
    absl::StrAppend(&shown, user, user.size() < at ? ":…" : "");
    rest.remove_prefix(at);
  }
  const size_t query = rest.find('?');
  absl::StrAppend(&shown, rest.substr(0, query));
  if (query == absl::string_view::npos) return shown;
  char separator = '?';
  for (absl::string_view parameter :
       absl::StrSplit(rest.substr(query + 1), '&')) {
    const size_t equals = parameter.find('=');
    const absl::string_view name = parameter.substr(0, equals);
    shown.push_back(separator);
    separator = '&';
    if (equals == absl::string_view::npos) {
      absl::StrAppend(&shown, "…");
    } else if (absl::EndsWithIgnoreCase(name, "password") ||
               absl::StrContains(name, '%')) {
      absl::StrAppend(&shown, name, "=…");
    } else {
      absl::StrAppend(&shown, parameter);
    }
  }
  return shown;
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
    return StoreUrl{.kind = StoreUrl::Kind::kPostgres,
                    .target = std::string(url),
                    .description = WithoutPasswords(scheme, rest)};
  }
  // It may well have a password that was meant for another scheme.
  return absl::InvalidArgumentError(
      absl::StrCat("there is no kind of store ",
                   Quoted(url.substr(0, url.find(':'))), ". ", kForms));
}

}  // namespace msgproc::processor
