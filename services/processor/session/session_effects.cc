#include "services/processor/session/session_effects.h"

#include <utility>

#include "common/check.h"

namespace msgproc::processor {

void SessionEffects::Add(std::vector<SharedEffects>* effects) {
  for (SharedEffects& each : *effects) {
    const uint64_t position = each->sequence;
    bytes_ += each->bytes;
    const bool once = by_position_.emplace(position, std::move(each)).second;
    MSGPROC_CHECK(once);
  }
  effects->clear();
}

uint64_t SessionEffects::FitFrom(uint64_t first, size_t max_bytes) const {
  uint64_t statements = 0;
  size_t bytes = 0;
  for (auto it = by_position_.lower_bound(first); it != by_position_.end();
       ++it) {
    statements += it->second->statements.size();
    bytes += it->second->bytes;
    const bool too_much = statements > kMaxStatements || bytes > max_bytes;
    if (too_much && it->first > first) return it->first - first;
  }
  return UINT64_MAX;
}

std::vector<SharedEffects> SessionEffects::Of(uint64_t first,
                                              uint64_t through) const {
  std::vector<SharedEffects> effects;
  for (auto it = by_position_.lower_bound(first);
       it != by_position_.end() && it->first <= through; ++it) {
    effects.push_back(it->second);
  }
  return effects;
}

void SessionEffects::ForgetThrough(uint64_t position) {
  while (!by_position_.empty() && by_position_.begin()->first <= position) {
    MSGPROC_CHECK_GE(bytes_, by_position_.begin()->second->bytes);
    bytes_ -= by_position_.begin()->second->bytes;
    by_position_.erase(by_position_.begin());
  }
}

void SessionEffects::Clear() {
  by_position_.clear();
  bytes_ = 0;
}

}  // namespace msgproc::processor
