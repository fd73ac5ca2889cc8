#include "services/balancer/register_token.h"

#include <cstddef>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/time/clock.h"

namespace msgproc::balancer {
namespace {

constexpr size_t kMinTokenBytes = 16;
constexpr absl::string_view kScheme = "Bearer ";

bool EqualInConstantTime(absl::string_view a, absl::string_view b) {
  if (a.size() != b.size()) return false;
  unsigned char difference = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    difference |=
        static_cast<unsigned char>(a[i]) ^ static_cast<unsigned char>(b[i]);
  }
  return difference == 0;
}

}  // namespace

absl::Status RegisterToken::Load(const std::string& path) {
  if (path.empty()) return absl::OkStatus();
  files_ = std::make_shared<base::ReloadedFiles>(
      "register_tokens", std::vector<std::string>{path},
      [this](const std::vector<base::FileText>& files,
             absl::Time /*now*/) -> absl::StatusOr<absl::Time> {
        if (absl::Status status = Take(files.at(0)); !status.ok()) {
          return status;
        }
        return absl::InfiniteFuture();
      });
  return files_->Load(absl::Now());
}

absl::Status RegisterToken::Take(const base::FileText& file) {
  std::vector<std::string> tokens;
  for (const absl::string_view line : absl::StrSplit(file.text, '\n')) {
    const absl::string_view token = absl::StripAsciiWhitespace(line);
    if (token.empty() || absl::StartsWith(token, "#")) continue;
    if (token.size() < kMinTokenBytes) {
      return absl::InvalidArgumentError(
          absl::StrCat("the token file ", file.path, " holds a token of ",
                       token.size(), " bytes; give at least ", kMinTokenBytes,
                       " (openssl rand -hex 32 makes a good one)"));
    }
    tokens.emplace_back(token);
  }
  if (tokens.empty()) {
    return absl::InvalidArgumentError(absl::StrCat(
        "the token file ", file.path, " holds no token; give one a line"));
  }
  MutexLock lock(&mutex_);
  tokens_ = std::move(tokens);
  return absl::OkStatus();
}

absl::Status RegisterToken::Check(absl::string_view authorization,
                                  absl::string_view file) const {
  if (!required()) return absl::OkStatus();
  if (!absl::StartsWithIgnoreCase(authorization, kScheme)) {
    return absl::PermissionDeniedError(
        "this balancer lets only processors with its token register; send it "
        "as metadata \"authorization: Bearer TOKEN\"");
  }
  const absl::string_view shown =
      absl::StripAsciiWhitespace(authorization.substr(kScheme.size()));
  bool known = false;
  MutexLock lock(&mutex_);
  for (const std::string& token : tokens_) {
    known |= EqualInConstantTime(token, shown);
  }
  if (known) return absl::OkStatus();
  return absl::PermissionDeniedError(absl::StrCat(
      "this balancer does not know the token shown; use the one in its ",
      file));
}

}  // namespace msgproc::balancer
