#ifndef MSGPROC_SERVICES_BASE_CREDENTIALS_H_
#define MSGPROC_SERVICES_BASE_CREDENTIALS_H_

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace grpc {
class ServerCredentials;
}  // namespace grpc

namespace msgproc::server {

struct CredentialsOptions {
  // PEM files. With a certificate and its key: TLS, otherwise plaintext.
  std::string tls_cert;
  std::string tls_key;
  // A PEM file too; with it clients must show a certificate that one of its
  // authorities has signed.
  std::string tls_client_ca;
  // Allows plaintext on an address that other machines can reach.
  bool insecure = false;
  // How soon changed files are used, for connections made from then on.
  absl::Duration reload_interval = absl::Seconds(10);
};

// What a server that listens on `listen_address` shows its clients. The files
// are read and checked here, so that a mistake stops the start and not a
// handshake; afterwards they are watched and taken anew when they change (the
// key and the certificate together: replace the folder or a link to it).
// NOT_FOUND, PERMISSION_DENIED or INVALID_ARGUMENT, naming the file and the
// flag; FAILED_PRECONDITION for plaintext that others could reach.
absl::StatusOr<std::shared_ptr<grpc::ServerCredentials>> MakeServerCredentials(
    const CredentialsOptions& options, absl::string_view listen_address);

// The part of it that needs no gRPC.
absl::Status CheckCredentials(const CredentialsOptions& options,
                              absl::string_view listen_address);

}  // namespace msgproc::server

#endif  // MSGPROC_SERVICES_BASE_CREDENTIALS_H_
