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

}  // namespace

absl::StatusOr<std::shared_ptr<Authenticator>> Authenticator::Create(
    Options options) {
  std::shared_ptr<Authenticator> made(new Authenticator(std::move(options)));
  const std::string& keys = made->options_.jwt_keys;
  if (keys.empty()) return made;
  made->files_ = std::make_shared<ReloadedFiles>(
      "jwt_keys", std::vector<std::string>{keys},
      [self = std::weak_ptr<Authenticator>(made)](
          const std::vector<FileText>& files,
          absl::Time /*now*/) -> absl::StatusOr<absl::Time> {
        const std::shared_ptr<Authenticator> authenticator = self.lock();
        if (authenticator == nullptr) return absl::CancelledError();
        return authenticator->Take(files.at(0));
      });
  if (absl::Status loaded = made->files_->Load(made->Now()); !loaded.ok()) {
    return absl::Status(loaded.code(),
                        absl::StrCat("--jwt_keys: ", loaded.message()));
  }
  return made;
}

Authenticator::Authenticator(Options options) : options_(std::move(options)) {}

absl::StatusOr<absl::Time> Authenticator::Take(const FileText& file) {
  absl::StatusOr<JwkSet> keys = JwkSet::Parse(file);
  if (!keys.ok()) return keys.status();
  auto verifier = std::make_shared<const JwtVerifier>(
      *std::move(keys),
      JwtVerifier::Expected{options_.jwt_issuer, options_.jwt_audience});
  std::vector<std::function<void()>> on_change;
  {
    MutexLock lock(&mutex_);
    verifier_ = std::move(verifier);
    on_change = on_change_;
  }
  for (const auto& changed : on_change) changed();
  return absl::InfiniteFuture();
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
  const std::shared_ptr<const JwtVerifier> keys = verifier();
  if (keys == nullptr) {
    return absl::FailedPreconditionError(
        "this server takes no tokens: it has no keys to check them with");
  }
  return keys->Verify(token, Now());
}

absl::Status Authenticator::Recheck(const Principal& principal) const {
  if (principal.source != Principal::Source::kToken) return absl::OkStatus();
  const std::shared_ptr<const JwtVerifier> keys = verifier();
  if (keys == nullptr) {
    return absl::UnauthenticatedError("this server takes no tokens any more");
  }
  return keys->Recheck(principal, Now());
}

std::vector<std::shared_ptr<ReloadedFiles>> Authenticator::files() const {
  if (files_ == nullptr) return {};
  return {files_};
}

void Authenticator::OnChange(std::function<void()> changed) {
  MutexLock lock(&mutex_);
  on_change_.push_back(std::move(changed));
}

std::shared_ptr<const JwtVerifier> Authenticator::verifier() const {
  MutexLock lock(&mutex_);
  return verifier_;
}

absl::Time Authenticator::Now() const {
  return options_.clock == nullptr ? absl::Now() : options_.clock->Now();
}

}  // namespace msgproc::base
