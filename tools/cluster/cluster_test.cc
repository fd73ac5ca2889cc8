#include "tools/cluster/cluster.h"

#include <memory>
#include <string>
#include <utility>

#include "absl/strings/match.h"
#include "gtest/gtest.h"
#include "services/base/testing/eventually.h"
#include "tools/cluster/ports.h"
#include "tools/cluster/temporary_folder.h"

namespace msgproc::cluster {
namespace {

class ClusterTest : public ::testing::Test {
 protected:
  void Start(Options options) {
    options.folder = folder_.path();
    auto cluster = Cluster::Start(std::move(options));
    ASSERT_TRUE(cluster.ok()) << cluster.status();
    cluster_ = *std::move(cluster);
  }

  TemporaryFolder folder_;
  std::unique_ptr<Cluster> cluster_;
};

TEST_F(ClusterTest, ServesOnceItIsStarted) {
  Start({.model = Model::kNginx, .processors = 2});
  EXPECT_TRUE(SpeaksHttp2(cluster_->target()));
  for (int i = 0; i < cluster_->processor_count(); ++i) {
    EXPECT_TRUE(Accepts(cluster_->address(i)));
    const auto ready = HttpGet(cluster_->http_address(i), "/readyz");
    EXPECT_TRUE(ready.ok()) << ready.status();
  }
  EXPECT_EQ(cluster_->EndedByItself(), "");
}

TEST_F(ClusterTest, AProcessorComesBackToItsAddress) {
  Start({.model = Model::kBalancer, .processors = 2});
  const std::string address = cluster_->address(1);
  const pid_t before = cluster_->pid(1);
  cluster_->Kill(1);
  EXPECT_EQ(cluster_->pid(1), 0);
  EXPECT_FALSE(Accepts(address));
  // Who asked for it has no surprise.
  EXPECT_EQ(cluster_->EndedByItself(), "");
  ASSERT_TRUE(cluster_->Restart(1).ok());
  EXPECT_EQ(cluster_->address(1), address);
  EXPECT_NE(cluster_->pid(1), before);
  EXPECT_TRUE(Accepts(address));
}

TEST_F(ClusterTest, AProcessorThatIsAskedToStopDrainsAndEndsWell) {
  Start({.model = Model::kWorkers, .workers = 1});
  EXPECT_TRUE(cluster_->Terminate(0, absl::Seconds(30)).ok());
  EXPECT_EQ(cluster_->pid(0), 0);
}

TEST_F(ClusterTest, UsageCountsWorkersAndThoseThatEnded) {
  Start({.model = Model::kWorkers, .workers = 2});
  const ProcessUsage first = cluster_->ProcessorsUsage();
  EXPECT_GT(first.resident_bytes, 0u);
  ASSERT_TRUE(cluster_->Restart(0).ok());
  EXPECT_GE(cluster_->ProcessorsUsage().cpu, first.cpu);
  EXPECT_EQ(cluster_->FrontUsage().resident_bytes, 0u);
}

TEST_F(ClusterTest, NothingIsLeftOnceItIsGone) {
  Start({.model = Model::kNginx, .processors = 1});
  const std::string target = cluster_->target();
  const std::string address = cluster_->address(0);
  cluster_.reset();
  EXPECT_FALSE(Accepts(address));
  // NGINX's workers were killed with it, but nobody here can wait for them.
  EXPECT_TRUE(base::Eventually([&] { return !Accepts(target); }));
}

TEST_F(ClusterTest, WhatDoesNotStartIsAnErrorWithItsWords) {
  Options options{.handler = "none_such"};
  options.folder = folder_.path();
  const auto cluster = Cluster::Start(std::move(options));
  ASSERT_FALSE(cluster.ok());
  EXPECT_TRUE(absl::StrContains(cluster.status().message(), "none_such"))
      << cluster.status();
}

}  // namespace
}  // namespace msgproc::cluster
