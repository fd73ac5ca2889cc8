// An outbox whose rows somebody has written to: the client refuses it, or goes
// on with what it has. It never ends the program that uses it.
#include <sqlite3.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "absl/strings/string_view.h"
#include "client/kept_session.h"
#include "client/outbox_file.h"
#include "client/session.h"
#include "common/check.h"
#include "common/utf8.h"
#include "services/base/testing/socket_folder.h"
#include "sqlite/database.h"
#include "tests/fuzz/input.h"

namespace msgproc::fuzz {
namespace {

constexpr int kMostMessages = 8;

client::KeptSession Fresh() {
  client::KeptSession session;
  session.session_id = "till-7";
  session.session_token = "0123456789abcdef";
  session.handler = "echo";
  return session;
}

// Nothing here outlives the process: waits for no disk.
sqlite::Database::Options FileIn(const base::SocketFolder& folder) {
  return {.path = folder / "outbox", .synchronous = false};
}

// A value of one of SQLite's types, as `$number`.
void Bind(sqlite3_stmt* statement, int number, Input* input) {
  switch (input->Byte() % 5) {
    case 0:
      sqlite3_bind_int64(statement, number,
                         static_cast<sqlite3_int64>(input->Number()));
      return;
    case 1: {
      const absl::string_view text = input->Text();
      sqlite3_bind_text(statement, number, text.data(),
                        static_cast<int>(text.size()), SQLITE_TRANSIENT);
      return;
    }
    case 2: {
      const absl::string_view blob = input->Text();
      sqlite3_bind_blob(statement, number, blob.empty() ? "" : blob.data(),
                        static_cast<int>(blob.size()), SQLITE_TRANSIENT);
      return;
    }
    case 3:
      sqlite3_bind_double(statement, number,
                          static_cast<double>(input->Byte()) / 3);
      return;
    default:
      // What the column has already, or its like.
      sqlite3_bind_int64(statement, number, input->Byte() % 4);
  }
}

// A statement that SQLite does not take changes nothing.
void Run(sqlite3* database, const char* sql, Input* input) {
  sqlite3_stmt* statement = nullptr;
  MSGPROC_CHECK_EQ(sqlite3_prepare_v2(database, sql, -1, &statement, nullptr),
                   SQLITE_OK);
  for (int i = 1; i <= sqlite3_bind_parameter_count(statement); ++i) {
    Bind(statement, i, input);
  }
  sqlite3_step(statement);
  sqlite3_finalize(statement);
}

void Write(const base::SocketFolder& folder, Input* input) {
  const auto database = sqlite::Database::Open(FileIn(folder));
  MSGPROC_CHECK(database.ok());
  sqlite3* const handle = (*database)->handle();
  Run(handle, "BEGIN", input);
  // As one that has begun, whatever was written there before.
  Run(handle, "DELETE FROM msgproc_outbox_messages", input);
  Run(handle,
      "INSERT OR REPLACE INTO msgproc_outbox VALUES (1, 1, 1, x'74', "
      "x'30313233343536373839616263646566', 'echo', 0, '', 0, 0)",
      input);
  const uint8_t columns = input->Byte();
  if ((columns & 1) != 0) {
    Run(handle, "UPDATE msgproc_outbox SET schema_version = $1", input);
  }
  if ((columns & 2) != 0) {
    Run(handle, "UPDATE msgproc_outbox SET oldest_reader = $1", input);
  }
  if ((columns & 4) != 0) {
    Run(handle, "UPDATE msgproc_outbox SET session_id = $1", input);
  }
  if ((columns & 8) != 0) {
    Run(handle, "UPDATE msgproc_outbox SET session_token = $1", input);
  }
  if ((columns & 16) != 0) {
    Run(handle, "UPDATE msgproc_outbox SET welcomed = $1", input);
  }
  if ((columns & 32) != 0) {
    Run(handle, "UPDATE msgproc_outbox SET store_generation = $1", input);
  }
  if ((columns & 64) != 0) {
    Run(handle, "UPDATE msgproc_outbox SET received_through = $1", input);
  }
  if ((columns & 128) != 0) {
    Run(handle, "UPDATE msgproc_outbox SET handler = $1", input);
  }
  for (int i = 0; i < kMostMessages && !input->empty(); ++i) {
    Run(handle, "INSERT INTO msgproc_outbox_messages VALUES ($1, $2, $3)",
        input);
  }
  Run(handle, "COMMIT", input);
}

void GoOn(const client::KeptSession& kept) {
  for (const client::KeptMessage& message : kept.messages) {
    for (const auto& [key, value] : message.headers) {
      MSGPROC_CHECK(IsUtf8(key));
    }
  }
  client::Session::Options options;
  options.kept = &kept;
  client::Session session(options);
  MSGPROC_CHECK_EQ(session.window().next_sequence(), kept.last_sequence() + 1);
  client::Session::Write write;
  session.OnOpen(absl::UnixEpoch(), &write);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const auto* const folder = new base::SocketFolder;
  static const bool made =
      client::OutboxFile::Open(FileIn(*folder), Fresh(), {}).ok();
  MSGPROC_CHECK(made);
  Input input(data, size);
  Write(*folder, &input);
  const auto outbox = client::OutboxFile::Open(FileIn(*folder), Fresh(), {});
  if (outbox.ok()) {
    GoOn((*outbox)->TakeSession());
  } else {
    MSGPROC_CHECK(!outbox.status().message().empty());
  }
  return 0;
}

}  // namespace msgproc::fuzz
