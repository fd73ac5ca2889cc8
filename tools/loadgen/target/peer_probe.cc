#include "tools/loadgen/target/peer_probe.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netdb.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "services/base/unique_fd.h"

namespace msgproc::loadgen {
namespace {

using base::UniqueFd;

template <typename T, void (*Free)(T*)>
struct Freer {
  void operator()(T* object) const { Free(object); }
};
template <typename T, void (*Free)(T*)>
using Owned = std::unique_ptr<T, Freer<T, Free>>;
using Context = Owned<SSL_CTX, SSL_CTX_free>;
using Connection = Owned<SSL, SSL_free>;
using Certificate = Owned<X509, X509_free>;

struct HostPort {
  std::string host;
  std::string port;
};

HostPort Split(absl::string_view address) {
  const size_t colon = address.rfind(':');
  absl::string_view host = address.substr(0, colon);
  if (absl::ConsumePrefix(&host, "[")) absl::ConsumeSuffix(&host, "]");
  return {std::string(host), std::string(address.substr(colon + 1))};
}

void SetPatience(int socket, absl::Duration patience) {
  const timeval time = absl::ToTimeval(patience);
  setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &time, sizeof(time));
  // Of connect too.
  setsockopt(socket, SOL_SOCKET, SO_SNDTIMEO, &time, sizeof(time));
}

UniqueFd ConnectTo(int family, const sockaddr* address, socklen_t size,
                   absl::Duration patience, PeerFacts* facts) {
  UniqueFd socket(::socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0));
  SetPatience(socket.get(), patience);
  facts->unreachable.clear();
  if (connect(socket.get(), address, size) == 0) return socket;
  facts->unreachable =
      errno == EINPROGRESS
          ? absl::StrCat("no answer within ", absl::FormatDuration(patience))
          : std::strerror(errno);
  return UniqueFd();
}

UniqueFd Connect(absl::string_view address, absl::Duration patience,
                 PeerFacts* facts) {
  if (absl::ConsumePrefix(&address, "unix:")) {
    while (absl::StartsWith(address, "//")) address.remove_prefix(1);
    sockaddr_un peer{};
    peer.sun_family = AF_UNIX;
    address.copy(peer.sun_path, sizeof(peer.sun_path) - 1);
    return ConnectTo(AF_UNIX, reinterpret_cast<const sockaddr*>(&peer),
                     sizeof(peer), patience, facts);
  }
  const HostPort where = Split(address);
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const int error =
      getaddrinfo(where.host.c_str(), where.port.c_str(), &hints, &found);
  if (error != 0) {
    facts->no_such_host = true;
    facts->unreachable = gai_strerror(error);
    return UniqueFd();
  }
  const Owned<addrinfo, freeaddrinfo> owned(found);
  for (const addrinfo* one = found; one != nullptr; one = one->ai_next) {
    UniqueFd socket = ConnectTo(one->ai_family, one->ai_addr, one->ai_addrlen,
                                patience, facts);
    if (socket.valid()) return socket;
  }
  return UniqueFd();
}

// Says the first words of HTTP/2 and looks at the answer's.
PeerFacts::Speaks SayHttp2(int socket) {
  static constexpr char kWords[] =
      "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
      "\0\0\0\4\0\0\0\0";  // Empty SETTINGS; its last byte is the text's end.
  if (send(socket, kWords, sizeof(kWords), MSG_NOSIGNAL) < 0) {
    return PeerFacts::Speaks::kNothing;
  }
  std::string answer;
  while (answer.size() < 5) {
    char bytes[64];
    const ssize_t count = recv(socket, bytes, sizeof(bytes), 0);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return PeerFacts::Speaks::kNothing;
    answer.append(bytes, static_cast<size_t>(count));
  }
  if (absl::StartsWith(answer, "HTTP/")) return PeerFacts::Speaks::kHttp1;
  constexpr char kSettings = 4;
  if (answer[3] == kSettings && answer[0] == 0) {
    return PeerFacts::Speaks::kPlaintext;
  }
  return PeerFacts::Speaks::kNothing;
}

void Trust(const std::string& authorities, SSL_CTX* context) {
  const Owned<BIO, BIO_free_all> bio(BIO_new_mem_buf(
      authorities.data(), static_cast<int>(authorities.size())));
  if (authorities.empty()) SSL_CTX_set_default_verify_paths(context);
  while (X509* one = PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr)) {
    const Certificate owned(one);
    X509_STORE_add_cert(SSL_CTX_get_cert_store(context), one);
  }
}

std::string Names(const X509* certificate) {
  std::vector<std::string> names;
  auto* const all = static_cast<GENERAL_NAMES*>(
      X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr));
  const Owned<GENERAL_NAMES, GENERAL_NAMES_free> owned(all);
  for (int i = 0; all != nullptr && i < sk_GENERAL_NAME_num(all); ++i) {
    int kind = 0;
    const auto* const value = static_cast<ASN1_STRING*>(
        GENERAL_NAME_get0_value(sk_GENERAL_NAME_value(all, i), &kind));
    const auto* const data = ASN1_STRING_get0_data(value);
    if (kind == GEN_DNS) {
      names.emplace_back(reinterpret_cast<const char*>(data),
                         static_cast<size_t>(ASN1_STRING_length(value)));
    } else if (kind == GEN_IPADD) {
      char text[INET6_ADDRSTRLEN] = "";
      inet_ntop(ASN1_STRING_length(value) == 4 ? AF_INET : AF_INET6, data, text,
                sizeof(text));
      names.emplace_back(text);
    }
  }
  if (names.empty()) {
    char common[256] = "";
    X509_NAME_get_text_by_NID(X509_get_subject_name(certificate),
                              NID_commonName, common, sizeof(common));
    names.emplace_back(common);
  }
  return absl::StrJoin(names, ", ");
}

bool GoodFor(X509* certificate, const std::string& name) {
  return X509_check_host(certificate, name.data(), name.size(), 0, nullptr) ==
             1 ||
         X509_check_ip_asc(certificate, name.c_str(), 0) == 1;
}

// Whether it shakes hands; how, in the facts.
bool SayTls(int socket, const std::string& authorities, const std::string& name,
            PeerFacts* facts) {
  const Context context(SSL_CTX_new(TLS_client_method()));
  Trust(authorities, context.get());
  SSL_CTX_set_verify(context.get(), SSL_VERIFY_NONE, nullptr);
  // Asked for exactly when the server wants one; it gets none.
  SSL_CTX_set_cert_cb(
      context.get(),
      [](SSL*, void* asked) {
        *static_cast<bool*>(asked) = true;
        return 1;
      },
      &facts->asks_for_certificate);
  const Connection connection(SSL_new(context.get()));
  constexpr unsigned char kHttp2[] = "\2h2";
  SSL_set_alpn_protos(connection.get(), kHttp2, sizeof(kHttp2) - 1);
  SSL_set_tlsext_host_name(connection.get(), name.c_str());
  SSL_set_fd(connection.get(), socket);
  SSL_connect(connection.get());
  const Certificate certificate(SSL_get1_peer_certificate(connection.get()));
  if (certificate == nullptr) return false;
  facts->names = Names(certificate.get());
  const long verified = SSL_get_verify_result(connection.get());
  if (verified != X509_V_OK) {
    facts->verify_error = X509_verify_cert_error_string(verified);
  } else {
    facts->wrong_name = !GoodFor(certificate.get(), name);
  }
  return true;
}

}  // namespace

bool CanProbe(absl::string_view address) {
  if (absl::StartsWith(address, "unix:")) return true;
  const size_t colon = address.rfind(':');
  int port = 0;
  if (colon == absl::string_view::npos || absl::StrContains(address, "/") ||
      !absl::SimpleAtoi(address.substr(colon + 1), &port)) {
    return false;
  }
  const absl::string_view host = address.substr(0, colon);
  return absl::StartsWith(host, "[") || !absl::StrContains(host, ":");
}

PeerFacts ProbePeer(absl::string_view address, const std::string& authorities,
                    const std::string& name, absl::Duration patience) {
  PeerFacts facts;
  {
    const UniqueFd socket = Connect(address, patience, &facts);
    if (!socket.valid()) return facts;
    facts.speaks = SayHttp2(socket.get());
  }
  if (facts.speaks != PeerFacts::Speaks::kNothing) return facts;
  const UniqueFd socket = Connect(address, patience, &facts);
  if (!socket.valid()) return facts;
  const std::string expected = name.empty() ? Split(address).host : name;
  if (SayTls(socket.get(), authorities, expected, &facts)) {
    facts.speaks = PeerFacts::Speaks::kTls;
  }
  return facts;
}

}  // namespace msgproc::loadgen
