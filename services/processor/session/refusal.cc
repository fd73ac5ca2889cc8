#include "services/processor/session/refusal.h"

#include <algorithm>
#include <array>

#include "absl/strings/cord.h"
#include "absl/types/optional.h"
#include "common/check.h"

namespace msgproc::processor {
namespace {

// Of the payload that is the mark.
constexpr absl::string_view kMark = "msgproc/refusal";

constexpr std::array<absl::string_view, kRefusals> kNames = {
    "unauthenticated", "denied", "not_owner",  "handler_unknown", "no_store",
    "quota",           "memory", "store_down", "store_lost",      "expired",
    "draining",        "window", "malformed"};

Refusal ByCode(absl::StatusCode code, bool draining) {
  switch (code) {
    case absl::StatusCode::kUnauthenticated:
      return Refusal::kUnauthenticated;
    case absl::StatusCode::kPermissionDenied:
      return Refusal::kNotOwner;
    case absl::StatusCode::kNotFound:
      return Refusal::kHandlerUnknown;
    case absl::StatusCode::kResourceExhausted:
      return Refusal::kWindow;
    case absl::StatusCode::kUnavailable:
      return draining ? Refusal::kDraining : Refusal::kStoreDown;
    case absl::StatusCode::kDataLoss:
      return Refusal::kStoreLost;
    case absl::StatusCode::kFailedPrecondition:
      return Refusal::kExpired;
    default:
      return Refusal::kMalformed;
  }
}

}  // namespace

absl::string_view RefusalName(Refusal reason) {
  const auto index = static_cast<size_t>(reason);
  MSGPROC_CHECK_LT(index, kRefusals);
  return kNames[index];
}

absl::Status Marked(Refusal reason, absl::Status status) {
  MSGPROC_CHECK(!status.ok());
  status.SetPayload(kMark, absl::Cord(RefusalName(reason)));
  return status;
}

Refusal RefusalOf(const absl::Status& status, bool draining) {
  MSGPROC_CHECK(!status.ok());
  const absl::optional<absl::Cord> mark = status.GetPayload(kMark);
  if (mark.has_value()) {
    const auto* const name = std::find(kNames.begin(), kNames.end(), *mark);
    MSGPROC_CHECK(name != kNames.end());
    return static_cast<Refusal>(name - kNames.begin());
  }
  return ByCode(status.code(), draining);
}

}  // namespace msgproc::processor
