#ifndef MSGPROC_SERVICES_BASE_IDENTITY_ACCESS_RULES_H_
#define MSGPROC_SERVICES_BASE_IDENTITY_ACCESS_RULES_H_

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "services/base/file_text.h"
#include "services/base/identity/access_limits.h"
#include "services/base/identity/principal.h"

namespace msgproc::base {

// What a rule gives to those it fits.
struct Grant {
  // "*": all.
  std::vector<std::string> handlers;
  AccessLimits limits;
  // The rule's name, or "rule 3"; for logs.
  std::string rule;

  bool Allows(absl::string_view handler) const;
};

// An access file (access.proto) that was read. A value that never changes, good
// for many threads.
class AccessRules {
 public:
  // INVALID_ARGUMENT: FILE:LINE:COLUMN and what is wrong there; the first thing
  // that is.
  static absl::StatusOr<AccessRules> Parse(const FileText& file);

  // Of the first rule that fits; null: none does, and the client may nothing.
  // Lives as long as the rules.
  const Grant* Find(const Principal& principal) const;

  size_t size() const { return rules_.size(); }

 private:
  struct Rule {
    bool Fits(const Principal& principal) const;
    // Whether a claim is the rule's value, or a list that has it.
    bool FitsClaim(const Principal& principal) const;

    enum class Who { kAnyone, kExact, kPrefix, kSuffix, kClaim };
    Who who = Who::kAnyone;
    // What the name is compared with, or the claim's name.
    std::string text;
    std::string claim_value;
    // Empty: any.
    std::vector<Principal::Source> sources;
    Grant grant;
  };
  friend class AccessRulesReader;

  explicit AccessRules(std::vector<Rule> rules) : rules_(std::move(rules)) {}

  std::vector<Rule> rules_;
};

}  // namespace msgproc::base

#endif  // MSGPROC_SERVICES_BASE_IDENTITY_ACCESS_RULES_H_
