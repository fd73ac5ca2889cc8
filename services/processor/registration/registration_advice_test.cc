#include "services/processor/registration/registration_advice.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace msgproc::processor {
namespace {

using testing::HasSubstr;

TEST(RegistrationAdviceTest, AServerThatIsNoBalancerIsCalledSo) {
  EXPECT_THAT(RegistrationAdvice(absl::UnimplementedError(""), false),
              HasSubstr("--balancer takes a balancer's --listen_address"));
}

TEST(RegistrationAdviceTest, ANobodyIsToBeStarted) {
  EXPECT_THAT(RegistrationAdvice(
                  absl::UnavailableError("... Connection refused"), false),
              HasSubstr("start a balancer there"));
}

TEST(RegistrationAdviceTest, AMismatchOfTlsNamesTheFlag) {
  EXPECT_THAT(
      RegistrationAdvice(absl::UnavailableError("Socket closed"), false),
      HasSubstr("give --balancer_ca"));
  EXPECT_THAT(RegistrationAdvice(
                  absl::UnavailableError("SSL: wrong version number"), true),
              HasSubstr("leave out --balancer_ca"));
  EXPECT_THAT(
      RegistrationAdvice(
          absl::UnavailableError("SSL: certificate verify failed"), true),
      HasSubstr("is --balancer_ca the authority"));
  EXPECT_THAT(RegistrationAdvice(absl::UnavailableError("Socket closed"), true),
              HasSubstr("--tls_cert and --tls_key"));
}

TEST(RegistrationAdviceTest, WhatSaysItAllGetsNone) {
  EXPECT_EQ(RegistrationAdvice(absl::OkStatus(), false), "");
  EXPECT_EQ(RegistrationAdvice(absl::PermissionDeniedError("token"), true), "");
}

}  // namespace
}  // namespace msgproc::processor
