#include "services/processor/handlers/handler_registry.h"

#include <cstdio>
#include <cstdlib>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/check.h"

namespace msgproc::processor {
namespace {

bool IsName(absl::string_view name) {
  if (name.empty() || name.size() > 64) return false;
  for (const char c : name) {
    if (!absl::ascii_islower(static_cast<unsigned char>(c)) &&
        !absl::ascii_isdigit(static_cast<unsigned char>(c)) && c != '_' &&
        c != '.' && c != '-') {
      return false;
    }
  }
  return true;
}

}  // namespace

HandlerRegistry& HandlerRegistry::Register(absl::string_view name,
                                           std::unique_ptr<Handler> handler,
                                           HandlerTraits traits) {
  MSGPROC_CHECK(handler != nullptr);
  Entry entry{std::string(name), std::move(handler), traits};
  if (!IsName(name) ||
      !entries_.emplace(std::string(name), std::move(entry)).second) {
    std::fprintf(stderr, "Handler name '%s' is malformed or taken.\n",
                 std::string(name).c_str());
    std::abort();
  }
  if (first_.empty()) first_ = std::string(name);
  return *this;
}

absl::StatusOr<const HandlerRegistry::Entry*> HandlerRegistry::Find(
    absl::string_view name) const {
  const auto found = entries_.find(std::string(name));
  if (found == entries_.end()) {
    return absl::NotFoundError(
        absl::StrCat("There is no handler '", name,
                     "'; there are: ", absl::StrJoin(Names(), ", "), "."));
  }
  return &found->second;
}

std::vector<std::string> HandlerRegistry::Names() const {
  std::vector<std::string> names;
  names.reserve(entries_.size());
  for (const auto& [name, entry] : entries_) names.push_back(name);
  return names;
}

}  // namespace msgproc::processor
