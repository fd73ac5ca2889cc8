#include "client/outbox_file.h"

#include <cstdint>
#include <utility>

#include "absl/memory/memory.h"
#include "absl/strings/str_cat.h"
#include "client/outbox_error.h"
#include "common/check.h"
#include "common/quoted.h"
#include "msgproc/v1/processor.pb.h"
#include "sqlite/private_file.h"
#include "sqlite/statement.h"

namespace msgproc::client {
namespace {

// Of the tables below, and the oldest release that may use them.
constexpr int64_t kSchemaVersion = 1;
constexpr int64_t kOldestReader = 1;

constexpr const char* kTables[] = {
    "CREATE TABLE msgproc_outbox ("
    " one INTEGER PRIMARY KEY CHECK (one = 1),"
    " schema_version INTEGER NOT NULL,"
    " oldest_reader INTEGER NOT NULL,"
    " session_id BLOB NOT NULL,"
    " session_token BLOB NOT NULL,"
    " handler TEXT NOT NULL,"
    " welcomed INTEGER NOT NULL,"
    " store_generation TEXT NOT NULL,"
    " received_through INTEGER NOT NULL,"
    " ended INTEGER NOT NULL)",
    // `headers`: a Message of the protocol with nothing else in it.
    "CREATE TABLE msgproc_outbox_messages ("
    " sequence INTEGER PRIMARY KEY,"
    " headers BLOB NOT NULL,"
    " payload BLOB NOT NULL)",
};

std::string EncodeHeaders(const KeptMessage& message) {
  if (message.headers.empty()) return "";
  v1::Message encoded;
  for (const auto& [key, value] : message.headers) {
    v1::Header* header = encoded.add_headers();
    header->set_key(key);
    header->set_value(value);
  }
  return encoded.SerializeAsString();
}

bool DecodeHeaders(const std::string& bytes, KeptMessage* message) {
  v1::Message encoded;
  if (!encoded.ParseFromString(bytes)) return false;
  for (const v1::Header& header : encoded.headers()) {
    message->headers.emplace_back(header.key(), header.value());
  }
  return true;
}

absl::Status NotAsLeft(absl::string_view what) {
  return absl::InternalError(
      absl::StrCat(what,
                   " is not as a client has left it: somebody else has written "
                   "there"));
}

// Why the messages that it has cannot go out on the stream that is asked for.
absl::Status CheckSame(const KeptSession& has, const KeptSession& wanted,
                       const OutboxFile::Named& named) {
  if (has.handler != wanted.handler) {
    return absl::FailedPreconditionError(
        absl::StrCat("it has messages for handler ", Quoted(has.handler),
                     ", and the stream is for ", Quoted(wanted.handler)));
  }
  if (named.id && has.session_id != wanted.session_id) {
    return absl::FailedPreconditionError(absl::StrCat(
        "it has messages of session ", Quoted(has.session_id),
        ", and the stream is to be session ", Quoted(wanted.session_id)));
  }
  if (named.token && has.session_token != wanted.session_token) {
    return absl::FailedPreconditionError(
        "it has messages of a session with another session_token");
  }
  return absl::OkStatus();
}

}  // namespace

OutboxFile::OutboxFile(std::string path, sqlite::LockFile lock,
                       std::unique_ptr<sqlite::Database> database)
    : path_(std::move(path)),
      lock_(std::move(lock)),
      database_(std::move(database)) {}

absl::StatusOr<std::unique_ptr<OutboxFile>> OutboxFile::Open(
    const sqlite::Database::Options& file, const KeptSession& fresh,
    const Named& named) {
  absl::Status status = sqlite::MakePrivateFile(file.path);
  if (!status.ok()) return OutboxOpenError(file.path, status);
  auto lock = sqlite::LockFile::Take(absl::StrCat(file.path, "-lock"));
  if (absl::IsFailedPrecondition(lock.status())) {
    return OutboxInUse(file.path, lock.status());
  }
  if (!lock.ok()) return OutboxOpenError(file.path, lock.status());
  auto database = sqlite::Database::Open(file);
  if (!database.ok()) return OutboxOpenError(file.path, database.status());
  auto outbox = absl::WrapUnique(
      new OutboxFile(file.path, *std::move(lock), *std::move(database)));
  status = outbox->database_->Begin();
  if (status.ok()) status = outbox->Load(fresh, named);
  if (status.ok()) {
    status = outbox->database_->Commit();
  } else {
    outbox->database_->Rollback();
  }
  if (!status.ok()) return OutboxOpenError(file.path, status);
  return outbox;
}

absl::Status OutboxFile::Load(const KeptSession& fresh, const Named& named) {
  absl::Status status = Prepare();
  bool ended = true;
  if (status.ok()) status = ReadSession(&ended);
  if (status.ok()) status = ReadMessages();
  if (!status.ok()) return status;
  if (ended) return Begin(fresh);
  status = CheckSame(session_, fresh, named);
  // Nothing binds it to what it was, then.
  if (!status.ok() && session_.messages.empty()) return Begin(fresh);
  return status;
}

absl::Status OutboxFile::Prepare() {
  bool there = false;
  int64_t others = 0;
  absl::Status status =
      database_->Query("SELECT name = 'msgproc_outbox' FROM sqlite_schema",
                       [&](const sqlite::Statement& row) {
                         there = there || row.integer(0) != 0;
                         ++others;
                       });
  if (!status.ok()) return status;
  if (!there && others > 0) {
    return absl::FailedPreconditionError("it is another program's database");
  }
  for (const char* table : kTables) {
    if (!there && status.ok()) status = database_->Run(table);
  }
  return status;
}

absl::Status OutboxFile::ReadSession(bool* ended) {
  absl::Status broken;
  absl::Status status = database_->Query(
      "SELECT schema_version, oldest_reader, session_id, session_token,"
      " handler, welcomed, store_generation, received_through, ended"
      " FROM msgproc_outbox",
      [&](const sqlite::Statement& row) {
        if (row.integer(1) > kSchemaVersion) {
          broken = absl::FailedPreconditionError(absl::StrCat(
              "it has tables of version ", row.integer(0),
              ", which need a client that knows version ", row.integer(1),
              "; this one knows version ", kSchemaVersion));
        } else if (row.integer(7) < 0) {
          broken = NotAsLeft("the session");
        }
        session_.session_id = row.bytes(2);
        session_.session_token = row.bytes(3);
        session_.handler = row.bytes(4);
        // Results come from a server that has sent Welcome.
        session_.welcomed = row.integer(5) != 0 || row.integer(7) != 0;
        session_.store_generation = row.bytes(6);
        session_.received_through = static_cast<uint64_t>(row.integer(7));
        *ended = row.integer(8) != 0;
      });
  return status.ok() ? broken : status;
}

absl::Status OutboxFile::ReadMessages() {
  absl::Status broken;
  absl::Status status = database_->Query(
      "SELECT sequence, headers, payload FROM msgproc_outbox_messages"
      " ORDER BY sequence",
      [&](const sqlite::Statement& row) {
        const auto sequence = static_cast<uint64_t>(row.integer(0));
        KeptMessage& message = session_.messages.emplace_back();
        message.payload = row.bytes(2);
        if (sequence != session_.last_sequence() ||
            !DecodeHeaders(row.bytes(1), &message)) {
          broken = NotAsLeft(absl::StrCat("message ", sequence));
        }
      });
  return status.ok() ? broken : status;
}

absl::Status OutboxFile::Begin(const KeptSession& fresh) {
  session_ = fresh;
  absl::Status status = database_->Run("DELETE FROM msgproc_outbox_messages");
  if (!status.ok()) return status;
  return database_->Run(
      "INSERT OR REPLACE INTO msgproc_outbox VALUES"
      " (1, $1, $2, $3, $4, $5, 0, '', 0, 0)",
      kSchemaVersion, kOldestReader, absl::string_view(fresh.session_id),
      absl::string_view(fresh.session_token), sqlite::Text{fresh.handler});
}

KeptSession OutboxFile::TakeSession() { return std::move(session_); }

absl::Status OutboxFile::Write(const OutboxState::Group& group,
                               const std::vector<KeptMessage>& messages) {
  MSGPROC_CHECK_EQ(messages.size(), group.messages());
  absl::Status status = database_->Begin();
  if (status.ok()) status = WriteAll(group, messages);
  if (status.ok()) {
    status = database_->Commit();
  } else {
    database_->Rollback();
  }
  if (!status.ok()) return OutboxWriteError(path_, status);
  database_->CheckpointIfLarge();
  return absl::OkStatus();
}

absl::Status OutboxFile::WriteAll(const OutboxState::Group& group,
                                  const std::vector<KeptMessage>& messages) {
  absl::Status status;
  uint64_t sequence = group.first;
  for (const KeptMessage& message : messages) {
    const std::string headers = EncodeHeaders(message);
    status = database_->Run(
        "INSERT INTO msgproc_outbox_messages VALUES ($1, $2, $3)", sequence++,
        absl::string_view(headers), absl::string_view(message.payload));
    if (!status.ok()) return status;
  }
  if (group.results != 0) {
    status = database_->Run(
        "DELETE FROM msgproc_outbox_messages WHERE sequence <= $1",
        group.results);
    if (!status.ok()) return status;
    status = database_->Run("UPDATE msgproc_outbox SET received_through = $1",
                            group.results);
    if (!status.ok()) return status;
  }
  if (group.welcomed) {
    status = database_->Run(
        "UPDATE msgproc_outbox SET welcomed = 1, store_generation = $1",
        sqlite::Text{group.store_generation});
    if (!status.ok()) return status;
  }
  if (!group.ended) return status;
  return database_->Run("UPDATE msgproc_outbox SET ended = 1");
}

}  // namespace msgproc::client
