#include "services/balancer/open_reactors.h"

#include <memory>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "gtest/gtest.h"

namespace msgproc::balancer {
namespace {

struct Reactor {
  void End(absl::Status status) { ended.push_back(std::move(status)); }
  std::vector<absl::Status> ended;
};

TEST(OpenReactorsTest, ThoseThatAreOpenAreEndedAndThoseToComeRefused) {
  const auto gone = std::make_shared<Reactor>();
  const auto open = std::make_shared<Reactor>();
  const auto late = std::make_shared<Reactor>();
  OpenReactors<Reactor> reactors;
  EXPECT_TRUE(reactors.Add(gone).ok());
  EXPECT_TRUE(reactors.Add(open).ok());
  EXPECT_EQ(reactors.size(), 2U);
  reactors.Remove(gone.get());
  EXPECT_EQ(reactors.All(), std::vector<std::shared_ptr<Reactor>>({open}));
  reactors.EndAll();
  EXPECT_TRUE(gone->ended.empty());
  const absl::Status stops = absl::UnavailableError("the balancer stops");
  EXPECT_EQ(open->ended, std::vector<absl::Status>({stops}));
  EXPECT_EQ(reactors.Add(late), stops);
  EXPECT_EQ(reactors.size(), 2U);
}

}  // namespace
}  // namespace msgproc::balancer
