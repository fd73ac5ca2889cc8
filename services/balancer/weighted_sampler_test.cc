#include "services/balancer/weighted_sampler.h"

#include <random>
#include <vector>

#include "gtest/gtest.h"

namespace msgproc::balancer {
namespace {

std::vector<double> Shares(const std::vector<double>& weights, int draws) {
  const WeightedSampler sampler(weights);
  std::mt19937_64 random(1);
  std::vector<double> shares(weights.size());
  for (int i = 0; i < draws; ++i) shares[sampler.Sample(random)] += 1.0 / draws;
  return shares;
}

TEST(WeightedSamplerTest, DrawsInProportionToTheWeights) {
  const std::vector<double> shares = Shares({1, 2, 3, 4}, 100000);
  EXPECT_NEAR(shares[0], 0.1, 0.01);
  EXPECT_NEAR(shares[1], 0.2, 0.01);
  EXPECT_NEAR(shares[2], 0.3, 0.01);
  EXPECT_NEAR(shares[3], 0.4, 0.01);
}

TEST(WeightedSamplerTest, HandlesWeightsFarApart) {
  const std::vector<double> shares = Shares({1000, 0.01, 0.01}, 10000);
  EXPECT_GT(shares[0], 0.999);
}

TEST(WeightedSamplerTest, HasOnlyOneAnswerForOneWeight) {
  EXPECT_NEAR(Shares({0.5}, 100)[0], 1, 1e-9);
}

}  // namespace
}  // namespace msgproc::balancer
