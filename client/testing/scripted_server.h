#ifndef MSGPROC_CLIENT_TESTING_SCRIPTED_SERVER_H_
#define MSGPROC_CLIENT_TESTING_SCRIPTED_SERVER_H_

#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "common/mutex.h"
#include "grpcpp/generic/async_generic_service.h"
#include "grpcpp/server.h"
#include "msgproc/v1/processor.pb.h"

namespace msgproc::client {

class ScriptedServer;

// One stream at a ScriptedServer: it says what the test says. Every wait has a
// deadline (and fails the test when it runs out). Called from the test's thread
// only.
class ScriptedStream {
 public:
  virtual ~ScriptedStream() = default;

  // The next request. False: the client half-closed or is gone.
  virtual bool Read(v1::ProcessRequest* request) = 0;
  // Reads until there are so many messages, with what else came on the way.
  v1::ProcessRequest ReadMessages(int count);
  // Reads until the client half-closes or is gone.
  virtual std::vector<v1::ProcessRequest> ReadAll() = 0;
  // Bytes in place of a frame.
  virtual void WriteBytes(const std::string& bytes) = 0;
  // Ends the stream.
  virtual void Finish(absl::Status status) = 0;
  // Waits until the client has gone away.
  virtual void AwaitCancelled() = 0;

  void Write(const v1::ProcessResponse& response) {
    WriteBytes(response.SerializeAsString());
  }

  // The client's end of the connection.
  virtual std::string peer() const = 0;
};

// A processor whose every answer is written in the test.
class ScriptedServer : public grpc::CallbackGenericService {
 public:
  ScriptedServer();
  ~ScriptedServer() override;

  std::string address() const { return address_; }
  // From the next stream on nothing is read, so that HTTP/2's own window fills.
  void StopReading();
  // The next stream that a client opened, in the order of opening; null when
  // there is none for long.
  std::shared_ptr<ScriptedStream> Accept();
  // Whether a stream is waiting to be accepted.
  bool HasStream();
  // Cuts all connections and closes the port.
  void Stop();

 private:
  class Reactor;

  grpc::ServerGenericBidiReactor* CreateReactor(
      grpc::GenericCallbackServerContext* context) override;

  Mutex mutex_;
  CondVar opened_;
  std::deque<std::shared_ptr<ScriptedStream>> streams_
      MSGPROC_GUARDED_BY(mutex_);
  bool reads_ MSGPROC_GUARDED_BY(mutex_) = true;
  std::string address_;
  std::unique_ptr<grpc::Server> server_;
};

}  // namespace msgproc::client

#endif  // MSGPROC_CLIENT_TESTING_SCRIPTED_SERVER_H_
