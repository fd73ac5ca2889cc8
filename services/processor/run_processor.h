#ifndef MSGPROC_SERVICES_PROCESSOR_RUN_PROCESSOR_H_
#define MSGPROC_SERVICES_PROCESSOR_RUN_PROCESSOR_H_

#include <functional>
#include <string>

#include "services/processor/handlers/handler_registry.h"

namespace msgproc::processor {

// What a processor calls itself: in --help, --version and its log.
struct ProcessorProgram {
  std::string name;   // Empty: the name of the program's file.
  std::string usage;  // As in base::ProgramInfo; empty: "NAME [flags]".
};

// The whole life of a processor's process with these handlers: flags, signals,
// gRPC, the HTTP page, draining. Returns main's exit code. First thing in main:
//
//   int main(int argc, char** argv) {
//     msgproc::processor::HandlerRegistry handlers;
//     handlers.Register("mine", std::make_unique<Mine>());
//     return msgproc::processor::RunProcessor(argc, argv, handlers);
//   }
int RunProcessor(int argc, char** argv, const HandlerRegistry& handlers,
                 ProcessorProgram program = {});

// The same where flags have a say in which handlers there are: `add_handlers`
// is called once they are parsed.
int RunProcessor(int argc, char** argv,
                 const std::function<void(HandlerRegistry*)>& add_handlers,
                 ProcessorProgram program = {});

}  // namespace msgproc::processor

#endif  // MSGPROC_SERVICES_PROCESSOR_RUN_PROCESSOR_H_
