#include "services/etcd/registry_secrets.h"

#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"
#include "services/base/file_text.h"

namespace msgproc::etcd {
namespace {

absl::StatusOr<std::string> ReadPassword(const base::FileText& file) {
  // An editor ends the line; a password may end in a blank.
  absl::string_view password = file.text;
  absl::ConsumeSuffix(&password, "\n");
  absl::ConsumeSuffix(&password, "\r");
  if (password.empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat(file.path, " is empty; it is to hold the password"));
  }
  return std::string(password);
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
    return base::NamingSettings(
        absl::StrCat(name("registry_ca"), ", ", name("registry_cert"), ", ",
                     name("registry_key")),
        loaded.status());
  }
  secrets->certificates_ = *std::move(loaded);
  if (options.password_file.empty()) return secrets;
  auto password = base::SecretFile::Load("registry_password",
                                         options.password_file, ReadPassword);
  if (!password.ok()) {
    return base::NamingSettings(name("registry_password_file"),
                                password.status());
  }
  secrets->password_ = *std::move(password);
  return secrets;
}

std::string RegistrySecrets::Password() const {
  return password_ == nullptr ? "" : password_->Secret();
}

std::vector<std::shared_ptr<base::ReloadedFiles>> RegistrySecrets::files()
    const {
  std::vector<std::shared_ptr<base::ReloadedFiles>> files;
  if (certificates_->files() != nullptr) {
    files.push_back(certificates_->files());
  }
  if (password_ != nullptr) files.push_back(password_->files());
  return files;
}

}  // namespace msgproc::etcd
