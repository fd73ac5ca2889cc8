#include "common/locality.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "common/quoted.h"
#include "common/utf8.h"

namespace msgproc {
namespace {

// It goes into logs and flags, as one word between slashes.
bool MayBeInPart(char c) {
  return !absl::ascii_isspace(c) && !absl::ascii_iscntrl(c) && c != '/';
}

absl::Status ValidatePart(absl::string_view name, absl::string_view part) {
  if (part.size() > Locality::kMaxPartBytes) {
    return absl::InvalidArgumentError(absl::StrCat(
        "the ", name, " of a locality has ", part.size(), " bytes; at most ",
        Locality::kMaxPartBytes, " are allowed"));
  }
  if (IsUtf8(part) && std::all_of(part.begin(), part.end(), MayBeInPart)) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(
      absl::StrCat("the ", name, " of a locality is \"",
                   absl::CHexEscape(TruncateUtf8(part, kMostQuotedBytes)),
                   "\"; give one word without a slash, as in eu-west-1a"));
}

}  // namespace

Proximity ProximityOf(const Locality& a, const Locality& b) {
  if (a.region != b.region) return Proximity::kElsewhere;
  if (!a.zone.empty() && a.zone == b.zone) return Proximity::kSameZone;
  return a.region.empty() ? Proximity::kElsewhere : Proximity::kSameRegion;
}

absl::Status Validate(const Locality& locality) {
  for (const auto& [name, part] :
       {std::pair<absl::string_view, absl::string_view>("region",
                                                        locality.region),
        {"zone", locality.zone},
        {"sub_zone", locality.sub_zone}}) {
    if (absl::Status status = ValidatePart(name, part); !status.ok()) {
      return status;
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<Locality> ParseLocality(absl::string_view text) {
  const std::vector<std::string> parts = absl::StrSplit(text, '/');
  Locality locality;
  if (parts.size() > 3) {
    return absl::InvalidArgumentError(
        absl::StrCat("a locality has ", parts.size(),
                     " parts; give region/zone/sub_zone, or less"));
  }
  locality.region = parts[0];
  if (parts.size() > 1) locality.zone = parts[1];
  if (parts.size() > 2) locality.sub_zone = parts[2];
  if (absl::Status status = Validate(locality); !status.ok()) return status;
  return locality;
}

std::string FormatLocality(const Locality& locality) {
  std::string text =
      absl::StrCat(locality.region, "/", locality.zone, "/", locality.sub_zone);
  while (!text.empty() && text.back() == '/') text.pop_back();
  return text;
}

}  // namespace msgproc
