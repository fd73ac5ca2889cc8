#ifndef MSGPROC_SERVICES_BALANCER_STORE_CENSUS_H_
#define MSGPROC_SERVICES_BALANCER_STORE_CENSUS_H_

#include <cstddef>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace msgproc::balancer {

// Which stores a fleet keeps its sessions in. There should be one: a session
// that goes to a server with another store is lost, or its messages are done
// twice. A plain value.
class StoreCensus {
 public:
  // `generation` is the store's, empty for sessions in memory.
  void Count(absl::string_view generation, absl::string_view server_id);

  // Memory is one of them. 0: there is no server.
  size_t stores() const { return stores_.size(); }

  // In one line, for people: each store and who uses it.
  std::string Describe() const;

 private:
  struct Store {
    std::string generation;
    std::string first_server;
    size_t servers = 0;
  };

  // Few, in the order in which they were met.
  std::vector<Store> stores_;
};

}  // namespace msgproc::balancer

#endif  // MSGPROC_SERVICES_BALANCER_STORE_CENSUS_H_
