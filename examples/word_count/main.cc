// A processor with a handler of your own: counts the words of each message.
//
//   bazel run //examples/word_count
//   bazel run //tools/loadgen -- --handler=word_count --n=10000
#include <memory>

#include "examples/word_count/word_count.h"
#include "services/processor/run_processor.h"

int main(int argc, char** argv) {
  msgproc::processor::HandlerRegistry handlers;
  handlers.Register("word_count", std::make_unique<example::WordCount>(),
                    {.never_blocks = true});
  return msgproc::processor::RunProcessor(argc, argv, handlers);
}
