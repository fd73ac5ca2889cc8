#include "services/processor/session/open_request.h"

#include <openssl/sha.h>

#include <cstddef>
#include <string>

#include "absl/strings/str_cat.h"
#include "services/base/identity/principal.h"

namespace msgproc::processor {
namespace {

constexpr size_t kMaxIdBytes = 128;
constexpr size_t kMinTokenBytes = 16;
constexpr size_t kMaxTokenBytes = 64;
constexpr size_t kMaxClientNameBytes = 256;
// No client lives to see it, and sequences must not wrap.
constexpr uint64_t kMaxReceivedThrough = uint64_t{1} << 62;

std::string Sha256(absl::string_view bytes) {
  std::string digest(SHA256_DIGEST_LENGTH, '\0');
  SHA256(reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size(),
         reinterpret_cast<unsigned char*>(digest.data()));
  return digest;
}

// Whose a session is, as the store has it.
std::string PrincipalKey(const base::Principal& principal) {
  switch (principal.source) {
    case base::Principal::Source::kAnonymous:
      return "";
    case base::Principal::Source::kCertificate:
      return absl::StrCat("certificate:", principal.name);
    case base::Principal::Source::kToken:
      return absl::StrCat("token:", principal.name);
  }
  return "";
}

}  // namespace

absl::Status CheckOpen(const OpenRequest& request) {
  if (request.session_id.size() > kMaxIdBytes) {
    return absl::InvalidArgumentError(
        absl::StrCat("session_id has ", request.session_id.size(),
                     " bytes; at most ", kMaxIdBytes, " are allowed."));
  }
  const size_t token = request.session_token.size();
  if (token != 0 && (token < kMinTokenBytes || token > kMaxTokenBytes)) {
    return absl::InvalidArgumentError(
        absl::StrCat("session_token has ", token, " bytes; ", kMinTokenBytes,
                     " to ", kMaxTokenBytes, " are needed."));
  }
  if (request.client_name.size() > kMaxClientNameBytes) {
    return absl::InvalidArgumentError(
        absl::StrCat("client_name has ", request.client_name.size(),
                     " bytes; at most ", kMaxClientNameBytes, " are allowed."));
  }
  if (request.received_through > kMaxReceivedThrough) {
    return absl::InvalidArgumentError(
        absl::StrCat("received_through is ", request.received_through,
                     "; at most ", kMaxReceivedThrough, " is possible."));
  }
  if (request.has_messages && request.received_through > 0) {
    return absl::InvalidArgumentError(
        "Only a session's first Open may carry messages along.");
  }
  return absl::OkStatus();
}

Claim ClaimOf(const OpenRequest& request) {
  Claim claim;
  claim.session_id = std::string(request.session_id);
  claim.token_sha256 = Sha256(request.session_token);
  claim.principal = PrincipalKey(request.context.principal);
  claim.handler = std::string(request.handler);
  claim.received_through = request.received_through;
  claim.resumes = request.resumes;
  claim.store_generation = std::string(request.store_generation);
  claim.instance = request.generation.instance;
  claim.attempt = request.generation.attempt;
  return claim;
}

}  // namespace msgproc::processor
