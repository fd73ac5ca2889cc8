#include "services/base/reloaded_files.h"

#include <cstddef>
#include <utility>

#include "absl/strings/str_join.h"
#include "common/check.h"
#include "services/base/log.h"

namespace msgproc::base {

ReloadedFiles::ReloadedFiles(std::string name, std::vector<std::string> paths,
                             Take take, Read read)
    : name_(std::move(name)),
      paths_(std::move(paths)),
      take_(std::move(take)),
      read_(std::move(read)) {
  MSGPROC_CHECK(!name_.empty());
  MSGPROC_CHECK(!paths_.empty());
  MSGPROC_CHECK(take_ != nullptr);
  MSGPROC_CHECK(read_ != nullptr);
  stats_.name = name_;
}

absl::Status ReloadedFiles::Load(absl::Time now) {
  absl::StatusOr<std::vector<std::string>> texts = ReadAll();
  if (!texts.ok()) return texts.status();
  MutexLock lock(&mutex_);
  return TryToTake(*std::move(texts), now);
}

absl::Status ReloadedFiles::Poll(absl::Time now) {
  absl::StatusOr<std::vector<std::string>> seen = ReadAll();
  MutexLock lock(&mutex_);
  if (seen.ok() && *seen == in_use_) {
    if (!wrong_.ok()) {
      LogInfo("files are as they are in use again",
              {{"what", name_}, {"files", absl::StrJoin(paths_, ", ")}});
    }
    wrong_ = absl::OkStatus();
    last_seen_ = std::move(seen);
    return absl::OkStatus();
  }
  if (seen != last_seen_) {
    last_seen_ = std::move(seen);
    return wrong_;
  }
  if (!seen.ok()) return Fail(seen.status());
  // What was refused is checked again too: a certificate's time may come.
  if (absl::Status status = TryToTake(*std::move(seen), now); !status.ok()) {
    return Fail(status);
  }
  ++stats_.reloads;
  wrong_ = absl::OkStatus();
  LogInfo("files taken anew",
          {{"what", name_}, {"files", absl::StrJoin(paths_, ", ")}});
  return absl::OkStatus();
}

ReloadedFiles::Stats ReloadedFiles::stats() const {
  MutexLock lock(&mutex_);
  return stats_;
}

absl::StatusOr<std::vector<std::string>> ReloadedFiles::ReadAll() const {
  std::vector<std::string> texts;
  for (const std::string& path : paths_) {
    absl::StatusOr<FileText> file = read_(path);
    if (!file.ok()) return file.status();
    texts.push_back(std::move(file->text));
  }
  return texts;
}

absl::Status ReloadedFiles::TryToTake(std::vector<std::string> texts,
                                      absl::Time now) {
  MSGPROC_CHECK_EQ(texts.size(), paths_.size());
  std::vector<FileText> files;
  for (size_t i = 0; i < paths_.size(); ++i) {
    files.push_back({paths_[i], texts[i]});
  }
  absl::StatusOr<absl::Time> expires = take_(files, now);
  if (!expires.ok()) return expires.status();
  stats_.expires = *expires;
  in_use_ = std::move(texts);
  return absl::OkStatus();
}

absl::Status ReloadedFiles::Fail(const absl::Status& status) {
  ++stats_.failures;
  if (status != wrong_) {
    LogWarning("files are not taken anew; those from before stay in use",
               {{"what", name_}, {"reason", status.message()}});
  }
  wrong_ = status;
  return status;
}

}  // namespace msgproc::base
