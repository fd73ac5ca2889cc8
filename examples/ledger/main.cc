// A processor whose handler moves money, once for each message:
//
//   bazel run //examples/ledger -- --session_store=sqlite:/tmp/ledger.db
//   printf 'open a 100\nopen b 0\ntransfer a b 30\n' |
//     bazel run //tools/loadgen -- --handler=ledger --input=- --output=-
#include <memory>

#include "examples/ledger/ledger.h"
#include "services/processor/run_processor.h"

int main(int argc, char** argv) {
  msgproc::processor::HandlerRegistry handlers;
  handlers.Register("ledger", std::make_unique<example::Ledger>(),
                    {.transactional = true});
  return msgproc::processor::RunProcessor(argc, argv, handlers);
}
