#include "sqlite/testing/power_loss_disk.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "common/check.h"

namespace msgproc::sqlite {
namespace {

// What a drive writes whole or not at all.
constexpr size_t kSector = 512;

}  // namespace

struct PowerLossDisk::Calls {
  static PowerLossDisk& DiskOf(sqlite3_vfs* vfs) {
    return *static_cast<PowerLossDisk*>(vfs->pAppData);
  }
  static Handle& HandleOf(sqlite3_file* file) {
    return *static_cast<Handle*>(file);
  }

  static int Open(sqlite3_vfs* vfs, const char* name, sqlite3_file* file,
                  int flags, int* out_flags) {
    static constexpr sqlite3_io_methods kMethods = {
        .iVersion = 1,
        .xClose = [](sqlite3_file*) { return SQLITE_OK; },
        .xRead = Read,
        .xWrite = Write,
        .xTruncate = Truncate,
        .xSync = Sync,
        .xFileSize = FileSize,
        .xLock = [](sqlite3_file*, int) { return SQLITE_OK; },
        .xUnlock = [](sqlite3_file*, int) { return SQLITE_OK; },
        .xCheckReservedLock =
            [](sqlite3_file*, int* out) {
              *out = 0;
              return SQLITE_OK;
            },
        .xFileControl = [](sqlite3_file*, int,
                           void*) { return SQLITE_NOTFOUND; },
        .xSectorSize = [](sqlite3_file*) { return static_cast<int>(kSector); },
        // As SQLite's own VFS says of every disk.
        .xDeviceCharacteristics =
            [](sqlite3_file*) { return SQLITE_IOCAP_POWERSAFE_OVERWRITE; },
    };
    PowerLossDisk& disk = DiskOf(vfs);
    Handle& handle = HandleOf(file);
    handle.pMethods = &kMethods;
    handle.disk = &disk;
    std::unique_ptr<File>* slot = nullptr;
    if (name == nullptr) {
      slot = &disk.nameless_.emplace_back();
    } else {
      slot = &disk.files_[name];
    }
    if (*slot == nullptr) *slot = std::make_unique<File>();
    handle.file = slot->get();
    if (out_flags != nullptr) *out_flags = flags;
    return SQLITE_OK;
  }

  static int Delete(sqlite3_vfs* vfs, const char* name, int sync_directory) {
    PowerLossDisk& disk = DiskOf(vfs);
    if (!disk.Works()) return SQLITE_IOERR_DELETE;
    return disk.files_.erase(name) == 1 ? SQLITE_OK : SQLITE_IOERR_DELETE_NOENT;
  }

  static int Access(sqlite3_vfs* vfs, const char* name, int flags, int* out) {
    *out = DiskOf(vfs).files_.contains(name) ? 1 : 0;
    return SQLITE_OK;
  }

  static int FullPathname(sqlite3_vfs* vfs, const char* name, int size,
                          char* out) {
    sqlite3_snprintf(size, out, "%s", name);
    return SQLITE_OK;
  }

  static int Read(sqlite3_file* file, void* out, int amount,
                  sqlite3_int64 offset) {
    Handle& handle = HandleOf(file);
    if (handle.disk->left_ <= 0) return SQLITE_IOERR_READ;
    const std::string& now = handle.file->now;
    const size_t from = std::min<size_t>(offset, now.size());
    const size_t there = std::min<size_t>(amount, now.size() - from);
    std::memcpy(out, now.data() + from, there);
    std::memset(static_cast<char*>(out) + there, 0, amount - there);
    return there == static_cast<size_t>(amount) ? SQLITE_OK
                                                : SQLITE_IOERR_SHORT_READ;
  }

  static int Do(sqlite3_file* file, Operation operation, int error) {
    Handle& handle = HandleOf(file);
    if (!handle.disk->Works()) return error;
    Apply(operation, &handle.file->now);
    handle.file->since.push_back(std::move(operation));
    return SQLITE_OK;
  }

  static int Write(sqlite3_file* file, const void* bytes, int amount,
                   sqlite3_int64 offset) {
    if (HandleOf(file).disk->full_) return SQLITE_FULL;
    return Do(file,
              {.offset = static_cast<size_t>(offset),
               .bytes = std::string(static_cast<const char*>(bytes),
                                    static_cast<size_t>(amount))},
              SQLITE_IOERR_WRITE);
  }

  static int Truncate(sqlite3_file* file, sqlite3_int64 size) {
    return Do(file, {.offset = static_cast<size_t>(size), .truncates = true},
              SQLITE_IOERR_TRUNCATE);
  }

  static int Sync(sqlite3_file* file, int flags) {
    Handle& handle = HandleOf(file);
    if (!handle.disk->Works()) {
      for (const Operation& operation : handle.file->since) {
        handle.disk->ForgetSome(operation, &handle.file->synced);
      }
      handle.file->since.clear();
      return SQLITE_IOERR_FSYNC;
    }
    for (const Operation& operation : handle.file->since) {
      Apply(operation, &handle.file->synced);
    }
    handle.file->since.clear();
    handle.file->durable = true;
    ++handle.disk->syncs_;
    return SQLITE_OK;
  }

  static int FileSize(sqlite3_file* file, sqlite3_int64* out) {
    *out = static_cast<sqlite3_int64>(HandleOf(file).file->now.size());
    return SQLITE_OK;
  }
};

PowerLossDisk::PowerLossDisk(std::string name, uint64_t seed)
    : name_(std::move(name)), random_(seed) {
  const sqlite3_vfs* const usual = sqlite3_vfs_find(nullptr);
  MSGPROC_CHECK(usual != nullptr);
  // Clock and randomness are the usual ones.
  vfs_ = *usual;
  vfs_.iVersion = 2;
  vfs_.szOsFile = sizeof(Handle);
  vfs_.zName = name_.c_str();
  vfs_.pNext = nullptr;
  vfs_.pAppData = this;
  vfs_.xOpen = &Calls::Open;
  vfs_.xDelete = &Calls::Delete;
  vfs_.xAccess = &Calls::Access;
  vfs_.xFullPathname = &Calls::FullPathname;
  MSGPROC_CHECK_EQ(sqlite3_vfs_register(&vfs_, 0), SQLITE_OK);
}

PowerLossDisk::~PowerLossDisk() { sqlite3_vfs_unregister(&vfs_); }

bool PowerLossDisk::Works() {
  if (left_ == kNever) return true;
  if (left_ > 0) --left_;
  return left_ > 0;
}

void PowerLossDisk::Apply(const Operation& operation, std::string* to) {
  if (operation.truncates) {
    to->resize(operation.offset);
    return;
  }
  const size_t end = operation.offset + operation.bytes.size();
  if (to->size() < end) to->resize(end);
  to->replace(operation.offset, operation.bytes.size(), operation.bytes);
}

void PowerLossDisk::ForgetSome(const Operation& operation, std::string* to) {
  if (operation.truncates) {
    if (random_() % 2 == 0) Apply(operation, to);
    return;
  }
  size_t at = 0;
  while (at < operation.bytes.size()) {
    const size_t start = operation.offset + at;
    const size_t size =
        std::min(operation.bytes.size() - at, kSector - start % kSector);
    if (random_() % 2 == 0) {
      Apply({.offset = start, .bytes = operation.bytes.substr(at, size)}, to);
    }
    at += size;
  }
}

void PowerLossDisk::RestorePower() {
  left_ = kNever;
  for (auto it = files_.begin(); it != files_.end();) {
    File& file = *it->second;
    if (!file.durable && random_() % 2 == 0) {
      it = files_.erase(it);
      continue;
    }
    // Sometimes nothing at all of it, sometimes all.
    const uint64_t what = random_() % 4;
    for (const Operation& operation : file.since) {
      if (what == 1) Apply(operation, &file.synced);
      if (what > 1) ForgetSome(operation, &file.synced);
    }
    file.since.clear();
    file.now = file.synced;
    file.durable = true;
    ++it;
  }
}

}  // namespace msgproc::sqlite
