// main of the tests that let clients loose on a processor: Model I, or Model II
// with --workers=N. Then the program is its own worker, too.
#include <cstdio>

#include "absl/strings/numbers.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "services/processor/testing/processor_fixture.h"
#include "services/processor/testing/test_handlers.h"

int main(int argc, char** argv) {
  using msgproc::processor::ProcessorFixture;
  if (msgproc::processor::IsTestWorker(argc, argv)) {
    return msgproc::processor::RunTestWorker(argv);
  }
  testing::InitGoogleMock(&argc, argv);
  for (int i = 1; i < argc; ++i) {
    absl::string_view value = argv[i];
    if (!absl::ConsumePrefix(&value, "--workers=") ||
        !absl::SimpleAtoi(value, &ProcessorFixture::workers)) {
      std::fprintf(stderr, "'%s': it takes --workers=N.\n", argv[i]);
      return 2;
    }
  }
  return RUN_ALL_TESTS();
}
