#include "services/base/client_certificates.h"

#include <grpcpp/security/credentials.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/time/clock.h"
#include "services/base/pem.h"

namespace msgproc::base {

absl::StatusOr<std::shared_ptr<ClientCertificates>> ClientCertificates::Load(
    const Options& options) {
  std::shared_ptr<ClientCertificates> certificates(new ClientCertificates());
  if (options.ca.empty()) return certificates;
  std::vector<std::string> paths = {options.ca};
  if (!options.cert.empty()) {
    paths.push_back(options.cert);
    paths.push_back(options.key);
  }
  certificates->files_ = std::make_shared<ReloadedFiles>(
      options.name, std::move(paths),
      [self = std::weak_ptr(certificates)](const auto& files, absl::Time now) {
        return Take(self, files, now);
      });
  absl::Status loaded = certificates->files_->Load(absl::Now());
  if (!loaded.ok()) return loaded;
  return certificates;
}

ClientCertificates::ClientCertificates()
    : credentials_(grpc::InsecureChannelCredentials()) {}

std::shared_ptr<grpc::ChannelCredentials> ClientCertificates::Credentials()
    const {
  MutexLock lock(&mutex_);
  return credentials_;
}

absl::StatusOr<absl::Time> ClientCertificates::Take(
    const std::weak_ptr<ClientCertificates>& self,
    const std::vector<FileText>& files, absl::Time now) {
  const std::shared_ptr<ClientCertificates> certificates = self.lock();
  if (certificates == nullptr) return absl::CancelledError();
  MutexLock lock(&certificates->mutex_);
  const absl::StatusOr<Validity> authorities = CheckAuthorities(files.at(0));
  if (!authorities.ok()) return authorities.status();
  absl::Status current = CheckCurrent(*authorities, now, files[0]);
  absl::Time expires = authorities->end;
  grpc::SslCredentialsOptions tls;
  tls.pem_root_certs = files[0].text;
  if (files.size() > 1) {
    const absl::StatusOr<Validity> own =
        CheckCertificateAndKey(files.at(1), files.at(2));
    if (!own.ok()) return own.status();
    expires = std::min(expires, own->end);
    if (current.ok()) current = CheckCurrent(*own, now, files[1]);
    tls.pem_cert_chain = files[1].text;
    tls.pem_private_key = files[2].text;
  }
  // The first are taken whatever the date, as a server's own are.
  if (!current.ok() && certificates->loaded_) return current;
  certificates->credentials_ = grpc::SslCredentials(tls);
  certificates->loaded_ = true;
  return expires;
}

}  // namespace msgproc::base
