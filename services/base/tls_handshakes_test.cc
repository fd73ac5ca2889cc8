#include "services/base/tls_handshakes.h"

#include <openssl/ssl.h>

#include <algorithm>
#include <cstddef>
#include <string>

#include "gtest/gtest.h"

namespace msgproc::base {
namespace {

struct Case {
  HandshakeEvidence evidence;
  HandshakeFailure reason;
};

// Against real clients: grpc_server_tls_test.
TEST(TlsHandshakesTest, TheEvidenceTellsTheReason) {
  const Case cases[] = {
      {{}, HandshakeFailure::kSilent},
      {{.bytes_read = 24}, HandshakeFailure::kNotTls},
      {{.bytes_read = 5, .alert_sent = SSL_AD_PROTOCOL_VERSION},
       HandshakeFailure::kNotTls},
      {{.bytes_read = 9, .client_hello = true}, HandshakeFailure::kCut},
      {{.client_hello = true, .alert_sent = SSL_AD_PROTOCOL_VERSION},
       HandshakeFailure::kProtocol},
      {{.client_hello = true, .alert_sent = SSL_AD_HANDSHAKE_FAILURE},
       HandshakeFailure::kProtocol},
      // TLS 1.2 has no alert of its own for it.
      {{.client_hello = true,
        .alert_sent = SSL_AD_HANDSHAKE_FAILURE,
        .certificate_answered = true},
       HandshakeFailure::kNoCertificate},
      {{.client_hello = true, .alert_sent = TLS13_AD_CERTIFICATE_REQUIRED},
       HandshakeFailure::kNoCertificate},
      {{.client_hello = true,
        .alert_sent = SSL_AD_UNKNOWN_CA,
        .certificate_answered = true,
        .has_certificate = true},
       HandshakeFailure::kUnknownCa},
      {{.client_hello = true,
        .alert_sent = SSL_AD_CERTIFICATE_EXPIRED,
        .certificate_answered = true,
        .has_certificate = true},
       HandshakeFailure::kExpired},
      {{.client_hello = true,
        .alert_sent = SSL_AD_BAD_CERTIFICATE,
        .certificate_answered = true,
        .has_certificate = true},
       HandshakeFailure::kBadCertificate},
      {{.client_hello = true, .alert_received = SSL_AD_UNKNOWN_CA},
       HandshakeFailure::kRefusedByClient},
  };
  for (const Case& row : cases) {
    EXPECT_EQ(ReasonOf(row.evidence), row.reason)
        << HandshakeFailureName(row.reason) << " expected, "
        << HandshakeFailureName(ReasonOf(row.evidence));
  }
}

TEST(TlsHandshakesTest, AllAreCountedAndFewLogged) {
  TlsHandshakes handshakes("127.0.0.1:1");
  ::testing::internal::CaptureStderr();
  for (int i = 0; i < 500; ++i) {
    handshakes.Failed(HandshakeFailure::kUnknownCa, "ipv4:192.0.2.7:5", "why",
                      "/CN=x");
  }
  const std::string log = ::testing::internal::GetCapturedStderr();
  EXPECT_EQ(
      handshakes.Snapshot()[static_cast<size_t>(HandshakeFailure::kUnknownCa)],
      500u);
  EXPECT_NE(log.find("peer=ipv4:192.0.2.7:5"), std::string::npos) << log;
  EXPECT_LT(std::count(log.begin(), log.end(), '\n'), 5);
}

}  // namespace
}  // namespace msgproc::base
