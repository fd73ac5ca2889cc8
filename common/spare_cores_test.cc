#include "common/spare_cores.h"

#include <unistd.h>

#include "absl/time/clock.h"
#include "gtest/gtest.h"

namespace msgproc {
namespace {

TEST(SpareCoresTest, AreNoMoreThanThereAre) {
  SpareCores cores;
  for (int i = 0; i < 3; ++i) {
    absl::SleepFor(absl::Milliseconds(100));
    const double spare = cores.Take();
    EXPECT_GE(spare, 0);
    // The system counts in hundredths of a second.
    EXPECT_LE(spare, 1.2 * static_cast<double>(sysconf(_SC_NPROCESSORS_ONLN)));
  }
}

TEST(SpareCoresTest, TheTimeBetweenTwoCallsMayBeNothing) {
  SpareCores cores;
  for (int i = 0; i < 100; ++i) EXPECT_GE(cores.Take(), 0);
}

}  // namespace
}  // namespace msgproc
