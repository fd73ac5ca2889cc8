#include "services/base/pem.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <cstdlib>
#include <ctime>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace msgproc::base {
namespace {

struct Deleter {
  void operator()(BIO* bio) const { BIO_free(bio); }
  void operator()(X509* cert) const { X509_free(cert); }
  void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
  void operator()(SSL_CTX* context) const { SSL_CTX_free(context); }
};
using BioPtr = std::unique_ptr<BIO, Deleter>;
using X509Ptr = std::unique_ptr<X509, Deleter>;
using KeyPtr = std::unique_ptr<EVP_PKEY, Deleter>;
using ContextPtr = std::unique_ptr<SSL_CTX, Deleter>;

BioPtr Open(const FileText& file) {
  return BioPtr(
      BIO_new_mem_buf(file.text.data(), static_cast<int>(file.text.size())));
}

absl::Status Invalid(const FileText& file, absl::string_view what) {
  return absl::InvalidArgumentError(absl::StrCat(file.path, " ", what));
}

absl::Status CutShort(const FileText& file) {
  return Invalid(file,
                 "is cut short or damaged: it has a PEM block that does not "
                 "end as it should");
}

// The queue of this thread's OpenSSL errors, which is gRPC's too.
std::string TakeOpenSslError() {
  const unsigned long error = ERR_peek_last_error();
  ERR_clear_error();
  const char* const reason = ERR_reason_error_string(error);
  return reason == nullptr ? "unknown error" : reason;
}

// What follows the last whole block must not be the beginning of another.
bool EndsWithinABlock(absl::string_view text) {
  constexpr absl::string_view kEnd = "-----END ";
  const size_t end = text.rfind(kEnd);
  if (end != absl::string_view::npos) {
    const size_t close = text.find("-----", end + kEnd.size());
    if (close == absl::string_view::npos) return true;
    text.remove_prefix(close + 5);
  }
  return absl::StrContains(text, "\n-") || absl::StartsWith(text, "-");
}

bool IsCertificate(absl::string_view name) {
  return name == PEM_STRING_X509 || name == PEM_STRING_X509_OLD ||
         name == PEM_STRING_X509_TRUSTED;
}

// One PEM block's bytes; false: it is a certificate, and is damaged.
bool AppendIfCertificate(const char* name, const unsigned char* data, long size,
                         std::vector<X509Ptr>* certs) {
  if (!IsCertificate(name)) return true;
  const unsigned char* rest = data;
  X509Ptr cert(absl::string_view(name) == PEM_STRING_X509_TRUSTED
                   ? d2i_X509_AUX(nullptr, &rest, size)
                   : d2i_X509(nullptr, &rest, size));
  if (cert == nullptr) return false;
  certs->push_back(std::move(cert));
  return true;
}

// All of the file, for one that was cut short on the way is no list of fewer.
absl::StatusOr<std::vector<X509Ptr>> ParseCertificates(const FileText& file) {
  if (file.text.empty()) return Invalid(file, "is empty");
  const BioPtr bio = Open(file);
  std::vector<X509Ptr> certs;
  char* name = nullptr;
  char* header = nullptr;
  unsigned char* data = nullptr;
  long size = 0;
  bool whole = true;
  while (whole && PEM_read_bio(bio.get(), &name, &header, &data, &size) == 1) {
    whole = AppendIfCertificate(name, data, size, &certs);
    OPENSSL_free(name);
    OPENSSL_free(header);
    OPENSSL_free(data);
  }
  const int reason = ERR_GET_REASON(ERR_peek_last_error());
  ERR_clear_error();
  if (!whole || reason != PEM_R_NO_START_LINE || EndsWithinABlock(file.text)) {
    return CutShort(file);
  }
  if (certs.empty()) {
    return Invalid(file,
                   "holds no PEM certificate (-----BEGIN CERTIFICATE-----)");
  }
  return certs;
}

int NoPassphrase(char* /*buffer*/, int /*size*/, int /*writing*/, void* asked) {
  *static_cast<bool*>(asked) = true;
  return -1;
}

absl::StatusOr<KeyPtr> ParseKey(const FileText& file) {
  if (file.text.empty()) return Invalid(file, "is empty");
  const BioPtr bio = Open(file);
  bool asked = false;
  KeyPtr key(PEM_read_bio_PrivateKey(bio.get(), nullptr, NoPassphrase, &asked));
  ERR_clear_error();
  if (key != nullptr) return key;
  if (asked) {
    return Invalid(file,
                   "is protected by a passphrase; a server cannot ask for it: "
                   "store the key without one, readable by the server alone");
  }
  if (absl::StrContains(file.text, "PRIVATE KEY-----")) return CutShort(file);
  return Invalid(file,
                 "holds no PEM private key (-----BEGIN PRIVATE KEY-----)");
}

absl::Time ToTime(const ASN1_TIME* time) {
  std::tm parts{};
  if (ASN1_TIME_to_tm(time, &parts) != 1) return absl::InfiniteFuture();
  return absl::FromTM(parts, absl::UTCTimeZone());
}

Validity ValidityOf(const X509* cert) {
  return {ToTime(X509_get0_notBefore(cert)), ToTime(X509_get0_notAfter(cert))};
}

// TLS has its own opinion of keys and signatures, and gRPC would only hear it
// at a handshake.
absl::Status CheckTlsTakes(X509* cert, EVP_PKEY* key, const FileText& file) {
  const ContextPtr context(SSL_CTX_new(TLS_server_method()));
  if (context == nullptr || SSL_CTX_use_certificate(context.get(), cert) != 1 ||
      SSL_CTX_use_PrivateKey(context.get(), key) != 1) {
    return Invalid(
        file, absl::StrCat("cannot be used for TLS: ", TakeOpenSslError()));
  }
  return absl::OkStatus();
}

std::string Day(absl::Time time) {
  return absl::FormatTime("%Y-%m-%d %H:%M:%S UTC", time, absl::UTCTimeZone());
}

}  // namespace

absl::StatusOr<Validity> CheckCertificateAndKey(const FileText& cert,
                                                const FileText& key) {
  absl::StatusOr<std::vector<X509Ptr>> certs = ParseCertificates(cert);
  if (!certs.ok()) return certs.status();
  absl::StatusOr<KeyPtr> private_key = ParseKey(key);
  if (!private_key.ok()) return private_key.status();
  X509* const own = certs->front().get();
  const bool fits = X509_check_private_key(own, private_key->get()) == 1;
  ERR_clear_error();
  if (!fits) {
    return absl::InvalidArgumentError(absl::StrCat(
        "the key in ", key.path,
        " does not belong to the first certificate in ", cert.path,
        " (the server's own comes first, then those that signed it)"));
  }
  absl::Status taken = CheckTlsTakes(own, private_key->get(), cert);
  if (!taken.ok()) return taken;
  return ValidityOf(own);
}

absl::StatusOr<Validity> CheckAuthorities(const FileText& file) {
  absl::StatusOr<std::vector<X509Ptr>> certs = ParseCertificates(file);
  if (!certs.ok()) return certs.status();
  Validity longest{absl::InfinitePast(), absl::InfinitePast()};
  for (const X509Ptr& cert : *certs) {
    const Validity validity = ValidityOf(cert.get());
    if (validity.end > longest.end) longest = validity;
  }
  return longest;
}

absl::Status CheckCurrent(const Validity& validity, absl::Time now,
                          const FileText& file) {
  if (now >= validity.end) {
    return Invalid(file, absl::StrCat("expired on ", Day(validity.end)));
  }
  if (now < validity.begin) {
    return Invalid(file,
                   absl::StrCat("is not valid before ", Day(validity.begin)));
  }
  return absl::OkStatus();
}

}  // namespace msgproc::base
