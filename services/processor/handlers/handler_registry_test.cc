#include "services/processor/handlers/handler_registry.h"

#include <memory>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace msgproc::processor {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class Nothing final : public Handler {
 public:
  absl::Status Handle(const HandlerContext& /*context*/,
                      const Message& /*message*/, Reply* /*reply*/) override {
    return absl::OkStatus();
  }
};

TEST(HandlerRegistryTest, FindsHandlersByName) {
  HandlerRegistry registry;
  registry.Register("b", std::make_unique<Nothing>())
      .Register("a-1.x_y", std::make_unique<Nothing>(), {.ordered = true});
  EXPECT_THAT(registry.Names(), ElementsAre("a-1.x_y", "b"));
  const auto found = registry.Find("a-1.x_y");
  ASSERT_TRUE(found.ok());
  EXPECT_EQ((*found)->name, "a-1.x_y");
  EXPECT_TRUE((*found)->traits.ordered);
  EXPECT_FALSE((*registry.Find("b"))->traits.ordered);
}

TEST(HandlerRegistryTest, SaysWhatThereIsInstead) {
  HandlerRegistry registry;
  registry.Register("echo", std::make_unique<Nothing>())
      .Register("upper", std::make_unique<Nothing>());
  const absl::Status status = registry.Find("ecko").status();
  EXPECT_EQ(status.code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(status.message()),
              HasSubstr("no handler 'ecko'; there are: echo, upper"));
}

TEST(HandlerRegistryDeathTest, MistakesOfTheProgramEndIt) {
  testing::GTEST_FLAG(death_test_style) = "threadsafe";
  HandlerRegistry registry;
  registry.Register("echo", std::make_unique<Nothing>());
  EXPECT_DEATH(registry.Register("echo", std::make_unique<Nothing>()),
               "'echo' is malformed or taken");
  for (const std::string& name :
       {std::string(), std::string("Upper"), std::string("a b"),
        std::string("\xff"), std::string(65, 'a')}) {
    EXPECT_DEATH(registry.Register(name, std::make_unique<Nothing>()),
                 "malformed");
  }
}

}  // namespace
}  // namespace msgproc::processor
