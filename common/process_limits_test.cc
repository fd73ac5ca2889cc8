#include "common/process_limits.h"

#include <sched.h>

#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include "gtest/gtest.h"

namespace msgproc {
namespace {

class ProcessLimitsTest : public ::testing::Test {
 protected:
  ProcessLimitsTest() {
    const auto* info = ::testing::UnitTest::GetInstance()->current_test_info();
    root_ = std::string(std::getenv("TEST_TMPDIR")) + "/" + info->name();
    Write("/proc/meminfo", "MemFree: 1 kB\nMemTotal:       1048576 kB\n");
    sched_getaffinity(0, sizeof(before_), &before_);
  }
  ~ProcessLimitsTest() override {
    sched_setaffinity(0, sizeof(before_), &before_);
  }

  void Write(const std::string& path, const std::string& text) {
    const std::filesystem::path file = root_ + path;
    std::filesystem::create_directories(file.parent_path());
    std::ofstream(file) << text;
  }
  void Version2(const std::string& group, const std::string& mount_root = "/") {
    Write("/proc/self/cgroup", "0::" + group + "\n");
    Write("/proc/self/mountinfo",
          "22 1 0:20 / /proc rw - proc proc rw\n"
          "30 22 0:26 " +
              mount_root +
              " /sys/fs/cgroup rw,nosuid shared:4 - "
              "cgroup2 cgroup2 rw,nsdelegate\n");
  }
  ProcessLimits Read() { return ReadProcessLimits(root_); }

  std::string root_;
  cpu_set_t before_;
};

TEST_F(ProcessLimitsTest, NothingButTheMachineLimitsWhatHasNoGroups) {
  const ProcessLimits limits = Read();
  EXPECT_EQ(limits.affinity, CPU_COUNT(&before_));
  EXPECT_TRUE(std::isinf(limits.cpu_quota));
  EXPECT_EQ(limits.parallelism(), limits.affinity);
  EXPECT_EQ(limits.memory_bytes, 1u << 30);
}

TEST_F(ProcessLimitsTest, TheSmallestOfAllGroupsAboveCounts) {
  Version2("/a.slice/b.service");
  Write("/sys/fs/cgroup/a.slice/cpu.max", "50000 100000\n");
  Write("/sys/fs/cgroup/a.slice/b.service/cpu.max", "max 100000\n");
  Write("/sys/fs/cgroup/a.slice/memory.max", "max\n");
  Write("/sys/fs/cgroup/a.slice/b.service/memory.max", "268435456\n");
  const ProcessLimits limits = Read();
  EXPECT_DOUBLE_EQ(limits.cpu_quota, 0.5);
  EXPECT_DOUBLE_EQ(limits.cpus(), 0.5);
  EXPECT_EQ(limits.parallelism(), 1);
  EXPECT_EQ(limits.memory_bytes, 256u << 20);
}

TEST_F(ProcessLimitsTest, AContainersOwnRootIsItsGroup) {
  Version2("/");
  Write("/sys/fs/cgroup/cpu.max", "20000 100000\n");
  EXPECT_DOUBLE_EQ(Read().cpu_quota, 0.2);
  // By the host's name, where the mount shows the group itself.
  Version2("/docker/abc", "/docker/abc");
  EXPECT_DOUBLE_EQ(Read().cpu_quota, 0.2);
  Version2("/../other");
  EXPECT_DOUBLE_EQ(Read().cpu_quota, 0.2);
}

TEST_F(ProcessLimitsTest, ReadsVersion1) {
  Write("/proc/self/cgroup",
        "5:cpu,cpuacct:/docker/abc\n4:memory:/docker/abc\n1:name=systemd:/\n");
  Write("/proc/self/mountinfo",
        "31 25 0:27 /docker/abc /sys/fs/cgroup/cpu,cpuacct ro - cgroup cgroup "
        "rw,cpu,cpuacct\n"
        "32 25 0:28 / /sys/fs/cgroup/mem\\040ory ro - cgroup cgroup "
        "rw,memory\n");
  const std::string cpu = "/sys/fs/cgroup/cpu,cpuacct/";
  Write(cpu + "cpu.cfs_period_us", "100000\n");
  Write(cpu + "cpu.cfs_quota_us", "-1\n");
  EXPECT_TRUE(std::isinf(Read().cpu_quota));
  Write(cpu + "cpu.cfs_quota_us", "150000\n");
  Write("/sys/fs/cgroup/mem ory/memory.limit_in_bytes",
        "9223372036854771712\n");
  EXPECT_DOUBLE_EQ(Read().cpu_quota, 1.5);
  EXPECT_EQ(Read().memory_bytes, 1u << 30);
  Write("/sys/fs/cgroup/mem ory/docker/abc/memory.limit_in_bytes",
        "134217728\n");
  EXPECT_EQ(Read().memory_bytes, 128u << 20);
}

TEST_F(ProcessLimitsTest, WhatCannotBeReadLimitsNothing) {
  Version2("/a");
  Write("/sys/fs/cgroup/a/cpu.max", "");
  Write("/sys/fs/cgroup/a/memory.max", "soon\n");
  EXPECT_TRUE(std::isinf(Read().cpu_quota));
  EXPECT_EQ(Read().memory_bytes, 1u << 30);
  Write("/sys/fs/cgroup/a/cpu.max", "100000 0\n");
  EXPECT_TRUE(std::isinf(Read().cpu_quota));
}

TEST_F(ProcessLimitsTest, CountsTheCpusThatItMayRunOn) {
  cpu_set_t one;
  CPU_ZERO(&one);
  for (int cpu = 0; cpu < CPU_SETSIZE && CPU_COUNT(&one) == 0; ++cpu) {
    if (CPU_ISSET(cpu, &before_)) CPU_SET(cpu, &one);
  }
  ASSERT_EQ(sched_setaffinity(0, sizeof(one), &one), 0);
  EXPECT_EQ(Read().affinity, 1);
  EXPECT_EQ(Read().parallelism(), 1);
}

TEST_F(ProcessLimitsTest, RoundsUpAndIsNeverNone) {
  EXPECT_EQ((ProcessLimits{.affinity = 8, .cpu_quota = 0.01}).parallelism(), 1);
  EXPECT_EQ((ProcessLimits{.affinity = 8, .cpu_quota = 2.5}).parallelism(), 3);
  EXPECT_EQ((ProcessLimits{.affinity = 2, .cpu_quota = 2.5}).parallelism(), 2);
}

// Whatever this machine is like.
TEST(ProcessLimitsOfThisProcessTest, AreSomething) {
  const ProcessLimits limits = ReadProcessLimits();
  EXPECT_GE(limits.affinity, 1);
  EXPECT_GT(limits.cpus(), 0);
  EXPECT_GT(limits.memory_bytes, 1u << 20);
}

}  // namespace
}  // namespace msgproc
