// Against real balancers.
#include "client/server_locator.h"

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "common/mutex.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "services/balancer/server.h"
#include "services/balancer/testing/fake_processor.h"
#include "services/base/testing/eventually.h"

namespace msgproc::client {
namespace {

using balancer::FakeProcessor;
using balancer::Server;
using base::Eventually;
using testing::HasSubstr;

std::unique_ptr<Server> StartBalancer(
    const std::vector<std::string>& servers,
    const std::string& address = "127.0.0.1:0") {
  balancer::ServerOptions options;
  options.grpc.acceptor.address = address;
  options.static_servers = servers;
  auto server = Server::Start(std::move(options));
  EXPECT_TRUE(server.ok()) << server.status();
  return *std::move(server);
}

absl::StatusOr<std::string> Ask(ServerLocator& locator,
                                const std::vector<std::string>& failed = {}) {
  Mutex mutex;
  CondVar answered;
  std::optional<absl::StatusOr<std::string>> answer;
  locator.Next(failed, "", [&](absl::StatusOr<std::string> address) {
    MutexLock lock(&mutex);
    answer = std::move(address);
    answered.SignalAll();
  });
  MutexLock lock(&mutex);
  while (!answer.has_value()) answered.Wait(&mutex);
  return *answer;
}

TEST(ServerLocatorTest, FindsAServerAndAnotherWhenThatFailed) {
  FakeProcessor one;
  FakeProcessor two;
  const auto balancer = StartBalancer({one.address(), two.address()});
  ServerLocator locator({.balancers = {balancer->grpc_address()}});
  ASSERT_TRUE(Eventually([&] {
    return Ask(locator, {one.address()}).value_or("") == two.address() &&
           Ask(locator, {two.address()}).value_or("") == one.address();
  }));
}

TEST(ServerLocatorTest, SaysWhatTheBalancerSaid) {
  const auto balancer = StartBalancer({});
  ServerLocator locator({.balancers = {balancer->grpc_address()}});
  const auto answer = Ask(locator);
  EXPECT_EQ(answer.status().code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(answer.status().message()),
              HasSubstr("none is registered"));
}

TEST(ServerLocatorTest, AsksTheNextBalancerWhenOneIsDown) {
  FakeProcessor processor;
  FakeProcessor stopped;
  stopped.Stop();
  const auto balancer = StartBalancer({processor.address()});
  ServerLocator locator(
      {.balancers = {stopped.address(), balancer->grpc_address()}});
  EXPECT_TRUE(Eventually(
      [&] { return Ask(locator).value_or("") == processor.address(); }));
}

TEST(ServerLocatorTest, FallsBackToWhatItKnowsAndFindsTheBalancerAgain) {
  FakeProcessor one;
  FakeProcessor two;
  FakeProcessor reserved;
  reserved.Stop();
  const std::string address = reserved.address();
  auto balancer = StartBalancer({one.address(), two.address()}, address);
  ServerLocator locator({.balancers = {address}});
  ASSERT_TRUE(Eventually([&] {
    return Ask(locator, {one.address()}).value_or("") == two.address() &&
           Ask(locator, {two.address()}).value_or("") == one.address();
  }));
  ASSERT_TRUE(Ask(locator).ok());
  balancer.reset();
  EXPECT_EQ(Ask(locator, {one.address()}).value_or(""), two.address());
  EXPECT_EQ(Ask(locator, {two.address()}).value_or(""), one.address());
  FakeProcessor three;
  balancer = StartBalancer({three.address()}, address);
  EXPECT_TRUE(
      Eventually([&] { return Ask(locator).value_or("") == three.address(); }));
}

TEST(ServerLocatorTest, WhatIsNoBalancerIsSaidAtOnce) {
  FakeProcessor processor;
  ServerLocator locator({.balancers = {processor.address()}});
  EXPECT_EQ(Ask(locator).status().code(), absl::StatusCode::kUnimplemented);
}

TEST(ServerLocatorTest, CanGoWhileItAsks) {
  FakeProcessor processor;
  const auto balancer = StartBalancer({processor.address()});
  for (int i = 0; i < 50; ++i) {
    bool gone = false;
    {
      ServerLocator locator({.balancers = {balancer->grpc_address()}});
      locator.Next({}, "", [&gone](const absl::StatusOr<std::string>&) {
        EXPECT_FALSE(gone);
      });
    }
    gone = true;
  }
}

}  // namespace
}  // namespace msgproc::client
