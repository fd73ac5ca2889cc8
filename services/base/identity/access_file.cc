#include "services/base/identity/access_file.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"

namespace msgproc::base {

absl::StatusOr<std::shared_ptr<AccessFile>> AccessFile::Load(
    const std::string& path) {
  std::shared_ptr<AccessFile> made(new AccessFile());
  if (path.empty()) return made;
  made->files_ = std::make_shared<ReloadedFiles>(
      "access_file", std::vector<std::string>{path},
      [self = std::weak_ptr<AccessFile>(made)](
          const std::vector<FileText>& files,
          absl::Time /*now*/) -> absl::StatusOr<absl::Time> {
        const std::shared_ptr<AccessFile> access = self.lock();
        if (access == nullptr) return absl::CancelledError();
        return access->Take(files.at(0));
      });
  if (absl::Status loaded = made->files_->Load(absl::Now()); !loaded.ok()) {
    return absl::Status(loaded.code(),
                        absl::StrCat("--access_file: ", loaded.message()));
  }
  return made;
}

absl::StatusOr<absl::Time> AccessFile::Take(const FileText& file) {
  absl::StatusOr<AccessRules> rules = AccessRules::Parse(file);
  if (!rules.ok()) return rules.status();
  auto taken = std::make_shared<const AccessRules>(*std::move(rules));
  std::vector<std::function<void()>> on_change;
  {
    MutexLock lock(&mutex_);
    rules_ = std::move(taken);
    on_change = on_change_;
  }
  for (const auto& changed : on_change) changed();
  return absl::InfiniteFuture();
}

std::shared_ptr<const AccessRules> AccessFile::Current() const {
  MutexLock lock(&mutex_);
  return rules_;
}

std::vector<std::shared_ptr<ReloadedFiles>> AccessFile::files() const {
  if (files_ == nullptr) return {};
  return {files_};
}

void AccessFile::OnChange(std::function<void()> changed) {
  MutexLock lock(&mutex_);
  on_change_.push_back(std::move(changed));
}

}  // namespace msgproc::base
