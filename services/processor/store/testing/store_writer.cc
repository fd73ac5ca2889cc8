// Commits one message after another to a session of a store, with an effect
// each, and says which on standard output, until it is killed.
//
//   store_writer URL

#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <string>

#include "absl/strings/str_cat.h"
#include "services/processor/store/open_store.h"

namespace msgproc::processor {
namespace {

// An error, for which the program ends.
int Fail(const char* what, const absl::Status& status) {
  std::fprintf(stderr, "%s: %s\n", what, status.ToString().c_str());
  return 1;
}

int Run(const std::string& url) {
  const auto store = OpenSessionStore({.url = url});
  if (!store.ok()) return Fail("open", store.status());
  const auto connection = (*store)->Connect();
  if (!connection.ok()) return Fail("connect", connection.status());
  StoreConnection& c = **connection;
  Claim claim = {.session_id = "s",
                 .token_sha256 = std::string(32, 't'),
                 .principal = "ada",
                 .handler = "echo"};
  const auto claimed = c.ClaimSessions({claim});
  if (!claimed.ok()) return Fail("claim", claimed.status());
  if (!claimed->front().status.ok()) {
    return Fail("claim", claimed->front().status);
  }
  const uint64_t epoch = claimed->front().epoch;
  for (uint64_t i = claimed->front().committed_through + 1;; ++i) {
    if (auto status = c.Begin(); !status.ok()) return Fail("begin", status);
    const auto rows = c.transaction()->Execute(
        "INSERT INTO ledger (key, value) VALUES ($1, $2)",
        {absl::StrCat(i), std::string("effect")});
    if (!rows.ok()) return Fail("execute", rows.status());
    const auto written = c.Write({{.session_id = "s",
                                   .epoch = epoch,
                                   .first = i,
                                   .through = i,
                                   .results = std::string(i % 30'000, 'r')}});
    if (!written.ok()) return Fail("write", written.status());
    if (auto status = c.Commit(); !status.ok()) return Fail("commit", status);
    const std::string line = absl::StrCat(i, "\n");
    if (write(STDOUT_FILENO, line.data(), line.size()) < 0) return 1;
  }
}

}  // namespace
}  // namespace msgproc::processor

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  return msgproc::processor::Run(argv[1]);
}
