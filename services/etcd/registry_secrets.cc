#include "services/etcd/registry_secrets.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"

namespace msgproc::etcd {
namespace {

absl::Status Naming(absl::string_view settings, const absl::Status& status) {
  if (status.ok()) return status;
  return absl::Status(status.code(),
                      absl::StrCat(settings, ": ", status.message()));
}

}  // namespace

absl::StatusOr<std::shared_ptr<RegistrySecrets>> RegistrySecrets::Load(
    const Options& options) {
  std::shared_ptr<RegistrySecrets> secrets(new RegistrySecrets());
  const base::SettingName& name = options.setting_name;
  auto loaded = base::ClientCertificates::Load({.name = "registry",
                                                .ca = options.ca,
                                                .cert = options.cert,
                                                .key = options.key});
  if (!loaded.ok()) {
    return Naming(absl::StrCat(name("registry_ca"), ", ", name("registry_cert"),
                               ", ", name("registry_key")),
                  loaded.status());
  }
  secrets->certificates_ = *std::move(loaded);
  if (options.password_file.empty()) return secrets;
  absl::Status password = Naming(name("registry_password_file"),
                                 secrets->LoadPassword(options.password_file));
  if (!password.ok()) return password;
  return secrets;
}

std::string RegistrySecrets::Password() const {
  MutexLock lock(&mutex_);
  return password_;
}

std::vector<std::shared_ptr<base::ReloadedFiles>> RegistrySecrets::files()
    const {
  std::vector<std::shared_ptr<base::ReloadedFiles>> files;
  for (const auto& some : {certificates_->files(), password_file_}) {
    if (some != nullptr) files.push_back(some);
  }
  return files;
}

absl::Status RegistrySecrets::LoadPassword(const std::string& path) {
  password_file_ = std::make_shared<base::ReloadedFiles>(
      "registry_password", std::vector<std::string>{path},
      [this](const std::vector<base::FileText>& files,
             absl::Time /*now*/) -> absl::StatusOr<absl::Time> {
        absl::Status status = TakePassword(files.at(0));
        if (!status.ok()) return status;
        return absl::InfiniteFuture();
      });
  return password_file_->Load(absl::Now());
}

absl::Status RegistrySecrets::TakePassword(const base::FileText& file) {
  // An editor ends the line; a password may end in a blank.
  absl::string_view password = file.text;
  absl::ConsumeSuffix(&password, "\n");
  absl::ConsumeSuffix(&password, "\r");
  if (password.empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat(file.path, " is empty; it is to hold the password"));
  }
  MutexLock lock(&mutex_);
  password_ = std::string(password);
  return absl::OkStatus();
}

}  // namespace msgproc::etcd
