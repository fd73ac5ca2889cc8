#include "services/base/secret_file.h"

#include <utility>
#include <vector>

#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "common/mutex.h"

namespace msgproc::base {

struct SecretFile::State {
  mutable Mutex mutex;
  std::string secret MSGPROC_GUARDED_BY(mutex);
};

SecretFile::SecretFile(std::shared_ptr<const State> state,
                       std::shared_ptr<ReloadedFiles> files)
    : state_(std::move(state)), files_(std::move(files)) {}

absl::StatusOr<std::shared_ptr<const SecretFile>> SecretFile::Load(
    const std::string& name, const std::string& path, Parse parse) {
  const auto state = std::make_shared<State>();
  auto files = std::make_shared<ReloadedFiles>(
      name, std::vector<std::string>{path},
      [state, parse = std::move(parse)](
          const std::vector<FileText>& files,
          absl::Time /*now*/) -> absl::StatusOr<absl::Time> {
        absl::StatusOr<std::string> secret = parse(files.at(0));
        if (!secret.ok()) return secret.status();
        MutexLock lock(&state->mutex);
        state->secret = *std::move(secret);
        return absl::InfiniteFuture();
      });
  absl::Status status = files->Load(absl::Now());
  if (!status.ok()) return status;
  return std::shared_ptr<const SecretFile>(
      new SecretFile(state, std::move(files)));
}

std::string SecretFile::Secret() const {
  MutexLock lock(&state_->mutex);
  return state_->secret;
}

}  // namespace msgproc::base
