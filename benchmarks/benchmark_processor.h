#ifndef MSGPROC_BENCHMARKS_BENCHMARK_PROCESSOR_H_
#define MSGPROC_BENCHMARKS_BENCHMARK_PROCESSOR_H_

#include <memory>

#include "services/processor/handlers/handler_registry.h"
#include "services/processor/server.h"

namespace msgproc::benchmarks {

// Starts a processor on 127.0.0.1, any free port, whose default handler is
// "echo"; the rest is as `options` say. Exits the program with a message when
// that fails. `handlers` outlive it.
std::unique_ptr<processor::Server> StartBenchmarkProcessor(
    const processor::HandlerRegistry* handlers,
    processor::ServerOptions options = {});

}  // namespace msgproc::benchmarks

#endif  // MSGPROC_BENCHMARKS_BENCHMARK_PROCESSOR_H_
