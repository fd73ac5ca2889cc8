#include "services/processor/session/principal_usage.h"

#include <algorithm>
#include <iterator>

namespace msgproc::processor {
namespace {

void AddTo(PrincipalUsage::Sent* sum, const PrincipalUsage::Sent& sent) {
  sum->messages += sent.messages;
  sum->bytes += sent.bytes;
}

}  // namespace

std::shared_ptr<PrincipalUsage::Count> PrincipalUsage::For(
    const base::Principal& principal) {
  if (principal.anonymous()) return nullptr;
  MutexLock lock(&mutex_);
  const Key key(principal.source, principal.name);
  const auto found = entries_.find(key);
  if (found != entries_.end()) return found->second.count;
  if (entries_.size() >= known_) Forget();
  if (entries_.size() >= known_) return rest_;
  return entries_[key].count;
}

PrincipalUsage::Sent PrincipalUsage::Take(const Count& count, Sent* seen) {
  const Sent now = {count.messages_.load(std::memory_order_relaxed),
                    count.bytes_.load(std::memory_order_relaxed)};
  const Sent sent = {now.messages - seen->messages, now.bytes - seen->bytes};
  *seen = now;
  return sent;
}

void PrincipalUsage::Forget() {
  for (auto it = entries_.begin(); it != entries_.end();) {
    Entry& entry = it->second;
    // Nobody takes another but under the lock.
    if (entry.top || entry.count.use_count() > 1) {
      ++it;
      continue;
    }
    AddTo(&others_, Take(*entry.count, &entry.seen));
    it = entries_.erase(it);
  }
}

std::vector<PrincipalUsage::Line> PrincipalUsage::Top() {
  MutexLock lock(&mutex_);
  struct Ranked {
    const Key* key;
    Entry* entry;
    Sent sent;
  };
  std::vector<Ranked> ranked;
  ranked.reserve(entries_.size());
  for (auto& [key, entry] : entries_) {
    ranked.push_back({&key, &entry, Take(*entry.count, &entry.seen)});
  }
  const size_t shown = std::min(shown_, ranked.size());
  std::partial_sort(ranked.begin(),
                    ranked.begin() + static_cast<std::ptrdiff_t>(shown),
                    ranked.end(), [](const Ranked& a, const Ranked& b) {
                      const uint64_t of_a = a.entry->seen.messages;
                      const uint64_t of_b = b.entry->seen.messages;
                      return of_a != of_b ? of_a > of_b : *a.key < *b.key;
                    });
  std::vector<Line> lines;
  for (size_t i = 0; i < ranked.size(); ++i) {
    Entry& entry = *ranked[i].entry;
    entry.top = i < shown;
    AddTo(entry.top ? &entry.shown : &others_, ranked[i].sent);
    if (!entry.top) continue;
    lines.push_back({ranked[i].key->first, ranked[i].key->second, entry.shown});
  }
  AddTo(&others_, Take(*rest_, &rest_seen_));
  lines.push_back({.sent = others_});
  return lines;
}

}  // namespace msgproc::processor
