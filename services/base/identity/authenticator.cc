#include "services/base/identity/authenticator.h"

#include <grpcpp/server_context.h>

#include <memory>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "services/base/identity/certificate_principal.h"

namespace msgproc::base {
namespace {

constexpr absl::string_view kScheme = "Bearer ";

// Of the one header `authorization`.
absl::StatusOr<absl::string_view> TokenIn(
    absl::Span<const absl::string_view> authorization) {
  if (authorization.size() > 1) {
    return absl::UnauthenticatedError(
        "the metadata \"authorization\" is there twice; give one token");
  }
  if (!absl::StartsWithIgnoreCase(authorization[0], kScheme)) {
    return absl::UnauthenticatedError(
        "the metadata \"authorization\" is not \"Bearer\" and a JSON Web "
        "Token, which is all that this server takes");
  }
  return absl::StripAsciiWhitespace(authorization[0].substr(kScheme.size()));
}

absl::Time WallNow(const Clock* clock) {
  return clock == nullptr ? absl::Now() : clock->Now();
}

}  // namespace

absl::StatusOr<std::shared_ptr<Authenticator>> Authenticator::Create(
    Options options) {
  const absl::Time now = WallNow(options.clock);
  auto keys = Keys::Load(
      "jwt_keys", options.jwt_keys,
      [expected = JwtVerifier::Expected{std::move(options.jwt_issuer),
                                        std::move(options.jwt_audience)}](
          const FileText& file) -> absl::StatusOr<JwtVerifier> {
        absl::StatusOr<JwkSet> read = JwkSet::Parse(file);
        if (!read.ok()) return read.status();
        return JwtVerifier(*std::move(read), expected);
      },
      now);
  if (!keys.ok()) return keys.status();
  return std::shared_ptr<Authenticator>(
      new Authenticator(options.clock, *std::move(keys)));
}

absl::StatusOr<Principal> Authenticator::Authenticate(
    const grpc::AuthContext* connection,
    absl::Span<const absl::string_view> authorization) const {
  if (!takes_tokens() || authorization.empty()) {
    return CertificatePrincipal(connection);
  }
  const absl::StatusOr<absl::string_view> token = TokenIn(authorization);
  if (!token.ok()) return token.status();
  return VerifyToken(*token);
}

absl::StatusOr<Principal> Authenticator::Authenticate(
    const grpc::ServerContextBase& call) const {
  std::vector<absl::string_view> authorization;
  const auto [begin, end] = call.client_metadata().equal_range("authorization");
  for (auto shown = begin; shown != end; ++shown) {
    authorization.emplace_back(shown->second.data(), shown->second.size());
  }
  const std::shared_ptr<const grpc::AuthContext> connection =
      call.auth_context();
  return Authenticate(connection.get(), authorization);
}

absl::StatusOr<Principal> Authenticator::VerifyToken(
    absl::string_view token) const {
  const std::shared_ptr<const JwtVerifier> keys = keys_->Current();
  if (keys == nullptr) {
    return absl::FailedPreconditionError(
        "this server takes no tokens: it has no keys to check them with");
  }
  return keys->Verify(token, Now());
}

absl::Status Authenticator::Recheck(const Principal& principal) const {
  if (principal.source != Principal::Source::kToken) return absl::OkStatus();
  const std::shared_ptr<const JwtVerifier> keys = keys_->Current();
  if (keys == nullptr) {
    return absl::UnauthenticatedError("this server takes no tokens any more");
  }
  return keys->Recheck(principal, Now());
}

absl::Time Authenticator::Now() const { return WallNow(clock_); }

absl::Status RefuseAnonymous(const absl::StatusOr<Principal>& principal,
                             absl::string_view who) {
  if (!principal.ok()) return principal.status();
  if (!principal->anonymous()) return absl::OkStatus();
  return absl::UnauthenticatedError(absl::StrCat(
      "this ", who,
      " answers only those who show who they are: by a token (authorization: "
      "Bearer JWT) or by the certificate of their connection"));
}

}  // namespace msgproc::base
