#include "services/processor/registration/balancer_secrets.h"

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"

namespace msgproc::processor {
namespace {

absl::Status Naming(absl::string_view settings, const absl::Status& status) {
  if (status.ok()) return status;
  return absl::Status(status.code(),
                      absl::StrCat(settings, ": ", status.message()));
}

}  // namespace

absl::StatusOr<std::shared_ptr<BalancerSecrets>> BalancerSecrets::Load(
    const Options& options) {
  std::shared_ptr<BalancerSecrets> secrets(new BalancerSecrets());
  base::ClientCertificates::Options certificates = options.certificates;
  certificates.name = "balancer_link";
  const base::SettingName& name = options.setting_name;
  auto loaded = base::ClientCertificates::Load(certificates);
  if (!loaded.ok()) {
    return Naming(absl::StrCat(name("balancer_ca"), ", ", name("tls_cert"),
                               ", ", name("tls_key")),
                  loaded.status());
  }
  secrets->certificates_ = *std::move(loaded);
  if (!options.register_token_file.empty()) {
    absl::Status token =
        Naming(name("register_token_file"),
               secrets->LoadToken(options.register_token_file));
    if (!token.ok()) return token;
  }
  return secrets;
}

std::string BalancerSecrets::Token() const {
  MutexLock lock(&mutex_);
  return token_;
}

std::vector<std::shared_ptr<base::ReloadedFiles>> BalancerSecrets::files()
    const {
  std::vector<std::shared_ptr<base::ReloadedFiles>> files;
  for (const auto& some : {certificates_->files(), token_file_}) {
    if (some != nullptr) files.push_back(some);
  }
  return files;
}

absl::Status BalancerSecrets::LoadToken(const std::string& path) {
  token_file_ = std::make_shared<base::ReloadedFiles>(
      "register_token", std::vector<std::string>{path},
      [this](const std::vector<base::FileText>& files,
             absl::Time /*now*/) -> absl::StatusOr<absl::Time> {
        absl::Status status = TakeToken(files.at(0));
        if (!status.ok()) return status;
        return absl::InfiniteFuture();
      });
  return token_file_->Load(absl::Now());
}

absl::Status BalancerSecrets::TakeToken(const base::FileText& file) {
  std::string token(absl::StripAsciiWhitespace(file.text));
  if (token.empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat(file.path, " is empty; it is to hold the token"));
  }
  // It goes into a header as it is.
  if (!std::all_of(token.begin(), token.end(), absl::ascii_isgraph)) {
    return absl::InvalidArgumentError(
        absl::StrCat(file.path,
                     " is to hold one token and nothing else, of printable "
                     "characters without blanks"));
  }
  MutexLock lock(&mutex_);
  token_ = std::move(token);
  return absl::OkStatus();
}

}  // namespace msgproc::processor
