// msgproc_system.h for tests, which are compiled with other flags and include
// more.
#ifndef MSGPROC_BAZEL_MSGPROC_TESTS_H_
#define MSGPROC_BAZEL_MSGPROC_TESTS_H_

#include "msgproc_system.h"

#ifndef __clang__

#include <future>
#include <list>

#include "absl/random/random.h"
#include "absl/synchronization/mutex.h"
#include "absl/synchronization/notification.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

#endif  // __clang__

#endif  // MSGPROC_BAZEL_MSGPROC_TESTS_H_
