// A store's URL, as an operator may write it: what is said of it has no
// password, wherever libpq finds one, and what is refused is not repeated.
#include <postgresql/libpq-fe.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/string_view.h"
#include "common/check.h"
#include "services/processor/store/store_url.h"

namespace msgproc::fuzz {
namespace {

// Stands for '*' in an input. What has it in it twice has it in two places, of
// which one may be shown.
constexpr absl::string_view kSecret = "Sesame8";

struct FreeOptions {
  void operator()(PQconninfoOption* options) const { PQconninfoFree(options); }
};

// Whether libpq finds the secret in a password, and nowhere else.
bool IsPassword(const std::string& url) {
  const std::unique_ptr<PQconninfoOption, FreeOptions> options(
      PQconninfoParse(url.c_str(), nullptr));
  if (options == nullptr) return false;
  bool found = false;
  for (const PQconninfoOption* at = options.get(); at->keyword != nullptr;
       ++at) {
    if (at->val == nullptr || !absl::StrContains(at->val, kSecret)) continue;
    if (!absl::EndsWith(at->keyword, "password")) return false;
    found = true;
  }
  return found;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string url(reinterpret_cast<const char*>(data), size);
  url = absl::StrReplaceAll(url, {{"*", kSecret}});
  const auto store = processor::ParseStoreUrl(url);
  if (!store.ok()) {
    MSGPROC_CHECK(absl::IsInvalidArgument(store.status()));
    const absl::string_view message = store.status().message();
    MSGPROC_CHECK_LE(message.size(), 1024U);
    if (absl::StartsWith(url, "postgres://") ||
        absl::StartsWith(url, "postgresql://") || IsPassword(url)) {
      MSGPROC_CHECK(!absl::StrContains(message, kSecret));
    }
    return 0;
  }
  if (store->kind == processor::StoreUrl::Kind::kSqlite) {
    MSGPROC_CHECK(!store->target.empty());
    MSGPROC_CHECK(!absl::EndsWith(store->target, "/"));
    return 0;
  }
  MSGPROC_CHECK_EQ(store->target, url);
  if (IsPassword(url)) {
    MSGPROC_CHECK(!absl::StrContains(store->description, kSecret));
  }
  return 0;
}

}  // namespace msgproc::fuzz
