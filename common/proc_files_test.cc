#include "common/proc_files.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "common/spawn.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace msgproc {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Not;

absl::Duration Ticks(double count) {
  return absl::Seconds(count / static_cast<double>(sysconf(_SC_CLK_TCK)));
}

size_t Pages(size_t count) {
  return count * static_cast<size_t>(sysconf(_SC_PAGESIZE));
}

// As Linux 6.1 has written it, for a program named "a) b (c".
constexpr char kStat[] =
    "4213 (a) b (c) S 4200 4213 4200 34816 4213 4194304 1821 7730 3 11 250 "
    "125 40 20 20 0 5 0 987654 178257920 2048 18446744073709551615 1 1 0 0 0 0 "
    "0 4096 134759 0 0 0 17 3 0 0 0 0 0 0 0 0 0 0 0 0 0\n";

TEST(ProcFilesTest, ReadsAProcessWhoseNameHasBracketsAndBlanks) {
  const std::optional<ProcessStat> stat = ParseProcessStat(kStat);
  ASSERT_TRUE(stat.has_value());
  EXPECT_EQ(stat->cpu, Ticks(250 + 125));
  EXPECT_EQ(stat->reaped_cpu, Ticks(40 + 20));
  EXPECT_EQ(stat->threads, 5);
  EXPECT_EQ(stat->started, Ticks(987654));
  EXPECT_EQ(stat->virtual_bytes, 178257920u);
  EXPECT_EQ(stat->resident_bytes, Pages(2048));
}

TEST(ProcFilesTest, AProcessThatIsGoneOrCutShortIsNone) {
  EXPECT_FALSE(ParseProcessStat(""));
  EXPECT_FALSE(ParseProcessStat("4213 (a"));
  EXPECT_FALSE(ParseProcessStat("4213 (a) S 1 2 3"));
  // One field too few, and just enough.
  const std::string before = "1 (a) S 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0";
  EXPECT_FALSE(ParseProcessStat(before));
  EXPECT_EQ(ParseProcessStat(before + " 7").value().resident_bytes, Pages(7));
  EXPECT_FALSE(ReadProcessStat(-1));
}

TEST(ProcFilesTest, AddsUpAMachinesIdleTimeAndKnowsWhenItStarted) {
  const MachineStat stat = ParseMachineStat(
      "cpu  8219 10 3120 55000 700 0 55 0 0 0\n"
      "cpu0 4100 5 1600 27000 300 0 30 0 0 0\n"
      "intr 123 0 0\nctxt 99\nbtime 1700000000\nprocesses 5\n");
  EXPECT_EQ(stat.idle, Ticks(55000 + 700));
  EXPECT_EQ(stat.booted, absl::FromUnixSeconds(1700000000));
  EXPECT_EQ(ParseMachineStat("").idle, absl::ZeroDuration());
  EXPECT_EQ(ParseMachineStat("").booted, absl::UnixEpoch());
}

TEST(ProcFilesTest, ReadsResidentMemory) {
  EXPECT_EQ(ParseResidentBytes("43520 2048 1024 12 0 900 0\n"), Pages(2048));
  EXPECT_EQ(ParseResidentBytes("43520"), 0u);
  EXPECT_EQ(ParseResidentBytes(""), 0u);
}

TEST(ProcFilesTest, NamesTheProcessorWhereTheKernelDoes) {
  EXPECT_EQ(ParseCpuModel("processor\t: 0\n"
                          "model\t\t: 1\n"
                          "model name\t: AMD EPYC: 7B13 \n"
                          "model name\t: another\n"),
            "AMD EPYC: 7B13");
  EXPECT_EQ(ParseCpuModel("processor\t: 0\nBogoMIPS\t: 50.00\n"), "");
  EXPECT_EQ(ParseCpuModel("model name without one\n"), "");
}

TEST(ProcFilesTest, ReadsChildrenAndArguments) {
  EXPECT_THAT(ParseChildren("12 345 6789 \n"), ElementsAre(12, 345, 6789));
  EXPECT_THAT(ParseChildren("\n"), IsEmpty());
  EXPECT_THAT(ParseArguments({"a\0b c\0\0", 7}), ElementsAre("a", "b c", ""));
  EXPECT_THAT(ParseArguments(""), IsEmpty());
}

TEST(ProcFilesTest, KnowsThisProcess) {
  const std::optional<ProcessStat> stat = ReadProcessStat(getpid());
  ASSERT_TRUE(stat.has_value());
  EXPECT_GE(stat->threads, 1);
  EXPECT_GT(stat->resident_bytes, 0u);
  EXPECT_GT(stat->virtual_bytes, stat->resident_bytes);
  EXPECT_GT(ReadResidentBytes(getpid()), 0u);
  EXPECT_EQ(ReadResidentBytes(-1), 0u);
  EXPECT_GT(ReadMachineStat().booted, absl::UnixEpoch());
  EXPECT_GT(CpuTimeOf(getpid()), absl::ZeroDuration());
  ASSERT_THAT(ReadOwnArguments(), Not(IsEmpty()));
  EXPECT_THAT(ReadOwnArguments()[0], ::testing::HasSubstr("proc_files_test"));
}

TEST(ProcFilesTest, CountsOpenDescriptors) {
  const int before = CountOpenDescriptors();
  const int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
  EXPECT_EQ(CountOpenDescriptors(), before + 1);
  close(fd);
  EXPECT_EQ(CountOpenDescriptors(), before);
}

TEST(ProcFilesTest, ListsChildrenWhileTheyLive) {
  if (access("/proc/self/task", X_OK) != 0 ||
      access("/proc/thread-self/children", R_OK) != 0) {
    GTEST_SKIP() << "this kernel does not list children";
  }
  int input[2];
  ASSERT_EQ(pipe2(input, O_CLOEXEC), 0);
  const absl::StatusOr<pid_t> pid =
      Spawn({.arguments = {"/bin/cat"},
             .descriptors = {{.as = STDIN_FILENO, .from = input[0]}}});
  ASSERT_TRUE(pid.ok()) << pid.status();
  EXPECT_THAT(ReadChildren(getpid()), Contains(*pid));
  close(input[1]);
  EXPECT_EQ(waitpid(*pid, nullptr, 0), *pid);
  close(input[0]);
  EXPECT_THAT(ReadChildren(getpid()), Not(Contains(*pid)));
  EXPECT_THAT(ReadChildren(*pid), IsEmpty());
  EXPECT_EQ(CpuTimeOf(*pid), absl::ZeroDuration());
}

}  // namespace
}  // namespace msgproc
