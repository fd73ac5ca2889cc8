#ifndef MSGPROC_SERVICES_BALANCER_FAKE_ROSTER_H_
#define MSGPROC_SERVICES_BALANCER_FAKE_ROSTER_H_

#include <cstddef>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/locality.h"
#include "services/balancer/roster.h"

namespace msgproc::balancer {

// Servers s0, s1, … at s0:1, s1:1, … with these weights.
inline std::shared_ptr<const Roster> FakeRoster(
    const std::vector<double>& weights) {
  std::vector<std::shared_ptr<Member>> members;
  for (size_t i = 0; i < weights.size(); ++i) {
    const std::string name = absl::StrCat("s", i);
    members.push_back(
        std::make_shared<Member>(name, absl::StrCat(name, ":1"), weights[i]));
  }
  return std::make_shared<const Roster>(std::move(members));
}

inline std::shared_ptr<const Roster> FakeRoster(size_t size) {
  return FakeRoster(std::vector<double>(size, 1.0));
}

// Likewise, each of weight 1, at these places ("region/zone").
inline std::shared_ptr<const Roster> FakeRosterAt(
    const std::vector<std::string>& localities) {
  std::vector<std::shared_ptr<Member>> members;
  for (size_t i = 0; i < localities.size(); ++i) {
    const std::string name = absl::StrCat("s", i);
    members.push_back(std::make_shared<Member>(
        name, absl::StrCat(name, ":1"), 1, *ParseLocality(localities[i])));
  }
  return std::make_shared<const Roster>(std::move(members));
}

}  // namespace msgproc::balancer

#endif  // MSGPROC_SERVICES_BALANCER_FAKE_ROSTER_H_
