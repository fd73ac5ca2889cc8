#ifndef MSGPROC_SERVICES_BASE_IDENTITY_RELOADED_VALUE_H_
#define MSGPROC_SERVICES_BASE_IDENTITY_RELOADED_VALUE_H_

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "common/mutex.h"
#include "services/base/file_text.h"
#include "services/base/reloaded_files.h"

namespace msgproc::base {

// What is in one file, read as a Value, and whoever wants to know of another
// one. A file that changes is taken anew when it is good; otherwise the value
// stays, and log and metrics say why (ReloadedFiles). Thread-safe.
template <typename Value>
class ReloadedValue {
 public:
  using Parse = std::function<absl::StatusOr<Value>(const FileText& file)>;

  // Reads the file of the flag `name`; an empty path is no file. NOT_FOUND,
  // PERMISSION_DENIED or what `parse` says, naming the flag.
  static absl::StatusOr<std::shared_ptr<ReloadedValue>> Load(
      const std::string& name, const std::string& path, Parse parse,
      absl::Time now) {
    std::shared_ptr<ReloadedValue> made(new ReloadedValue(std::move(parse)));
    if (path.empty()) return made;
    made->files_ = std::make_shared<ReloadedFiles>(
        name, std::vector<std::string>{path},
        [weak = std::weak_ptr<ReloadedValue>(made)](
            const std::vector<FileText>& files,
            absl::Time /*now*/) -> absl::StatusOr<absl::Time> {
          const std::shared_ptr<ReloadedValue> self = weak.lock();
          if (self == nullptr) return absl::CancelledError();
          return self->Take(files.at(0));
        });
    if (absl::Status loaded = made->files_->Load(now); !loaded.ok()) {
      return absl::Status(loaded.code(),
                          absl::StrCat("--", name, ": ", loaded.message()));
    }
    return made;
  }

  // Null: there is no file.
  std::shared_ptr<const Value> Current() const {
    MutexLock lock(&mutex_);
    return value_;
  }

  // To be looked at now and then; none without a file.
  std::vector<std::shared_ptr<ReloadedFiles>> files() const {
    if (files_ == nullptr) return {};
    return {files_};
  }
  bool has_file() const { return files_ != nullptr; }

  // Calls `changed` whenever another value holds, on the thread that polls the
  // files and while they are locked: do little there, and do not ask them
  // anything.
  void OnChange(std::function<void()> changed) {
    MutexLock lock(&mutex_);
    on_change_.push_back(std::move(changed));
  }

 private:
  explicit ReloadedValue(Parse parse) : parse_(std::move(parse)) {}

  absl::StatusOr<absl::Time> Take(const FileText& file) {
    absl::StatusOr<Value> value = parse_(file);
    if (!value.ok()) return value.status();
    auto taken = std::make_shared<const Value>(*std::move(value));
    std::vector<std::function<void()>> on_change;
    {
      MutexLock lock(&mutex_);
      value_ = std::move(taken);
      on_change = on_change_;
    }
    for (const auto& changed : on_change) changed();
    return absl::InfiniteFuture();
  }

  const Parse parse_;
  // Constant after Load.
  std::shared_ptr<ReloadedFiles> files_;

  mutable Mutex mutex_;
  std::shared_ptr<const Value> value_ MSGPROC_GUARDED_BY(mutex_);
  std::vector<std::function<void()>> on_change_ MSGPROC_GUARDED_BY(mutex_);
};

}  // namespace msgproc::base

#endif  // MSGPROC_SERVICES_BASE_IDENTITY_RELOADED_VALUE_H_
