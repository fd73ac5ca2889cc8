#ifndef MSGPROC_SERVICES_PROCESSOR_TESTING_TCP_RELAY_H_
#define MSGPROC_SERVICES_PROCESSOR_TESTING_TCP_RELAY_H_

#include <list>
#include <string>
#include <thread>

#include "common/mutex.h"
#include "services/base/unique_fd.h"

namespace msgproc::processor {

// A network between a client and a server that does what networks do: it
// carries bytes, goes silent, or breaks. One thread; public functions from any.
class TcpRelay {
 public:
  // Carries from a free port of 127.0.0.1 to `target` ("127.0.0.1:1234").
  explicit TcpRelay(std::string target);
  ~TcpRelay();
  TcpRelay(const TcpRelay&) = delete;
  TcpRelay& operator=(const TcpRelay&) = delete;

  const std::string& address() const { return address_; }

  // From here on nothing arrives at the client, or at either side; the
  // connections stay open. What was under way comes after Carry.
  void SilenceToClient() { Set(true, false); }
  void Silence() { Set(true, true); }
  void Carry() { Set(false, false); }

  // Of the first connection on which `marker` comes from the client, what comes
  // with it and after it is held. Deliver gives the server what came with it,
  // however long the client has been gone; what came after it never arrives.
  void HoldFirst(std::string marker);
  // Whether there is something held.
  bool Holds();
  void Deliver();

  // Breaks every connection (RST at both sides).
  void Break();

 private:
  struct Connection {
    base::UniqueFd client;
    base::UniqueFd server;
    bool client_done = false;  // Half-closed.
    bool server_done = false;
    std::string held;
  };

  void Set(bool silent_to_client, bool silent_to_server);
  void Wake();
  void Run();
  void Accept() MSGPROC_REQUIRES(mutex_);
  bool PassToServer(Connection* connection) MSGPROC_REQUIRES(mutex_);
  // False: the connection is over.
  static bool Pass(int from, int to, bool* done);

  const std::string target_;
  base::UniqueFd listener_;
  base::UniqueFd wake_read_;
  base::UniqueFd wake_write_;
  std::string address_;

  Mutex mutex_;
  std::list<Connection> connections_ MSGPROC_GUARDED_BY(mutex_);
  bool silent_to_client_ MSGPROC_GUARDED_BY(mutex_) = false;
  bool silent_to_server_ MSGPROC_GUARDED_BY(mutex_) = false;
  std::string marker_ MSGPROC_GUARDED_BY(mutex_);  // Empty: hold nothing.
  bool stopping_ MSGPROC_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace msgproc::processor

#endif  // MSGPROC_SERVICES_PROCESSOR_TESTING_TCP_RELAY_H_
