#include "services/balancer/xds/host_resolver.h"

#include <optional>
#include <string>

#include "common/mutex.h"
#include "gtest/gtest.h"

namespace msgproc::balancer {
namespace {

TEST(HostResolverTest, DigitsAreTakenAsTheyAre) {
  HostResolver resolver(
      {.look_up = [](const std::string& host) -> std::optional<std::string> {
        ADD_FAILURE() << host;
        return std::nullopt;
      }},
      [] {});
  EXPECT_EQ(resolver.Find("10.0.0.1:7"), (XdsEndpoint{"10.0.0.1", 7}));
  EXPECT_EQ(resolver.Find("[fd00::1]:65535"), (XdsEndpoint{"fd00::1", 65535}));
  EXPECT_FALSE(resolver.Find("10.0.0.1:65536").has_value());
  EXPECT_FALSE(resolver.Find("10.0.0.1:x").has_value());
  EXPECT_FALSE(resolver.Find("10.0.0.1").has_value());
}

TEST(HostResolverTest, NamesAreLookedUpAsideAndAgain) {
  Mutex mutex;
  CondVar changed;
  int changes = 0;
  std::string now = "10.0.0.1";
  const auto await = [&](int count) {
    MutexLock lock(&mutex);
    while (changes < count) changed.Wait(&mutex);
  };
  HostResolver resolver(
      {.refresh = absl::Milliseconds(1),
       .look_up = [&](const std::string& host) -> std::optional<std::string> {
         MutexLock lock(&mutex);
         if (host != "processor-1" || now.empty()) return std::nullopt;
         return now;
       }},
      [&] {
        MutexLock lock(&mutex);
        ++changes;
        changed.SignalAll();
      });
  EXPECT_FALSE(resolver.Find("nobody:9").has_value());
  EXPECT_FALSE(resolver.Find("processor-1:9").has_value());
  await(1);
  EXPECT_EQ(resolver.Find("processor-1:9"), (XdsEndpoint{"10.0.0.1", 9}));
  // A name server that fails changes nothing, another address does.
  {
    MutexLock lock(&mutex);
    now.clear();
  }
  {
    MutexLock lock(&mutex);
    now = "10.0.0.2";
  }
  await(2);
  EXPECT_EQ(resolver.Find("processor-1:8"), (XdsEndpoint{"10.0.0.2", 8}));
  EXPECT_FALSE(resolver.Find("nobody:9").has_value());
}

TEST(HostResolverTest, TheSystemKnowsThisHost) {
  Mutex mutex;
  CondVar changed;
  bool found = false;
  HostResolver resolver({}, [&] {
    MutexLock lock(&mutex);
    found = true;
    changed.SignalAll();
  });
  if (!resolver.Find("localhost:5").has_value()) {
    MutexLock lock(&mutex);
    while (!found) changed.Wait(&mutex);
  }
  const auto endpoint = resolver.Find("localhost:5");
  ASSERT_TRUE(endpoint.has_value());
  EXPECT_TRUE(endpoint->ip == "127.0.0.1" || endpoint->ip == "::1");
}

}  // namespace
}  // namespace msgproc::balancer
