#include "services/base/credentials.h"

#include <grpc/grpc.h>
#include <grpc/grpc_security.h>
#include <grpcpp/security/server_credentials.h>

#include <cstdint>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "services/base/file_watcher.h"
#include "services/base/identity/require_credentials.h"
#include "services/base/listen_address.h"
#include "services/base/reloaded_files.h"
#include "services/base/server_certificates.h"

namespace msgproc::base {
namespace {

absl::Status CheckPlaintext(const CredentialsOptions& options,
                            absl::string_view listen_address) {
  const SettingName& name = options.setting_name;
  if (!options.tls_client_ca.empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat(name("tls_client_ca"),
                     " asks for clients' certificates, which needs TLS: give ",
                     name("tls_cert"), " and ", name("tls_key"), " too"));
  }
  if (options.insecure) return absl::OkStatus();
  absl::StatusOr<ListenAddress> address = ListenAddress::Parse(listen_address);
  if (!address.ok()) return address.status();
  absl::StatusOr<bool> loopback = IsLoopback(*address);
  if (!loopback.ok()) return loopback.status();
  if (*loopback) return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrCat(
      "other machines can reach ", listen_address,
      " and would talk to it in plaintext: give ", name("tls_cert"), " and ",
      name("tls_key"), ", listen on 127.0.0.1, or accept the risk with ",
      name("insecure"), " (behind a proxy on a private network, say)"));
}

// What `options` name, read and checked. Without TLS there is nothing.
struct Loaded {
  std::shared_ptr<ServerCertificates> certificates;
  std::vector<std::shared_ptr<ReloadedFiles>> files;
};

absl::StatusOr<Loaded> Load(const CredentialsOptions& options,
                            absl::string_view listen_address) {
  if (options.tls_cert.empty() && options.tls_key.empty()) {
    absl::Status plaintext = CheckPlaintext(options, listen_address);
    if (!plaintext.ok()) return plaintext;
    return Loaded();
  }
  const SettingName& name = options.setting_name;
  if (options.tls_cert.empty() || options.tls_key.empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat("TLS takes a certificate and its key: ",
                     name(options.tls_cert.empty() ? "tls_cert" : "tls_key"),
                     " is missing"));
  }
  Loaded loaded;
  loaded.certificates = std::make_shared<ServerCertificates>();
  const auto load = [&loaded](absl::string_view settings, std::string files,
                              std::vector<std::string> paths,
                              ReloadedFiles::Take take) {
    loaded.files.push_back(std::make_shared<ReloadedFiles>(
        std::move(files), std::move(paths), std::move(take)));
    return NamingSettings(settings, loaded.files.back()->Load(absl::Now()));
  };
  absl::Status status =
      load(absl::StrCat(name("tls_cert"), ", ", name("tls_key")), "certificate",
           {options.tls_cert, options.tls_key},
           [certificates = loaded.certificates](const auto& files, auto now) {
             return certificates->TakePair(files, now);
           });
  if (status.ok() && !options.tls_client_ca.empty()) {
    status =
        load(name("tls_client_ca"), "client_ca", {options.tls_client_ca},
             [certificates = loaded.certificates](const auto& files, auto now) {
               return certificates->TakeClientAuthorities(files, now);
             });
  }
  if (!status.ok()) return status;
  return loaded;
}

// TLS with certificates that are asked for at every handshake.
//
// gRPC's own FileWatcherCertificateProvider uses what it reads unchecked: an
// empty file is a failed assertion, and a certificate without its key refuses
// everybody. The fetcher below it (grpc_security.h) takes what it is given.
class TlsCredentials final : public grpc::ServerCredentials {
 public:
  TlsCredentials(std::shared_ptr<ServerCertificates> certificates,
                 std::shared_ptr<const Authenticator> authenticate_all)
      : certificates_(std::move(certificates)),
        credentials_(grpc_ssl_server_credentials_create_with_options(
            grpc_ssl_server_credentials_create_options_using_config_fetcher(
                certificates_->Get().client_authorities.empty()
                    ? GRPC_SSL_DONT_REQUEST_CLIENT_CERTIFICATE
                    : GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY,
                &TlsCredentials::Fetch, this))) {
    if (authenticate_all != nullptr) {
      RequireCredentials(credentials_, std::move(authenticate_all));
    }
  }
  ~TlsCredentials() override { grpc_server_credentials_release(credentials_); }
  TlsCredentials(const TlsCredentials&) = delete;
  TlsCredentials& operator=(const TlsCredentials&) = delete;

  void SetAuthMetadataProcessor(
      const std::shared_ptr<grpc::AuthMetadataProcessor>& /*none*/) override {}

 private:
  // gRPC calls it under a lock of its own, once before the first handshake.
  static grpc_ssl_certificate_config_reload_status Fetch(
      void* self, grpc_ssl_server_certificate_config** config) {
    auto* const credentials = static_cast<TlsCredentials*>(self);
    const ServerCertificates::Current current =
        credentials->certificates_->Get();
    if (current.version == credentials->given_version_) {
      return GRPC_SSL_CERTIFICATE_CONFIG_RELOAD_UNCHANGED;
    }
    credentials->given_version_ = current.version;
    const grpc_ssl_pem_key_cert_pair pair = {current.key.c_str(),
                                             current.cert_chain.c_str()};
    // gRPC 1.51 asserts that there are authorities, though where clients are
    // not asked for certificates it has no use for them: any that parse will
    // do.
    const std::string& authorities = current.client_authorities.empty()
                                         ? current.cert_chain
                                         : current.client_authorities;
    *config = grpc_ssl_server_certificate_config_create(authorities.c_str(),
                                                        &pair, 1);
    return GRPC_SSL_CERTIFICATE_CONFIG_RELOAD_NEW;
  }

  int AddPortToServer(const std::string& address,
                      grpc_server* server) override {
    return grpc_server_add_http2_port(server, address.c_str(), credentials_);
  }

  const std::shared_ptr<ServerCertificates> certificates_;
  uint64_t given_version_ = 0;
  grpc_server_credentials* const credentials_;
};

// Plaintext that asks every call who it is from: gRPC's own
// InsecureServerCredentials take no such question.
class PlaintextCredentials final : public grpc::ServerCredentials {
 public:
  explicit PlaintextCredentials(
      std::shared_ptr<const Authenticator> authenticate_all)
      : credentials_(grpc_insecure_server_credentials_create()) {
    RequireCredentials(credentials_, std::move(authenticate_all));
  }
  ~PlaintextCredentials() override {
    grpc_server_credentials_release(credentials_);
  }
  PlaintextCredentials(const PlaintextCredentials&) = delete;
  PlaintextCredentials& operator=(const PlaintextCredentials&) = delete;

  void SetAuthMetadataProcessor(
      const std::shared_ptr<grpc::AuthMetadataProcessor>& /*none*/) override {}

 private:
  int AddPortToServer(const std::string& address,
                      grpc_server* server) override {
    return grpc_server_add_http2_port(server, address.c_str(), credentials_);
  }

  grpc_server_credentials* const credentials_;
};

}  // namespace

absl::Status CheckCredentials(const CredentialsOptions& options,
                              absl::string_view listen_address) {
  return Load(options, listen_address).status();
}

absl::StatusOr<std::shared_ptr<grpc::ServerCredentials>> MakeServerCredentials(
    const CredentialsOptions& options, absl::string_view listen_address,
    FileWatcher* files) {
  absl::StatusOr<Loaded> loaded = Load(options, listen_address);
  if (!loaded.ok()) return loaded.status();
  if (loaded->certificates == nullptr) {
    if (options.authenticate_all == nullptr) {
      return grpc::InsecureServerCredentials();
    }
    return std::make_shared<PlaintextCredentials>(options.authenticate_all);
  }
  for (auto& watched : loaded->files) files->Add(std::move(watched));
  return std::make_shared<TlsCredentials>(std::move(loaded->certificates),
                                          options.authenticate_all);
}

}  // namespace msgproc::base
