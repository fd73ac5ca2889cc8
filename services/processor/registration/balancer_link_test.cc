// Against real balancers.
#include "services/processor/registration/balancer_link.h"

#include <atomic>
#include <cstdint>
#include <fstream>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "common/mutex.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "services/balancer/server.h"
#include "services/balancer/testing/fake_processor.h"
#include "services/base/testing/certificates.h"
#include "services/base/testing/eventually.h"

namespace msgproc::processor {
namespace {

using balancer::FakeProcessor;
using balancer::FakeRegistration;
using balancer::RegistryEvent;
using balancer::ServerState;
using balancer::ServerStatus;
using base::Eventually;

constexpr absl::Duration kPatience = absl::Seconds(20);

balancer::ServerOptions BalancerOptions() {
  balancer::ServerOptions options;
  options.grpc.acceptor.address = "127.0.0.1:0";
  options.fleet.registry.lease = absl::Milliseconds(900);
  options.fleet.registry.fail_static = absl::ZeroDuration();
  return options;
}

std::unique_ptr<balancer::Server> StartBalancer(
    balancer::ServerOptions options = BalancerOptions()) {
  auto server = balancer::Server::Start(std::move(options));
  EXPECT_TRUE(server.ok()) << server.status();
  return *std::move(server);
}

class BalancerLinkTest : public testing::Test {
 protected:
  void Link(const std::vector<std::string>& balancers,
            const std::string& token = "") {
    link_ = std::make_unique<BalancerLink>(
        BalancerLink::Options{.balancers = balancers,
                              .server_id = "me",
                              .address = processor_.address(),
                              .weight = 2,
                              .token = [token] { return token; },
                              .max_backoff = absl::Milliseconds(200),
                              .replaced_backoff = replaced_backoff_},
        [this] {
          return BalancerLink::Load{.sessions = sessions_.load(),
                                    .cordoned = cordoned_.load()};
        },
        [this](uint32_t sessions, const std::string& to) {
          MutexLock lock(&mutex_);
          moved_ += sessions;
          moved_to_ = to;
        },
        [this](const v1::Order& order) {
          if (order.has_cordoned()) cordoned_ = order.cordoned();
          if (!order.drain()) return;
          MutexLock lock(&mutex_);
          moved_to_ = order.drain_to();
        },
        [] {
          v1::Vitals vitals;
          vitals.set_version("1.2.3");
          return vitals;
        });
  }

  static bool Serves(balancer::Server& balancer) {
    return Eventually([&] {
      const auto list = balancer.fleet().List();
      return list.size() == 1 && list[0].state == ServerState::kServing;
    });
  }

  FakeProcessor processor_;
  absl::Duration replaced_backoff_ = absl::Minutes(5);
  std::atomic<uint64_t> sessions_{0};
  std::atomic<bool> cordoned_{false};
  Mutex mutex_;
  uint64_t moved_ MSGPROC_GUARDED_BY(mutex_) = 0;
  std::string moved_to_ MSGPROC_GUARDED_BY(mutex_);
  std::unique_ptr<BalancerLink> link_;
};

TEST_F(BalancerLinkTest, RegistersWithEveryBalancer) {
  const auto one = StartBalancer();
  const auto two = StartBalancer();
  Link({one->grpc_address(), two->grpc_address()});
  ASSERT_TRUE(Serves(*one) && Serves(*two));
  EXPECT_TRUE(Eventually([&] { return link_->registered() == 2; }));
  const ServerStatus status = one->fleet().List()[0];
  EXPECT_EQ(status.report.server_id, "me");
  EXPECT_EQ(status.report.address, processor_.address());
  EXPECT_EQ(status.report.weight, 2);
}

TEST_F(BalancerLinkTest, KeepsItsLease) {
  const auto balancer = StartBalancer();
  Link({balancer->grpc_address()});
  ASSERT_TRUE(Serves(*balancer));
  // Its report grows old and young again.
  const auto age = [&] { return balancer->fleet().List()[0].report_age; };
  for (int i = 0; i < 5; ++i) {
    ASSERT_TRUE(Eventually([&] { return age() > absl::Milliseconds(150); }));
    ASSERT_TRUE(Eventually([&] { return age() < absl::Milliseconds(150); }));
  }
  EXPECT_EQ(balancer->fleet().EventCount(RegistryEvent::Kind::kLeaseExpired),
            0U);
}

TEST_F(BalancerLinkTest, ReportsAChangeOfItsSessionsWithoutWaiting) {
  balancer::ServerOptions options = BalancerOptions();
  options.fleet.registry.lease = absl::Hours(1);
  const auto balancer = StartBalancer(std::move(options));
  Link({balancer->grpc_address()});
  ASSERT_TRUE(Serves(*balancer));
  for (const uint64_t sessions : {10, 20, 0}) {
    sessions_.store(sessions);
    EXPECT_TRUE(Eventually([&] {
      return balancer->fleet().List()[0].report.load.sessions == sessions;
    }));
  }
}

TEST_F(BalancerLinkTest, ComesBackToABalancerThatWasRestarted) {
  FakeProcessor reserved;
  reserved.Stop();
  balancer::ServerOptions options = BalancerOptions();
  options.grpc.acceptor.address = reserved.address();
  Link({reserved.address()});
  for (int i = 0; i < 3; ++i) {
    const auto balancer = StartBalancer(options);
    EXPECT_TRUE(Serves(*balancer));
  }
  EXPECT_TRUE(Eventually([&] { return link_->registered() == 0; }));
}

TEST_F(BalancerLinkTest, DrainsBeforeItLeaves) {
  const auto one = StartBalancer();
  const auto two = StartBalancer();
  Link({one->grpc_address(), two->grpc_address()});
  ASSERT_TRUE(Serves(*one) && Serves(*two));
  ASSERT_TRUE(Eventually([&] { return link_->registered() == 2; }));
  link_->Drain(kPatience);
  for (const auto& balancer : {one.get(), two.get()}) {
    EXPECT_TRUE(Eventually([&] {
      return balancer->fleet().List()[0].state == ServerState::kDraining;
    }));
  }
  link_->Leave(kPatience);
  for (const auto& balancer : {one.get(), two.get()}) {
    EXPECT_TRUE(Eventually([&] {
      return balancer->fleet().EventCount(RegistryEvent::Kind::kLeft) == 1;
    }));
    EXPECT_TRUE(balancer->fleet().List().empty());
  }
  EXPECT_EQ(link_->registered(), 0U);
}

TEST_F(BalancerLinkTest, LeavesSoonWhenNoBalancerIsThere) {
  FakeProcessor nobody;
  nobody.Stop();
  Link({nobody.address()});
  link_->Drain(kPatience);
  link_->Leave(kPatience);
  EXPECT_EQ(link_->registered(), 0U);
}

TEST_F(BalancerLinkTest, PassesOnWhatTheFirstBalancerWantsMoved) {
  const auto first = StartBalancer();
  FakeProcessor empty;
  sessions_.store(100);
  FakeRegistration other(first->grpc_address(), "other", empty.address());
  ASSERT_TRUE(other.Report());
  Link({first->grpc_address()});
  EXPECT_TRUE(Eventually([&] {
    other.Report();
    MutexLock lock(&mutex_);
    return moved_ > 0 && moved_to_ == empty.address();
  }));
}

TEST_F(BalancerLinkTest, MovesNothingForTheOtherBalancers) {
  const auto first = StartBalancer();
  const auto second = StartBalancer();
  FakeProcessor empty;
  sessions_.store(100);
  // Only the second one knows of another server.
  FakeRegistration other(second->grpc_address(), "other", empty.address());
  ASSERT_TRUE(other.Report());
  Link({first->grpc_address(), second->grpc_address()});
  ASSERT_TRUE(Eventually([&] {
    other.Report();
    return second->fleet().moves() > 0;
  }));
  link_.reset();
  MutexLock lock(&mutex_);
  EXPECT_EQ(moved_, 0U);
}

TEST_F(BalancerLinkTest, AnOrderOfAnyBalancerIsPassedOnAndAllHearOfIt) {
  // Far longer than a test: they hear of it in no ordinary report.
  balancer::ServerOptions options = BalancerOptions();
  options.fleet.registry.lease = absl::Hours(1);
  const auto first = StartBalancer(options);
  const auto second = StartBalancer(options);
  Link({first->grpc_address(), second->grpc_address()});
  ASSERT_TRUE(Serves(*first) && Serves(*second));
  EXPECT_EQ(first->fleet().List()[0].report.vitals.version, "1.2.3");
  for (const bool cordoned : {true, false}) {
    ASSERT_TRUE(
        second->fleet()
            .Order("me",
                   {.cordoned = cordoned, .drain = true, .drain_to = "b:1"})
            .ok());
    for (const auto& balancer : {first.get(), second.get()}) {
      EXPECT_TRUE(Eventually([&] {
        const ServerStatus status = balancer->fleet().List()[0];
        return status.report.cordoned == cordoned &&
               status.state ==
                   (cordoned ? ServerState::kDraining : ServerState::kServing);
      }));
    }
  }
  MutexLock lock(&mutex_);
  EXPECT_EQ(moved_to_, "b:1");
}

TEST_F(BalancerLinkTest, ABalancerThatWasRestartedIsToldThatItIsCordoned) {
  FakeProcessor reserved;
  reserved.Stop();
  balancer::ServerOptions options = BalancerOptions();
  options.grpc.acceptor.address = reserved.address();
  cordoned_ = true;
  Link({reserved.address()});
  for (int i = 0; i < 2; ++i) {
    const auto balancer = StartBalancer(options);
    EXPECT_TRUE(Eventually([&] {
      const auto list = balancer->fleet().List();
      return list.size() == 1 && list[0].report.cordoned &&
             list[0].state == ServerState::kDraining;
    }));
  }
}

TEST_F(BalancerLinkTest, WhatIsCordonedIsReportedAtOnceWhenAsked) {
  balancer::ServerOptions options = BalancerOptions();
  options.fleet.registry.lease = absl::Hours(1);
  const auto balancer = StartBalancer(std::move(options));
  Link({balancer->grpc_address()});
  ASSERT_TRUE(Serves(*balancer));
  ASSERT_TRUE(Eventually([&] { return link_->registered() == 1; }));
  cordoned_ = true;
  link_->ReportNow(kPatience);
  EXPECT_TRUE(balancer->fleet().List()[0].report.cordoned);
}

TEST_F(BalancerLinkTest, OfTwoWithOneNameTheEarlierStaysAway) {
  const auto balancer = StartBalancer();
  Link({balancer->grpc_address()});
  ASSERT_TRUE(Serves(*balancer));
  const std::unique_ptr<BalancerLink> earlier = std::move(link_);
  Link({balancer->grpc_address()});
  EXPECT_TRUE(Eventually(
      [&] { return earlier->registered() == 0 && link_->registered() == 1; }));
  // Long enough for the earlier to have come back several times, had it tried.
  for (uint64_t sessions = 1; sessions <= 4; ++sessions) {
    sessions_ = sessions;
    ASSERT_TRUE(Eventually([&] {
      return balancer->fleet().List()[0].report.load.sessions == sessions;
    }));
  }
  EXPECT_EQ(balancer->fleet().EventCount(RegistryEvent::Kind::kReplaced), 1U);
  EXPECT_EQ(earlier->registered(), 0U);
}

TEST_F(BalancerLinkTest, TheEarlierComesBackWhenTheOtherHasLeft) {
  const auto balancer = StartBalancer();
  replaced_backoff_ = absl::Milliseconds(300);
  Link({balancer->grpc_address()});
  ASSERT_TRUE(Serves(*balancer));
  FakeRegistration other(balancer->grpc_address(), "me", processor_.address());
  ASSERT_TRUE(other.Report());
  ASSERT_TRUE(Eventually([&] { return link_->registered() == 0; }));
  EXPECT_TRUE(Eventually([&] { return link_->registered() == 1; }));
}

TEST_F(BalancerLinkTest, TriesOnWhenItMayNotRegister) {
  const std::string file = base::NewTestFolder() + "/token";
  std::ofstream(file) << "0123456789abcdef\n";
  balancer::ServerOptions options = BalancerOptions();
  options.register_token_file = file;
  const auto balancer = StartBalancer(options);
  Link({balancer->grpc_address()}, "a token that is not the one");
  EXPECT_FALSE(Eventually([&] { return link_->registered() == 1; },
                          absl::Milliseconds(300)));
  EXPECT_TRUE(balancer->fleet().List().empty());
  Link({balancer->grpc_address()}, "0123456789abcdef");
  EXPECT_TRUE(Serves(*balancer));
}

}  // namespace
}  // namespace msgproc::processor
