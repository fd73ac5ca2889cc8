#include "services/base/pem_files.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <memory>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "services/base/log.h"

namespace msgproc::server {
namespace {

struct BioDeleter {
  void operator()(BIO* bio) const { BIO_free(bio); }
};
struct X509Deleter {
  void operator()(X509* cert) const { X509_free(cert); }
};
struct KeyDeleter {
  void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
};
using BioPtr = std::unique_ptr<BIO, BioDeleter>;
using X509Ptr = std::unique_ptr<X509, X509Deleter>;
using KeyPtr = std::unique_ptr<EVP_PKEY, KeyDeleter>;

absl::StatusOr<std::string> ReadFile(const std::string& path) {
  std::unique_ptr<FILE, int (*)(FILE*)> file(std::fopen(path.c_str(), "re"),
                                             &std::fclose);
  const auto fail = [&](int error) {
    const std::string message =
        absl::StrCat("cannot read ", path, ": ", strerror(error));
    if (error == ENOENT) return absl::NotFoundError(message);
    if (error == EACCES) return absl::PermissionDeniedError(message);
    return absl::InvalidArgumentError(message);
  };
  if (file == nullptr) return fail(errno);
  std::string text;
  char buffer[4096];
  size_t got = 0;
  while ((got = std::fread(buffer, 1, sizeof(buffer), file.get())) > 0) {
    text.append(buffer, got);
  }
  if (std::ferror(file.get()) != 0) return fail(errno);
  return text;
}

absl::StatusOr<X509Ptr> ReadCertificate(const std::string& path) {
  absl::StatusOr<std::string> text = ReadFile(path);
  if (!text.ok()) return text.status();
  const BioPtr bio(
      BIO_new_mem_buf(text->data(), static_cast<int>(text->size())));
  X509Ptr cert(PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr));
  ERR_clear_error();
  if (cert == nullptr) {
    return absl::InvalidArgumentError(
        absl::StrCat(path,
                     " holds no PEM certificate (-----BEGIN "
                     "CERTIFICATE-----)"));
  }
  return cert;
}

int NoPassphrase(char* /*buffer*/, int /*size*/, int /*writing*/, void* asked) {
  *static_cast<bool*>(asked) = true;
  return -1;
}

absl::StatusOr<KeyPtr> ReadKey(const std::string& path) {
  absl::StatusOr<std::string> text = ReadFile(path);
  if (!text.ok()) return text.status();
  const BioPtr bio(
      BIO_new_mem_buf(text->data(), static_cast<int>(text->size())));
  bool asked = false;
  KeyPtr key(PEM_read_bio_PrivateKey(bio.get(), nullptr, NoPassphrase, &asked));
  ERR_clear_error();
  if (key != nullptr) return key;
  if (asked) {
    return absl::InvalidArgumentError(absl::StrCat(
        path,
        " is protected by a passphrase; a server cannot ask for it: "
        "store the key without one, readable by the server alone"));
  }
  return absl::InvalidArgumentError(absl::StrCat(
      path, " holds no PEM private key (-----BEGIN PRIVATE KEY-----)"));
}

}  // namespace

absl::Status CheckCertificateAndKey(const std::string& cert_path,
                                    const std::string& key_path) {
  absl::StatusOr<X509Ptr> cert = ReadCertificate(cert_path);
  if (!cert.ok()) return cert.status();
  absl::StatusOr<KeyPtr> key = ReadKey(key_path);
  if (!key.ok()) return key.status();
  const bool fits = X509_check_private_key(cert->get(), key->get()) == 1;
  ERR_clear_error();
  if (!fits) {
    return absl::InvalidArgumentError(
        absl::StrCat("the key in ", key_path,
                     " does not belong to the first certificate in ", cert_path,
                     " (the server's own comes first, then those "
                     "that signed it)"));
  }
  std::time_t now = std::time(nullptr);
  if (X509_cmp_time(X509_get0_notAfter(cert->get()), &now) < 0) {
    LogWarning("the TLS certificate has expired: clients will refuse it",
               {{"file", cert_path}});
  }
  return absl::OkStatus();
}

absl::Status CheckAuthorities(const std::string& path) {
  return ReadCertificate(path).status();
}

}  // namespace msgproc::server
