#ifndef MSGPROC_BENCHMARKS_CHILD_SERVER_H_
#define MSGPROC_BENCHMARKS_CHILD_SERVER_H_

#include <sys/types.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace msgproc::benchmarks {

// A server in a process of its own: this very program, started again with
// `--role=NAME`, so that client and server share no threads. Ends with its
// parent.
class ChildServer {
 public:
  // Starts the role with further arguments and waits for its address. Exits the
  // program with a message when that fails.
  static std::unique_ptr<ChildServer> Start(
      const std::string& role, const std::vector<std::string>& arguments = {});
  ~ChildServer();

  const std::string& address() const { return address_; }
  pid_t pid() const { return pid_; }
  // CPU time that it has used, in seconds.
  double CpuSeconds() const;

  // In the child: tells the parent the address, then waits until it is to end.
  static void Serve(const std::string& address);

 private:
  ChildServer() = default;

  pid_t pid_ = -1;
  int to_child_ = -1;
  std::string address_;
};

}  // namespace msgproc::benchmarks

#endif  // MSGPROC_BENCHMARKS_CHILD_SERVER_H_
