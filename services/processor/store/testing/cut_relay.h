#ifndef MSGPROC_SERVICES_PROCESSOR_STORE_TESTING_CUT_RELAY_H_
#define MSGPROC_SERVICES_PROCESSOR_STORE_TESTING_CUT_RELAY_H_

#include <atomic>
#include <string>
#include <thread>

#include "services/base/unique_fd.h"

namespace msgproc::processor {

// Stands between a client and a server on Unix sockets, and cuts their
// connection in a moment that the test chooses. One connection at a time.
class CutRelay {
 public:
  enum class Cut {
    kNever,
    // What the client says next does not arrive.
    kBefore,
    // It arrives, and the server's answer does not.
    kAfter,
  };

  // Listens on one path, and connects to the other for each client.
  CutRelay(const std::string& listens_on, std::string connects_to);
  CutRelay(const CutRelay&) = delete;
  CutRelay& operator=(const CutRelay&) = delete;
  ~CutRelay();

  // From now on.
  void set_cut(Cut cut) { cut_.store(cut); }

 private:
  void Run();
  void Relay(int client, int server) const;

  const std::string connects_to_;
  base::UniqueFd listener_;
  // Readable once the test is over.
  base::UniqueFd stop_;
  std::atomic<Cut> cut_{Cut::kNever};
  std::thread thread_;
};

}  // namespace msgproc::processor

#endif  // MSGPROC_SERVICES_PROCESSOR_STORE_TESTING_CUT_RELAY_H_
