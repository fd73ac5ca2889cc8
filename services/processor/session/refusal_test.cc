#include "services/processor/session/refusal.h"

#include <cstddef>
#include <set>
#include <string>

#include "gtest/gtest.h"

namespace msgproc::processor {
namespace {

TEST(RefusalTest, EveryReasonHasANameOfItsOwn) {
  std::set<std::string> names;
  for (size_t i = 0; i < kRefusals; ++i) {
    names.insert(std::string(RefusalName(static_cast<Refusal>(i))));
  }
  EXPECT_EQ(names.size(), kRefusals);
  EXPECT_EQ(names.count(""), 0U);
}

TEST(RefusalTest, NamesAreThoseOfTheMetric) {
  EXPECT_EQ(RefusalName(Refusal::kUnauthenticated), "unauthenticated");
  EXPECT_EQ(RefusalName(Refusal::kDenied), "denied");
  EXPECT_EQ(RefusalName(Refusal::kNotOwner), "not_owner");
  EXPECT_EQ(RefusalName(Refusal::kHandlerUnknown), "handler_unknown");
  EXPECT_EQ(RefusalName(Refusal::kNoStore), "no_store");
  EXPECT_EQ(RefusalName(Refusal::kQuota), "quota");
  EXPECT_EQ(RefusalName(Refusal::kMemory), "memory");
  EXPECT_EQ(RefusalName(Refusal::kStoreDown), "store_down");
  EXPECT_EQ(RefusalName(Refusal::kStoreLost), "store_lost");
  EXPECT_EQ(RefusalName(Refusal::kExpired), "expired");
  EXPECT_EQ(RefusalName(Refusal::kDraining), "draining");
  EXPECT_EQ(RefusalName(Refusal::kWindow), "window");
  EXPECT_EQ(RefusalName(Refusal::kMalformed), "malformed");
}

TEST(RefusalTest, AMarkSaysMoreThanTheCode) {
  for (size_t i = 0; i < kRefusals; ++i) {
    const auto reason = static_cast<Refusal>(i);
    const absl::Status status = Marked(reason, absl::UnavailableError("no"));
    EXPECT_EQ(RefusalOf(status, false), reason) << RefusalName(reason);
    EXPECT_EQ(RefusalOf(status, true), reason) << RefusalName(reason);
  }
}

TEST(RefusalTest, AMarkChangesNeitherCodeNorMessage) {
  const absl::Status status =
      Marked(Refusal::kMemory, absl::UnavailableError("no memory"));
  EXPECT_TRUE(absl::IsUnavailable(status));
  EXPECT_EQ(status.message(), "no memory");
}

TEST(RefusalTest, WithoutAMarkTheCodeSaysIt) {
  const auto by_code = [](absl::StatusCode code) {
    return RefusalOf(absl::Status(code, "no"), false);
  };
  using Code = absl::StatusCode;
  EXPECT_EQ(by_code(Code::kUnauthenticated), Refusal::kUnauthenticated);
  EXPECT_EQ(by_code(Code::kPermissionDenied), Refusal::kNotOwner);
  EXPECT_EQ(by_code(Code::kNotFound), Refusal::kHandlerUnknown);
  EXPECT_EQ(by_code(Code::kResourceExhausted), Refusal::kWindow);
  EXPECT_EQ(by_code(Code::kUnavailable), Refusal::kStoreDown);
  EXPECT_EQ(by_code(Code::kDataLoss), Refusal::kStoreLost);
  EXPECT_EQ(by_code(Code::kFailedPrecondition), Refusal::kExpired);
  EXPECT_EQ(by_code(Code::kInvalidArgument), Refusal::kMalformed);
  EXPECT_EQ(by_code(Code::kUnimplemented), Refusal::kMalformed);
}

TEST(RefusalTest, AServerThatStopsIsWhatIsUnavailable) {
  EXPECT_EQ(RefusalOf(absl::UnavailableError("no"), true), Refusal::kDraining);
  EXPECT_EQ(RefusalOf(absl::NotFoundError("no"), true),
            Refusal::kHandlerUnknown);
}

}  // namespace
}  // namespace msgproc::processor
