#include "services/base/credentials.h"

#include <grpcpp/security/server_credentials.h>
#include <grpcpp/security/tls_certificate_provider.h>
#include <grpcpp/security/tls_credentials_options.h>

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "services/base/listen_address.h"
#include "services/base/pem_files.h"

namespace msgproc::server {
namespace {

absl::Status CheckPlaintext(const CredentialsOptions& options,
                            absl::string_view listen_address) {
  if (!options.tls_client_ca.empty()) {
    return absl::InvalidArgumentError(
        "--tls_client_ca asks for clients' certificates, which needs TLS: give "
        "--tls_cert and --tls_key too");
  }
  if (options.insecure) return absl::OkStatus();
  absl::StatusOr<ListenAddress> address = ListenAddress::Parse(listen_address);
  if (!address.ok()) return address.status();
  absl::StatusOr<bool> loopback = IsLoopback(*address);
  if (!loopback.ok()) return loopback.status();
  if (*loopback) return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrCat(
      "other machines can reach ", listen_address,
      " and would talk to it in plaintext: give --tls_cert and --tls_key, "
      "listen on 127.0.0.1, or accept the risk with --insecure (behind a proxy "
      "on a private network, say)"));
}

absl::Status WithFlag(absl::string_view flags, const absl::Status& status) {
  if (status.ok()) return status;
  return absl::Status(status.code(),
                      absl::StrCat(flags, ": ", status.message()));
}

}  // namespace

absl::Status CheckCredentials(const CredentialsOptions& options,
                              absl::string_view listen_address) {
  if (options.tls_cert.empty() && options.tls_key.empty()) {
    return CheckPlaintext(options, listen_address);
  }
  if (options.tls_cert.empty() || options.tls_key.empty()) {
    return absl::InvalidArgumentError(absl::StrCat(
        "TLS takes a certificate and its key: ",
        options.tls_cert.empty() ? "--tls_cert" : "--tls_key", " is missing"));
  }
  absl::Status status =
      WithFlag("--tls_cert, --tls_key",
               CheckCertificateAndKey(options.tls_cert, options.tls_key));
  if (status.ok() && !options.tls_client_ca.empty()) {
    status =
        WithFlag("--tls_client_ca", CheckAuthorities(options.tls_client_ca));
  }
  return status;
}

absl::StatusOr<std::shared_ptr<grpc::ServerCredentials>> MakeServerCredentials(
    const CredentialsOptions& options, absl::string_view listen_address) {
  absl::Status checked = CheckCredentials(options, listen_address);
  if (!checked.ok()) return checked;
  if (options.tls_cert.empty()) return grpc::InsecureServerCredentials();

  const auto seconds =
      std::max<int64_t>(1, absl::ToInt64Seconds(options.reload_interval));
  grpc::experimental::TlsServerCredentialsOptions tls(
      std::make_shared<grpc::experimental::FileWatcherCertificateProvider>(
          options.tls_key, options.tls_cert, options.tls_client_ca,
          static_cast<unsigned>(seconds)));
  tls.watch_identity_key_cert_pairs();
  if (options.tls_client_ca.empty()) {
    tls.set_cert_request_type(GRPC_SSL_DONT_REQUEST_CLIENT_CERTIFICATE);
  } else {
    tls.watch_root_certs();
    tls.set_cert_request_type(
        GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY);
  }
  return grpc::experimental::TlsServerCredentials(tls);
}

}  // namespace msgproc::server
