#include "services/base/tls_handshakes.h"

#include <openssl/bio.h>
#include <openssl/crypto.h>
#include <openssl/ssl.h>
#include <openssl/ssl3.h>
#include <openssl/x509.h>

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/types/optional.h"
#include "common/check.h"
#include "services/base/log.h"

namespace msgproc::base {
namespace {

// Of one SSL object, from its making until its end. One thread's at a time.
struct Handshake {
  std::shared_ptr<TlsHandshakes> handshakes;
  std::string peer;
  HandshakeEvidence evidence;
  // The client's, from the certificate that it showed.
  std::string certificate;
};

// What the objects made on this thread belong to; Scope sets it.
struct Owner {
  std::shared_ptr<TlsHandshakes> handshakes;
  std::string peer;
};
thread_local Owner owner;

constexpr uint8_t kFatal = 2;

std::string SubjectOf(const uint8_t* bytes, size_t size) {
  X509* const certificate = d2i_X509(nullptr, &bytes, static_cast<long>(size));
  if (certificate == nullptr) return "";
  char name[256] = "";
  X509_NAME_oneline(X509_get_subject_name(certificate), name, sizeof(name));
  X509_free(certificate);
  return name;
}

size_t ThreeBytes(const uint8_t* bytes) {
  return size_t{bytes[0]} << 16 | size_t{bytes[1]} << 8 | bytes[2];
}

// A client's Certificate message (RFC 8446, section 4.4.2; RFC 5246, section
// 7.4.2). OpenSSL forgets a certificate that it refuses.
void TakeCertificate(const uint8_t* data, size_t size, int version,
                     Handshake* handshake) {
  handshake->evidence.certificate_answered = true;
  // Type and length; in TLS 1.3 a context and its length; the list's length.
  size_t at = 4;
  if (version >= TLS1_3_VERSION) at += at < size ? 1 + size_t{data[at]} : 1;
  at += 3;
  if (at + 3 > size) return;
  const size_t length = ThreeBytes(data + at);
  at += 3;
  if (length == 0 || length > size - at) return;
  handshake->evidence.has_certificate = true;
  handshake->certificate = SubjectOf(data + at, length);
}

// Called with every message and alert, whole and decrypted.
void OnMessage(int is_sent, int version, int type, const void* bytes,
               size_t size, SSL* /*ssl*/, void* argument) {
  auto* const handshake = static_cast<Handshake*>(argument);
  MSGPROC_CHECK(handshake != nullptr);
  const auto* const data = static_cast<const uint8_t*>(bytes);
  if (type == SSL3_RT_HANDSHAKE && size > 0 && is_sent == 0) {
    if (data[0] == SSL3_MT_CLIENT_HELLO) {
      handshake->evidence.client_hello = true;
    } else if (data[0] == SSL3_MT_CERTIFICATE) {
      TakeCertificate(data, size, version, handshake);
    }
  }
  if (type != SSL3_RT_ALERT || size < 2 || data[0] != kFatal) return;
  int& alert = is_sent != 0 ? handshake->evidence.alert_sent
                            : handshake->evidence.alert_received;
  alert = data[1];
}

std::string DetailOf(const SSL* ssl, const HandshakeEvidence& evidence) {
  if (evidence.alert_received >= 0) {
    return absl::StrCat("the client said: ",
                        SSL_alert_desc_string_long(evidence.alert_received));
  }
  if (const long verified = SSL_get_verify_result(ssl); verified != X509_V_OK) {
    return X509_verify_cert_error_string(verified);
  }
  if (evidence.alert_sent < 0) return "";
  return SSL_alert_desc_string_long(evidence.alert_sent);
}

void OnNew(void* parent, void* /*value*/, CRYPTO_EX_DATA* data, int index,
           long /*unused*/, void* /*unused*/) {
  if (owner.handshakes == nullptr) return;
  auto* const ssl = static_cast<SSL*>(parent);
  auto* const handshake = new Handshake{owner.handshakes, owner.peer, {}, ""};
  CRYPTO_set_ex_data(data, index, handshake);
  SSL_set_msg_callback(ssl, OnMessage);
  SSL_set_msg_callback_arg(ssl, handshake);
}

void OnFree(void* parent, void* value, CRYPTO_EX_DATA* /*data*/, int /*index*/,
            long /*unused*/, void* /*unused*/) {
  if (value == nullptr) return;
  const std::unique_ptr<Handshake> handshake(static_cast<Handshake*>(value));
  const auto* const ssl = static_cast<const SSL*>(parent);
  HandshakeEvidence& evidence = handshake->evidence;
  if (SSL_is_init_finished(ssl) == 1) return;
  BIO* const input = SSL_get_rbio(ssl);
  evidence.bytes_read = input == nullptr ? 0 : BIO_number_read(input);
  handshake->handshakes->Failed(ReasonOf(evidence), handshake->peer,
                                DetailOf(ssl, evidence),
                                handshake->certificate);
}

// Once a process, for SSL objects made from then on.
void AskOpenSslOnce() {
  static const int index = CRYPTO_get_ex_new_index(
      CRYPTO_EX_INDEX_SSL, 0, nullptr, OnNew, nullptr, OnFree);
  static_cast<void>(index);
}

}  // namespace

absl::string_view HandshakeFailureName(HandshakeFailure reason) {
  switch (reason) {
    case HandshakeFailure::kSilent:
      return "silent";
    case HandshakeFailure::kNotTls:
      return "not_tls";
    case HandshakeFailure::kNoCertificate:
      return "no_certificate";
    case HandshakeFailure::kUnknownCa:
      return "unknown_ca";
    case HandshakeFailure::kExpired:
      return "expired";
    case HandshakeFailure::kBadCertificate:
      return "bad_certificate";
    case HandshakeFailure::kRefusedByClient:
      return "refused_by_client";
    case HandshakeFailure::kProtocol:
      return "protocol";
    case HandshakeFailure::kCut:
      return "cut";
    case HandshakeFailure::kCount:
      break;
  }
  return "unknown";
}

HandshakeFailure ReasonOf(const HandshakeEvidence& evidence) {
  if (evidence.alert_received >= 0) return HandshakeFailure::kRefusedByClient;
  if (!evidence.client_hello) {
    return evidence.bytes_read == 0 ? HandshakeFailure::kSilent
                                    : HandshakeFailure::kNotTls;
  }
  if (evidence.alert_sent >= 0 && evidence.certificate_answered &&
      !evidence.has_certificate) {
    return HandshakeFailure::kNoCertificate;
  }
  switch (evidence.alert_sent) {
    case -1:
      return HandshakeFailure::kCut;
    case TLS13_AD_CERTIFICATE_REQUIRED:
      return HandshakeFailure::kNoCertificate;
    case SSL_AD_UNKNOWN_CA:
      return HandshakeFailure::kUnknownCa;
    case SSL_AD_CERTIFICATE_EXPIRED:
      return HandshakeFailure::kExpired;
    case SSL_AD_BAD_CERTIFICATE:
    case SSL_AD_UNSUPPORTED_CERTIFICATE:
    case SSL_AD_CERTIFICATE_REVOKED:
    case SSL_AD_CERTIFICATE_UNKNOWN:
    case SSL_AD_DECRYPT_ERROR:
      return HandshakeFailure::kBadCertificate;
    default:
      return HandshakeFailure::kProtocol;
  }
}

TlsHandshakes::Scope::Scope(std::shared_ptr<TlsHandshakes> handshakes,
                            std::string peer) {
  AskOpenSslOnce();
  owner = {std::move(handshakes), std::move(peer)};
}

TlsHandshakes::Scope::~Scope() { owner = {}; }

void TlsHandshakes::Failed(HandshakeFailure reason, absl::string_view peer,
                           absl::string_view detail,
                           absl::string_view certificate) {
  const auto index = static_cast<size_t>(reason);
  MSGPROC_CHECK_LT(index, kHandshakeFailures);
  counts_[index].fetch_add(1, std::memory_order_relaxed);
  const absl::optional<uint64_t> suppressed = throttles_[index].Admit();
  if (!suppressed.has_value()) return;
  // Whoever checks that the port is open does it every few seconds.
  const LogLevel level = reason == HandshakeFailure::kSilent
                             ? LogLevel::kDebug
                             : LogLevel::kWarning;
  if (!LogEnabled(level)) return;
  Log(level, "TLS handshake failed",
      {{"reason", HandshakeFailureName(reason)},
       {"peer", peer},
       {"detail", detail},
       {"certificate", certificate},
       {"address", address_},
       {"suppressed", *suppressed}});
}

TlsHandshakes::Counts TlsHandshakes::Snapshot() const {
  Counts counts{};
  for (size_t i = 0; i < kHandshakeFailures; ++i) {
    counts[i] = counts_[i].load(std::memory_order_relaxed);
  }
  return counts;
}

}  // namespace msgproc::base
