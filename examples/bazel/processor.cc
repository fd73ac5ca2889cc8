#include <memory>

#include "price_handler.h"
#include "services/processor/run_processor.h"

int main(int argc, char** argv) {
  msgproc::processor::HandlerRegistry handlers;
  handlers.Register("price", std::make_unique<shop::PriceHandler>(),
                    {.never_blocks = true});
  return msgproc::processor::RunProcessor(argc, argv, handlers);
}
