#include "services/balancer/consistent_hash.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "services/balancer/fake_roster.h"

namespace msgproc::balancer {
namespace {

std::map<std::string, std::string> Owners(const ConsistentHash& policy,
                                          int keys) {
  std::mt19937_64 random(1);
  std::map<std::string, std::string> owners;
  for (int i = 0; i < keys; ++i) {
    const std::string key = absl::StrCat("user-", i);
    owners[key] = policy.Pick({key, {}}, random)[0].server_id();
  }
  return owners;
}

TEST(ConsistentHashTest, EqualKeysGoToTheSameServerOnEveryBalancer) {
  const ConsistentHash one(FakeRoster(5));
  const ConsistentHash other(FakeRoster(5));
  EXPECT_EQ(Owners(one, 300), Owners(other, 300));
  EXPECT_EQ(Owners(one, 300), Owners(other, 300));
}

TEST(ConsistentHashTest, ANewServerMovesOnlyTheKeysItGets) {
  auto before = Owners(ConsistentHash(FakeRoster(10)), 1000);
  const auto after = Owners(ConsistentHash(FakeRoster(11)), 1000);
  int moved = 0;
  for (const auto& [key, owner] : after) {
    if (owner == before[key]) continue;
    ++moved;
    EXPECT_EQ(owner, "s10") << key;
  }
  EXPECT_GT(moved, 30);
  EXPECT_LT(moved, 200);
}

TEST(ConsistentHashTest, ALostServersKeysAloneMove) {
  const auto roster = FakeRoster(10);
  auto before = Owners(ConsistentHash(roster), 500);
  (*roster)[3].SetAvailable(false);
  for (size_t i = 0; i < 10; ++i) (*roster)[i].SetSessions(0);
  for (const auto& [key, owner] : Owners(ConsistentHash(roster), 500)) {
    if (before[key] == "s3") {
      EXPECT_NE(owner, "s3");
    } else {
      EXPECT_EQ(owner, before[key]) << key;
    }
  }
}

TEST(ConsistentHashTest, AHotKeySpillsOverInsteadOfSinkingOneServer) {
  const auto roster = FakeRoster(10);
  const ConsistentHash policy(roster);
  std::mt19937_64 random(1);
  for (int i = 0; i < 10000; ++i) policy.Pick({"hot", {}}, random);
  for (size_t i = 0; i < roster->size(); ++i) {
    // 1.25 times the mean of 1,000, and what the sum may be late by.
    EXPECT_LE((*roster)[i].load(), 1260U);
  }
}

TEST(ConsistentHashTest, AFewSocketsAreNeverTornApart) {
  const auto roster = FakeRoster(3);
  const ConsistentHash policy(roster);
  std::mt19937_64 random(1);
  const std::string first = policy.Pick({"key", {}}, random)[0].server_id();
  for (int i = 0; i < 100; ++i) {
    EXPECT_EQ(policy.Pick({"key", {}}, random)[0].server_id(), first);
  }
}

// Whether a key still goes to its owner, in a fleet of two with these loads.
bool StaysWithOwner(const std::string& key, uint64_t owners, uint64_t others) {
  const auto roster = FakeRoster(2);
  std::mt19937_64 random(1);
  const bool first =
      ConsistentHash(roster).Pick({key, {}}, random)[0].server_id() == "s0";
  const auto loaded = FakeRoster(2);
  (*loaded)[first ? 0 : 1].SetSessions(owners);
  (*loaded)[first ? 1 : 0].SetSessions(others);
  const Choice choice = ConsistentHash(loaded).Pick({key, {}}, random);
  // A full server is an alternative still.
  EXPECT_EQ(choice.size(), 2U);
  return choice[0].server_id() == (first ? "s0" : "s1");
}

TEST(ConsistentHashTest, AServerIsFullAtFiveQuartersOfItsShareAndNotBelow) {
  for (int i = 0; i < 10; ++i) {
    const std::string key = absl::StrCat("user-", i);
    // Half of 256 sessions, one of them about to come: 128, and 160 at most.
    EXPECT_TRUE(StaysWithOwner(key, 159, 95)) << key;
    EXPECT_FALSE(StaysWithOwner(key, 160, 95)) << key;
    // Up to 127 it never is.
    EXPECT_TRUE(StaysWithOwner(key, 127, 0)) << key;
    EXPECT_FALSE(StaysWithOwner(key, 128, 0)) << key;
  }
}

TEST(ConsistentHashTest, AnyServerOfAFleetIsFoundWhereItIsTheLast) {
  for (const size_t size : {2, 63, 64, 65}) {
    const auto roster = FakeRoster(size);
    const ConsistentHash policy(roster);
    std::mt19937_64 random(1);
    for (size_t last = 0; last < size; ++last) {
      for (size_t i = 0; i < size; ++i) (*roster)[i].SetAvailable(i == last);
      const Choice choice = policy.Pick({"user", {}}, random);
      ASSERT_EQ(choice.size(), 1U) << last << " of " << size;
    }
  }
}

TEST(ConsistentHashTest, AServerBeyondTheWalkIsFoundAllTheSame) {
  const auto roster = FakeRoster(1000);
  const ConsistentHash policy(roster);
  std::mt19937_64 random(1);
  for (size_t last = 0; last < 1000; last += 50) {
    for (size_t i = 0; i < 1000; ++i) (*roster)[i].SetAvailable(i == last);
    EXPECT_EQ(policy.Pick({"user", {}}, random).size(), 1U) << last;
  }
}

// The servers whose points follow a key's, each once.
std::vector<size_t> OwnersFrom(const HashRing& ring, absl::string_view key,
                               int points) {
  std::vector<size_t> owners;
  size_t point = ring.Find(StableHash(key));
  for (int i = 0; i < points; ++i) {
    const size_t owner = ring.Owner(point);
    if (std::find(owners.begin(), owners.end(), owner) == owners.end()) {
      owners.push_back(owner);
    }
    point = ring.Next(point);
  }
  return owners;
}

TEST(ConsistentHashTest, TheAlternativesAreTheNextOnTheRingFullOrNot) {
  for (const bool full : {false, true}) {
    const auto roster = FakeRoster(1000);
    const auto owners = OwnersFrom(HashRing(*roster), "user", 512);
    ASSERT_LT(owners.size(), 500U);
    // Of all that a walk meets there is none with room.
    for (const size_t owner : owners) {
      (*roster)[owner].SetSessions(full ? 1000 : 0);
    }
    std::mt19937_64 random(1);
    const Choice choice = ConsistentHash(roster).Pick({"user", {}}, random);
    ASSERT_EQ(choice.size(), 4U);
    for (size_t i = 0; i < 4; ++i) {
      EXPECT_EQ(choice[i].server_id(), absl::StrCat("s", owners[i])) << full;
    }
  }
}

TEST(ConsistentHashTest, ClientsWithoutAKeyGoWhereThereIsRoom) {
  const auto roster = FakeRoster(3);
  const ConsistentHash policy(roster);
  std::mt19937_64 random(1);
  for (int i = 0; i < 300; ++i) policy.Pick({}, random);
  for (size_t i = 0; i < 3; ++i) {
    EXPECT_NEAR(static_cast<double>((*roster)[i].load()), 100, 5);
  }
}

TEST(HashRingTest, SharesOfTheRingFollowTheWeights) {
  const auto roster = FakeRoster({1, 2, 5});
  const HashRing ring(*roster);
  std::map<size_t, int> keys;
  for (int i = 0; i < 8000; ++i) {
    ++keys[ring.Owner(ring.Find(StableHash(absl::StrCat("user-", i))))];
  }
  EXPECT_NEAR(keys[0], 1000, 350);
  EXPECT_NEAR(keys[1], 2000, 500);
  EXPECT_NEAR(keys[2], 5000, 700);
}

// Balancers of different versions are to agree.
TEST(HashRingTest, AHashNeverChanges) {
  EXPECT_EQ(StableHash(""), 0xf52a15e9a9b5e89bU);
  EXPECT_EQ(StableHash("a"), 0x02c0bdbf481420f8U);
  EXPECT_EQ(StableHash("user-17"), 0x7d0abcd8e2111067U);
  EXPECT_EQ(StableHash("\xff"), 0x4f2db50f124040cdU);
}

TEST(HashRingTest, TheFirstPointFollowsTheLast) {
  const HashRing ring(*FakeRoster(2));
  EXPECT_EQ(ring.Find(UINT64_MAX), 0U);
  EXPECT_EQ(ring.Next(ring.size() - 1), 0U);
}

TEST(HashRingTest, StaysWithinItsSizeHoweverHeavyTheFleet) {
  EXPECT_EQ(HashRing(*FakeRoster(2)).size(), 256U);
  EXPECT_EQ(HashRing(*FakeRoster(2048)).size(), 2048 * 128U);
  EXPECT_EQ(HashRing(*FakeRoster(2049)).size(), 2049 * 64U);
  const size_t points =
      HashRing(*FakeRoster(std::vector<double>(1000, 1000.0))).size();
  // 128 for each unit of weight, halved nine times.
  EXPECT_EQ(points, 1000 * 250U);
}

}  // namespace
}  // namespace msgproc::balancer
