#include "services/balancer/store_census.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace msgproc::balancer {
namespace {

// A fleet in which every server has a store of its own is as wrong as one with
// two, and must not make every change of it quadratic.
constexpr size_t kMostStores = 8;

}  // namespace

void StoreCensus::Count(absl::string_view generation,
                        absl::string_view server_id) {
  const auto found = std::find_if(
      stores_.begin(), stores_.end(),
      [&](const Store& store) { return store.generation == generation; });
  if (found != stores_.end()) {
    ++found->servers;
  } else if (stores_.size() < kMostStores) {
    stores_.push_back({std::string(generation), std::string(server_id), 1});
  }
}

std::string StoreCensus::Describe() const {
  std::string text;
  for (const Store& store : stores_) {
    absl::StrAppend(&text, text.empty() ? "" : ", ",
                    store.generation.empty() ? "memory" : store.generation,
                    " (", store.first_server);
    if (store.servers > 1) {
      absl::StrAppend(&text, " and ", store.servers - 1, " more");
    }
    text += ')';
  }
  return text;
}

}  // namespace msgproc::balancer
