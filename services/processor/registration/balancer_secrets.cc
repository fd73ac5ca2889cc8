#include "services/processor/registration/balancer_secrets.h"

#include <algorithm>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "services/base/file_text.h"

namespace msgproc::processor {
namespace {

absl::StatusOr<std::string> ReadToken(const base::FileText& file) {
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
  return token;
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
    return base::NamingSettings(
        absl::StrCat(name("balancer_ca"), ", ", name("tls_cert"), ", ",
                     name("tls_key")),
        loaded.status());
  }
  secrets->certificates_ = *std::move(loaded);
  if (options.register_token_file.empty()) return secrets;
  auto token = base::SecretFile::Load("register_token",
                                      options.register_token_file, ReadToken);
  if (!token.ok()) {
    return base::NamingSettings(name("register_token_file"), token.status());
  }
  secrets->token_ = *std::move(token);
  return secrets;
}

std::string BalancerSecrets::Token() const {
  return token_ == nullptr ? "" : token_->Secret();
}

std::vector<std::shared_ptr<base::ReloadedFiles>> BalancerSecrets::files()
    const {
  std::vector<std::shared_ptr<base::ReloadedFiles>> files;
  if (certificates_->files() != nullptr) {
    files.push_back(certificates_->files());
  }
  if (token_ != nullptr) files.push_back(token_->files());
  return files;
}

}  // namespace msgproc::processor
