#include "services/etcd/registry_flags.h"

#include <string>
#include <utility>

#include "absl/flags/flag.h"
#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "services/base/setting_name.h"
#include "services/base/user_path.h"
#include "services/base/wrong_settings.h"
#include "services/etcd/registry_secrets.h"
#include "services/etcd/registry_url.h"

ABSL_FLAG(std::string, registry, "",
          "The fleet's registry in etcd: etcd://host:port,host:port/prefix. "
          "Processors write themselves there, balancers read them. Empty: "
          "none; processors register with balancers.");
ABSL_FLAG(std::string, registry_ca, "",
          "PEM file with the authorities that sign etcd's certificates. Empty: "
          "plaintext.");
ABSL_FLAG(std::string, registry_cert, "",
          "PEM file with the certificate shown to etcd. Empty: none.");
ABSL_FLAG(std::string, registry_key, "", "PEM file with its private key.");
ABSL_FLAG(std::string, registry_user, "",
          "The user of etcd's that the server is. Empty: etcd asks for none, "
          "or takes the certificate's common name.");
ABSL_FLAG(std::string, registry_password_file, "",
          "File with that user's password and nothing else, taken anew when it "
          "changes.");

namespace msgproc::etcd {
namespace {

struct Settings {
  std::string user;
  RegistrySecrets::Options secrets;
};

Settings SettingsFromFlags() {
  Settings settings;
  settings.user = absl::GetFlag(FLAGS_registry_user);
  settings.secrets.ca = base::UserPath(absl::GetFlag(FLAGS_registry_ca));
  settings.secrets.cert = base::UserPath(absl::GetFlag(FLAGS_registry_cert));
  settings.secrets.key = base::UserPath(absl::GetFlag(FLAGS_registry_key));
  settings.secrets.password_file =
      base::UserPath(absl::GetFlag(FLAGS_registry_password_file));
  settings.secrets.setting_name = base::AsFlag;
  return settings;
}

void Check(const Settings& settings, base::WrongSettings* wrong) {
  const RegistrySecrets::Options& secrets = settings.secrets;
  if (secrets.cert.empty() != secrets.key.empty()) {
    wrong->Add("{registry_cert} and {registry_key} go together.");
  }
  if (secrets.ca.empty() && !secrets.cert.empty()) {
    wrong->Add("{registry_cert} is shown by TLS only: give {registry_ca}.");
  }
  if (settings.user.empty() != secrets.password_file.empty()) {
    wrong->Add("{registry_user} and {registry_password_file} go together.");
  }
}

}  // namespace

absl::StatusOr<std::optional<RegistryOptions>> RegistryOptionsFromFlags() {
  const std::string text = absl::GetFlag(FLAGS_registry);
  const Settings settings = SettingsFromFlags();
  base::WrongSettings wrong;
  if (text.empty()) {
    const RegistrySecrets::Options& secrets = settings.secrets;
    if (secrets.ca.empty() && secrets.cert.empty() && secrets.key.empty() &&
        settings.user.empty() && secrets.password_file.empty()) {
      return std::nullopt;
    }
    wrong.Add("Without {registry} there is no etcd to show anything to.");
    return wrong.AsStatus(base::AsFlag);
  }
  RegistryOptions options;
  auto url = RegistryUrl::Parse(text);
  if (!url.ok()) {
    wrong.Add(absl::InvalidArgumentError(
        absl::StrCat("--registry: ", url.status().message(), ".")));
  }
  Check(settings, &wrong);
  if (!wrong.empty()) return wrong.AsStatus(base::AsFlag);
  auto secrets = RegistrySecrets::Load(settings.secrets);
  if (!secrets.ok()) return secrets.status();
  options.url = *std::move(url);
  options.client.endpoints = options.url.endpoints;
  options.client.user = settings.user;
  options.client.password = [secrets = *secrets] {
    return secrets->Password();
  };
  options.client.credentials = [secrets = *secrets] {
    return secrets->Credentials();
  };
  options.files = (*secrets)->files();
  return options;
}

}  // namespace msgproc::etcd
