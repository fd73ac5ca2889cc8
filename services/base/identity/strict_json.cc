#include "services/base/identity/strict_json.h"

namespace msgproc::base {
namespace {

constexpr int kMostLevels = 16;

}  // namespace

nlohmann::json ParseJsonObject(absl::string_view text) {
  bool too_deep = false;
  nlohmann::json json = nlohmann::json::parse(
      text.begin(), text.end(),
      [&too_deep](int depth, nlohmann::json::parse_event_t /*event*/,
                  nlohmann::json& /*parsed*/) {
        if (depth > kMostLevels) too_deep = true;
        return depth <= kMostLevels;
      },
      /*allow_exceptions=*/false);
  if (too_deep || !json.is_object()) return nlohmann::json::value_t::discarded;
  return json;
}

}  // namespace msgproc::base
