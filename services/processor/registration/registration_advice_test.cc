#include "services/processor/registration/registration_advice.h"

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "services/base/setting_name.h"

namespace msgproc::processor {
namespace {

using testing::HasSubstr;

// As a program whose flags are called as its settings says it.
std::string Advice(const absl::Status& ended, bool uses_tls) {
  return RegistrationAdvice(ended, uses_tls, base::AsFlag);
}

TEST(RegistrationAdviceTest, AServerThatIsNoBalancerIsCalledSo) {
  EXPECT_THAT(Advice(absl::UnimplementedError(""), false),
              HasSubstr("--balancer takes a balancer's --listen_address"));
}

TEST(RegistrationAdviceTest, ANobodyIsToBeStarted) {
  EXPECT_THAT(Advice(absl::UnavailableError("... Connection refused"), false),
              HasSubstr("start a balancer there"));
}

TEST(RegistrationAdviceTest, AMismatchOfTlsNamesTheFlag) {
  EXPECT_THAT(Advice(absl::UnavailableError("Socket closed"), false),
              HasSubstr("give --balancer_ca"));
  EXPECT_THAT(Advice(absl::UnavailableError("SSL: wrong version number"), true),
              HasSubstr("leave out --balancer_ca"));
  EXPECT_THAT(
      Advice(absl::UnavailableError("SSL: certificate verify failed"), true),
      HasSubstr("is --balancer_ca the authority"));
  EXPECT_THAT(Advice(absl::UnavailableError("Socket closed"), true),
              HasSubstr("--tls_cert and --tls_key"));
}

TEST(RegistrationAdviceTest, ABalancersWordsAreFollowedByTheProcessorsFlag) {
  EXPECT_THAT(
      Advice(absl::InvalidArgumentError("address is a wildcard"), false),
      HasSubstr("give --advertise_address"));
  EXPECT_THAT(Advice(absl::PermissionDeniedError(
                         "send \"authorization: Bearer TOKEN\""),
                     false),
              HasSubstr("--register_token_file"));
}

TEST(RegistrationAdviceTest, WhatSaysItAllGetsNone) {
  EXPECT_EQ(Advice(absl::OkStatus(), false), "");
  EXPECT_EQ(Advice(absl::PermissionDeniedError("not one of its names"), true),
            "");
  EXPECT_EQ(Advice(absl::InvalidArgumentError("weight is -1"), true), "");
}

}  // namespace
}  // namespace msgproc::processor
