#ifndef MSGPROC_SERVICES_PROCESSOR_REGISTRATION_BALANCER_SECRETS_H_
#define MSGPROC_SERVICES_PROCESSOR_REGISTRATION_BALANCER_SECRETS_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "services/base/client_certificates.h"
#include "services/base/reloaded_files.h"
#include "services/base/secret_file.h"
#include "services/base/setting_name.h"

namespace msgproc::processor {

// What a processor shows balancers: its certificate, and the token that lets it
// register. Both come from files that are taken anew when they change, for the
// next attempt. Thread-safe.
class BalancerSecrets {
 public:
  struct Options {
    // `name` is set here.
    base::ClientCertificates::Options certificates;
    // Holds the token alone. Empty: none.
    std::string register_token_file;
    // What errors call that file, and "balancer_ca", "tls_cert" and "tls_key",
    // those of `certificates`.
    base::SettingName setting_name = base::AsOption;
  };

  // NOT_FOUND, PERMISSION_DENIED or INVALID_ARGUMENT, naming file and
  // setting.
  static absl::StatusOr<std::shared_ptr<BalancerSecrets>> Load(
      const Options& options);

  std::shared_ptr<grpc::ChannelCredentials> Credentials() const {
    return certificates_->Credentials();
  }
  std::string Token() const;

  // To be looked at now and then.
  std::vector<std::shared_ptr<base::ReloadedFiles>> files() const;

 private:
  BalancerSecrets() = default;

  // Constant after Load.
  std::shared_ptr<base::ClientCertificates> certificates_;
  // Null: none.
  std::shared_ptr<const base::SecretFile> token_;
};

}  // namespace msgproc::processor

#endif  // MSGPROC_SERVICES_PROCESSOR_REGISTRATION_BALANCER_SECRETS_H_
