#include "tools/loadgen/stream/result_log.h"

#include <fcntl.h>
#include <unistd.h>

#include <fstream>
#include <sstream>
#include <string>

#include "gtest/gtest.h"

namespace msgproc::loadgen {
namespace {

class ResultLogTest : public ::testing::Test {
 protected:
  ResultLogTest() : path_(::testing::TempDir() + "/results") {
    unlink(path_.c_str());
  }

  void Write(const std::string& text) { std::ofstream(path_) << text; }
  // What is there once another run has added a line.
  std::string Add() {
    const int file = open(path_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    ResultLog log(file);
    EXPECT_EQ(log.Begin(), absl::OkStatus());
    log.Put(7, "seven");
    close(file);
    std::ostringstream text;
    text << std::ifstream(path_).rdbuf();
    return text.str();
  }

  const std::string path_;
};

TEST_F(ResultLogTest, ALineIsASequenceAndAResult) {
  EXPECT_EQ(Add(), "7\tseven\n");
}

TEST_F(ResultLogTest, EarlierRunsLinesStay) {
  Write("5\tfive\n6\t\n");
  EXPECT_EQ(Add(), "5\tfive\n6\t\n7\tseven\n");
}

TEST_F(ResultLogTest, WhatACrashLeftOfALineGoes) {
  Write("5\tfive\n6\tsi");
  EXPECT_EQ(Add(), "5\tfive\n7\tseven\n");
  Write("5\tfi");
  EXPECT_EQ(Add(), "7\tseven\n");
}

TEST_F(ResultLogTest, ALongLineIsOneToo) {
  const std::string whole = "5\t" + std::string(4094, 'x') + "\n";
  Write(whole + std::string(10'000, 'y'));
  EXPECT_EQ(Add(), whole + "7\tseven\n");
}

TEST_F(ResultLogTest, APipeTakesLinesAsTheyAre) {
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  ResultLog log(ends[1]);
  EXPECT_EQ(log.Begin(), absl::OkStatus());
  log.Put(7, "seven");
  char text[8];
  EXPECT_EQ(read(ends[0], text, sizeof(text)), 8);
  EXPECT_EQ(std::string(text, 8), "7\tseven\n");
  close(ends[0]);
  close(ends[1]);
}

TEST_F(ResultLogTest, OneThatCannotBeWrittenEndsTheProgram) {
  const int file = open("/dev/full", O_RDWR | O_CLOEXEC);
  ResultLog log(file);
  EXPECT_EXIT(log.Put(7, "seven"), ::testing::ExitedWithCode(1),
              "result 7 cannot be written: No space left");
  close(file);
}

}  // namespace
}  // namespace msgproc::loadgen
