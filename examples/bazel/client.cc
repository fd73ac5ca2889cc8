// Asks what articles cost: client ADDRESS ARTICLE...
#include <iostream>
#include <ostream>

#include "msgproc/client/message_stream.h"

int main(int argc, char** argv) {
  msgproc::client::MessageStreamOptions options;
  options.target = argc > 1 ? argv[1] : "127.0.0.1:50051";
  options.handler = "price";
  options.on_result = [argv](const msgproc::client::Result& result) {
    std::cout << argv[result.sequence + 1] << ": "
              << (result.error.empty() ? result.payload : result.error)
              << std::endl;
  };
  auto stream = msgproc::client::MessageStream::Open(options);
  absl::Status status = stream.status();
  for (int i = 2; status.ok() && i < argc; ++i) {
    status = (*stream)->Send(argv[i]).status();
  }
  if (status.ok()) status = (*stream)->Close();
  if (!status.ok()) std::cerr << status << std::endl;
  return status.ok() ? 0 : 1;
}
