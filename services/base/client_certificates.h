#ifndef MSGPROC_SERVICES_BASE_CLIENT_CERTIFICATES_H_
#define MSGPROC_SERVICES_BASE_CLIENT_CERTIFICATES_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/mutex.h"
#include "services/base/file_text.h"
#include "services/base/reloaded_files.h"

namespace grpc {
class ChannelCredentials;
}  // namespace grpc

namespace msgproc::base {

// Whom a client of ours trusts and what it shows, from files that are taken
// anew when they change. A channel keeps what it began with: ask for every new
// one. Thread-safe.
class ClientCertificates {
 public:
  struct Options {
    // What they are for, in logs and metrics: "balancer_link".
    std::string name;
    // PEM file of authorities. Empty: plaintext.
    std::string ca;
    // PEM files of the certificate to show and its key. Empty: none.
    std::string cert;
    std::string key;
  };

  // Reads and checks them. NOT_FOUND, PERMISSION_DENIED or INVALID_ARGUMENT,
  // naming the file.
  static absl::StatusOr<std::shared_ptr<ClientCertificates>> Load(
      const Options& options);

  // As the files are now; for plaintext gRPC's own insecure ones.
  std::shared_ptr<grpc::ChannelCredentials> Credentials() const;

  // To be looked at now and then. Null: plaintext.
  std::shared_ptr<ReloadedFiles> files() const { return files_; }

 private:
  ClientCertificates();
  static absl::StatusOr<absl::Time> Take(
      const std::weak_ptr<ClientCertificates>& self,
      const std::vector<FileText>& files, absl::Time now);

  mutable Mutex mutex_;
  std::shared_ptr<grpc::ChannelCredentials> credentials_
      MSGPROC_GUARDED_BY(mutex_);
  bool loaded_ MSGPROC_GUARDED_BY(mutex_) = false;
  // Constant after Load.
  std::shared_ptr<ReloadedFiles> files_;
};

}  // namespace msgproc::base

#endif  // MSGPROC_SERVICES_BASE_CLIENT_CERTIFICATES_H_
