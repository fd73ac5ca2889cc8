#ifndef MSGPROC_CLIENT_TESTING_STRICT_SERVER_H_
#define MSGPROC_CLIENT_TESTING_STRICT_SERVER_H_

#include <cstdint>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "client/testing/strict_processor.h"
#include "common/mutex.h"
#include "grpcpp/generic/async_generic_service.h"
#include "grpcpp/server.h"

namespace msgproc::client {

// A StrictProcessor on a port, which answers everything and, if told so, cuts
// streams, drains them and forgets its sessions at random. Thread-safe.
class StrictServer : public grpc::CallbackGenericService {
 public:
  // Out of a thousand frames read.
  struct Trouble {
    int cuts = 0;
    int drains = 0;
    int restarts = 0;
  };

  StrictServer(const StrictProcessor::Limits& limits, const Trouble& trouble,
               uint64_t seed);
  ~StrictServer() override;

  std::string address() const { return address_; }
  // No trouble from now on.
  void Calm();
  // The first rule that a client broke, or OK.
  absl::Status violation();

 private:
  class Reactor;

  grpc::ServerGenericBidiReactor* CreateReactor(
      grpc::GenericCallbackServerContext* context) override;
  // What becomes of a stream that sent `bytes`: not OK, it ends so.
  absl::Status Read(StrictProcessor::Stream* stream, absl::string_view bytes)
      MSGPROC_REQUIRES(mutex_);

  Mutex mutex_;
  StrictProcessor processor_ MSGPROC_GUARDED_BY(mutex_);
  Trouble trouble_ MSGPROC_GUARDED_BY(mutex_);
  std::mt19937_64 random_ MSGPROC_GUARDED_BY(mutex_);
  absl::Status violation_ MSGPROC_GUARDED_BY(mutex_);
  std::string address_;
  std::unique_ptr<grpc::Server> server_;
};

}  // namespace msgproc::client

#endif  // MSGPROC_CLIENT_TESTING_STRICT_SERVER_H_
