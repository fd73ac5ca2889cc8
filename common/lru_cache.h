#ifndef MSGPROC_COMMON_LRU_CACHE_H_
#define MSGPROC_COMMON_LRU_CACHE_H_

#include <cstddef>
#include <list>
#include <string>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"
#include "common/check.h"

namespace msgproc {

// At most `capacity` values by their text, those that were used last. Not
// thread-safe.
template <typename Value>
class LruCache {
 public:
  explicit LruCache(size_t capacity) : capacity_(capacity) {
    MSGPROC_CHECK_GT(capacity, 0u);
  }

  // Null: it is not there. Else valid until the next Insert or Clear.
  Value* Find(absl::string_view key) {
    const auto it = index_.find(key);
    if (it == index_.end()) return nullptr;
    entries_.splice(entries_.begin(), entries_, it->second);
    return &entries_.front().second;
  }

  // Of a key that is not there. Calls `evicted(Value)` with the one that has to
  // go for it, if any.
  template <typename Evicted>
  Value* Insert(absl::string_view key, Value value, const Evicted& evicted) {
    MSGPROC_DCHECK(!index_.contains(key));
    if (entries_.size() == capacity_) {
      index_.erase(entries_.back().first);
      evicted(std::move(entries_.back().second));
      entries_.pop_back();
    }
    entries_.emplace_front(std::string(key), std::move(value));
    index_.emplace(entries_.front().first, entries_.begin());
    return &entries_.front().second;
  }

  void Erase(absl::string_view key) {
    const auto it = index_.find(key);
    if (it == index_.end()) return;
    const auto entry = it->second;
    index_.erase(it);
    entries_.erase(entry);
  }

  void Clear() {
    index_.clear();
    entries_.clear();
  }

  size_t size() const { return entries_.size(); }

 private:
  using Entries = std::list<std::pair<std::string, Value>>;

  const size_t capacity_;
  // The one that was used last is in front.
  Entries entries_;
  // Its keys are the entries' own.
  absl::flat_hash_map<absl::string_view, typename Entries::iterator> index_;
};

}  // namespace msgproc

#endif  // MSGPROC_COMMON_LRU_CACHE_H_
