#ifndef MSGPROC_CLIENT_OUTBOX_FILE_H_
#define MSGPROC_CLIENT_OUTBOX_FILE_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/kept_session.h"
#include "client/outbox_state.h"
#include "sqlite/database.h"
#include "sqlite/lock_file.h"

namespace msgproc::client {

// An outbox's file: an SQLite database that no other process has open, for
// nobody else to read; a lock file beside it says whose it is. One row says
// which session it keeps, the others are its messages. Used by one thread at a
// time.
class OutboxFile {
 public:
  // Opens the file, or makes it, and the directories above it. It goes on with
  // the session that it has, or, where that has ended, begins `fresh`.
  // `named`: whether the caller insists on `fresh`'s id, and on its token.
  //
  // FAILED_PRECONDITION: another process has it, or a stream of this one; a
  // later release made it; it is another program's; its messages without a
  // result are of another handler or session. PERMISSION_DENIED,
  // RESOURCE_EXHAUSTED, UNAVAILABLE, INTERNAL: it cannot be used. Each names
  // the file and says what to do.
  struct Named {
    bool id = false;
    bool token = false;
  };
  static absl::StatusOr<std::unique_ptr<OutboxFile>> Open(
      const sqlite::Database::Options& file, const KeptSession& fresh,
      const Named& named);

  // What it has. Its messages are given away: once.
  KeptSession TakeSession();

  // Writes a group, whose messages these are, in one transaction: it is on disk
  // when this returns OK. Otherwise it is not or, UNKNOWN, that cannot be told;
  // nothing may be written after that. The text names the file and says what to
  // do. Never RESOURCE_EXHAUSTED, which is what a full window is.
  absl::Status Write(const OutboxState::Group& group,
                     const std::vector<KeptMessage>& messages);

  const std::string& path() const { return path_; }

 private:
  OutboxFile(std::string path, sqlite::LockFile lock,
             std::unique_ptr<sqlite::Database> database);

  absl::Status Load(const KeptSession& fresh, const Named& named);
  absl::Status Prepare();
  absl::Status ReadSession(bool* ended);
  absl::Status ReadMessages();
  absl::Status WriteAll(const OutboxState::Group& group,
                        const std::vector<KeptMessage>& messages);
  absl::Status Begin(const KeptSession& fresh);

  const std::string path_;
  const sqlite::LockFile lock_;
  const std::unique_ptr<sqlite::Database> database_;
  KeptSession session_;
};

}  // namespace msgproc::client

#endif  // MSGPROC_CLIENT_OUTBOX_FILE_H_
