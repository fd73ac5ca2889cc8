// Sends messages over a permanent socket and counts their results:
//
//   send [ADDRESS] [MESSAGES]
//
// The processor may be killed and started again meanwhile.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "absl/strings/numbers.h"
#include "msgproc/client/message_stream.h"

int main(int argc, char** argv) {
  uint64_t results = 0;
  uint64_t failed = 0;
  msgproc::client::MessageStreamOptions options;
  options.target = argc > 1 ? argv[1] : "127.0.0.1:50051";
  options.on_result = [&](const msgproc::client::Result& result) {
    // In order, and each once.
    if (result.sequence != ++results) std::abort();
    if (result.code != absl::StatusCode::kOk) ++failed;
  };
  auto stream = msgproc::client::MessageStream::Open(options);
  absl::Status status = stream.status();
  int messages = 10'000;
  if (argc > 2 && !absl::SimpleAtoi(argv[2], &messages)) return 2;
  for (int i = 0; status.ok() && i < messages; ++i) {
    // Waits while too much is outstanding.
    status = (*stream)->Send("message " + std::to_string(i)).status();
  }
  if (status.ok()) status = (*stream)->Close();
  std::printf("%llu results, %llu failed: %s\n",
              static_cast<unsigned long long>(results),
              static_cast<unsigned long long>(failed),
              status.ToString().c_str());
  return status.ok() && failed == 0 ? 0 : 1;
}
