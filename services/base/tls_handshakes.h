#ifndef MSGPROC_SERVICES_BASE_TLS_HANDSHAKES_H_
#define MSGPROC_SERVICES_BASE_TLS_HANDSHAKES_H_

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "absl/strings/string_view.h"
#include "services/base/log_throttle.h"

namespace msgproc::base {

// Why a client's TLS handshake failed.
enum class HandshakeFailure {
  kSilent,           // Ended without a byte: what checks a port does that.
  kNotTls,           // Bytes that are no TLS, plaintext HTTP/2 say.
  kNoCertificate,    // It was asked for one and showed none.
  kUnknownCa,        // None of our authorities signed its certificate.
  kExpired,          // Its certificate has.
  kBadCertificate,   // Something else is wrong with it.
  kRefusedByClient,  // It does not want our certificate, or the connection.
  kProtocol,         // No version or cipher in common, or broken TLS.
  kCut,              // It ended, or took too long, in the middle.
  kCount,
};

inline constexpr size_t kHandshakeFailures =
    static_cast<size_t>(HandshakeFailure::kCount);

// "no_certificate", ...: a metric's label.
absl::string_view HandshakeFailureName(HandshakeFailure reason);

// What OpenSSL knows of a handshake that has ended without success.
struct HandshakeEvidence {
  uint64_t bytes_read = 0;
  bool client_hello = false;  // The client has begun to speak TLS.
  // The last fatal alert, as in RFC 8446, section 6; -1: there was none.
  int alert_sent = -1;
  int alert_received = -1;
  // The client has answered the question for its certificate, with one or none.
  bool certificate_answered = false;
  bool has_certificate = false;
};

// Pure.
HandshakeFailure ReasonOf(const HandshakeEvidence& evidence);

// The failed handshakes of a server: counted each, by reason, and logged with
// the client's address, at most one line a second and reason. Thread-safe.
//
// gRPC tells nobody. Its log has a line for some of them, without an address.
// But it makes a connection's SSL object on the thread that hands the socket
// over, and OpenSSL tells whoever has asked for it (CRYPTO_get_ex_new_index)
// when an object is made and when it goes: so Scope says whose it is, and its
// end shows what became of the handshake.
class TlsHandshakes {
 public:
  using Counts = std::array<uint64_t, kHandshakeFailures>;

  // Handshakes begun on this thread, within its life, are those of `peer`.
  class Scope {
   public:
    // `handshakes` may be null: nothing is noted.
    Scope(std::shared_ptr<TlsHandshakes> handshakes, std::string peer);
    ~Scope();
    Scope(const Scope&) = delete;
    Scope& operator=(const Scope&) = delete;
  };

  // `address` is the listener's, for the log.
  explicit TlsHandshakes(std::string address) : address_(std::move(address)) {}

  // `detail` is OpenSSL's word for it; `certificate` names the client by the
  // certificate that it showed. Either may be empty.
  void Failed(HandshakeFailure reason, absl::string_view peer,
              absl::string_view detail, absl::string_view certificate);

  Counts Snapshot() const;

 private:
  const std::string address_;
  std::array<std::atomic<uint64_t>, kHandshakeFailures> counts_{};
  std::array<LogThrottle, kHandshakeFailures> throttles_;
};

}  // namespace msgproc::base

#endif  // MSGPROC_SERVICES_BASE_TLS_HANDSHAKES_H_
