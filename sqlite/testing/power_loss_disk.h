#ifndef MSGPROC_SQLITE_TESTING_POWER_LOSS_DISK_H_
#define MSGPROC_SQLITE_TESTING_POWER_LOSS_DISK_H_

#include <sqlite3.h>

#include <cstddef>
#include <cstdint>
#include <limits>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <vector>

namespace msgproc::sqlite {

// A disk for SQLite, in memory, that forgets what was not synced when the power
// goes: of the writes since then any sectors may be there and others not, in
// whatever order they were made (as file systems and drives with caches do). A
// sync that fails forgets, too, and the next one does not know (as on Linux:
// "PostgreSQL's fsyncgate"); until the power goes, what was written is read.
// Registered as the VFS `name` while it lives. Not thread-safe.
class PowerLossDisk {
 public:
  PowerLossDisk(std::string name, uint64_t seed);
  PowerLossDisk(const PowerLossDisk&) = delete;
  PowerLossDisk& operator=(const PowerLossDisk&) = delete;
  ~PowerLossDisk();

  const char* name() const { return name_.c_str(); }

  // From the write, truncation or sync after so many on, everything fails.
  void FailAfter(int operations) { left_ = operations; }

  // From now on nothing more can be written: there is no room.
  void FillUp() { full_ = true; }

  // With the files closed: goes on with what the operating system has, as when
  // the process was killed,
  void RestartProcess() { left_ = kNever; }
  // or with what is on the disk.
  void RestorePower();

  uint64_t syncs() const { return syncs_; }

 private:
  static constexpr int kNever = std::numeric_limits<int>::max();

  // What was done to a file since it was synced.
  struct Operation {
    size_t offset = 0;
    std::string bytes;
    bool truncates = false;
  };
  struct File {
    std::string now;
    std::string synced;
    // Its name is on the disk.
    bool durable = false;
    std::vector<Operation> since;
  };
  // What SQLite has of a file that is open.
  struct Handle : sqlite3_file {
    PowerLossDisk* disk;
    File* file;
  };
  // sqlite3_vfs' and sqlite3_io_methods' functions.
  struct Calls;

  static void Apply(const Operation& operation, std::string* to);
  bool Works();
  void ForgetSome(const Operation& operation, std::string* to);

  const std::string name_;
  std::mt19937_64 random_;
  int left_ = kNever;
  bool full_ = false;
  uint64_t syncs_ = 0;
  std::map<std::string, std::unique_ptr<File>> files_;
  // Without a name: gone when they are closed, kept until the end.
  std::vector<std::unique_ptr<File>> nameless_;
  sqlite3_vfs vfs_ = {};
};

}  // namespace msgproc::sqlite

#endif  // MSGPROC_SQLITE_TESTING_POWER_LOSS_DISK_H_
