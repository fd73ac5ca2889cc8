#ifndef MSGPROC_SERVICES_ETCD_REGISTRY_SECRETS_H_
#define MSGPROC_SERVICES_ETCD_REGISTRY_SECRETS_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "services/base/client_certificates.h"
#include "services/base/reloaded_files.h"
#include "services/base/secret_file.h"
#include "services/base/setting_name.h"

namespace msgproc::etcd {

// What etcd is shown: a certificate, and a password. Both come from files that
// are taken anew when they change, for the next connection. Thread-safe.
class RegistrySecrets {
 public:
  struct Options {
    // PEM files, as ClientCertificates takes them.
    std::string ca;
    std::string cert;
    std::string key;
    // Holds the password alone. Empty: none.
    std::string password_file;
    // What errors call these, with "registry_" in front.
    base::SettingName setting_name = base::AsOption;
  };

  // NOT_FOUND, PERMISSION_DENIED or INVALID_ARGUMENT, naming file and setting,
  // never what is in it.
  static absl::StatusOr<std::shared_ptr<RegistrySecrets>> Load(
      const Options& options);

  std::shared_ptr<grpc::ChannelCredentials> Credentials() const {
    return certificates_->Credentials();
  }
  std::string Password() const;

  // To be looked at now and then.
  std::vector<std::shared_ptr<base::ReloadedFiles>> files() const;

 private:
  RegistrySecrets() = default;

  // Constant after Load.
  std::shared_ptr<base::ClientCertificates> certificates_;
  // Null: none.
  std::shared_ptr<const base::SecretFile> password_;
};

}  // namespace msgproc::etcd

#endif  // MSGPROC_SERVICES_ETCD_REGISTRY_SECRETS_H_
