#include "common/low_priority.h"

#include <sys/resource.h>

#include <thread>

#include "gtest/gtest.h"

namespace msgproc {
namespace {

int Nice() { return getpriority(PRIO_PROCESS, 0); }

TEST(LowPriorityTest, WorkGivesWayAndItsCallerDoesNot) {
  const int before = Nice();
  int at_work = 0;
  RunAtLowPriority([&at_work] { at_work = Nice(); });
  EXPECT_EQ(at_work, 19);
  EXPECT_EQ(Nice(), before);
}

TEST(LowPriorityTest, WhatALowThreadStartsGivesWayToo) {
  RunAtLowPriority([] {
    int started = 0;
    std::thread([&started] { started = Nice(); }).join();
    EXPECT_EQ(started, 19);
  });
}

}  // namespace
}  // namespace msgproc
