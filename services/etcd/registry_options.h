#ifndef MSGPROC_SERVICES_ETCD_REGISTRY_OPTIONS_H_
#define MSGPROC_SERVICES_ETCD_REGISTRY_OPTIONS_H_

#include <memory>
#include <vector>

#include "services/base/reloaded_files.h"
#include "services/etcd/client.h"
#include "services/etcd/registry_url.h"

namespace msgproc::etcd {

// The registry that a server is told of, and how to get in.
struct RegistryOptions {
  RegistryUrl url;
  Client::Options client;
  // Where secrets come from, to be looked at now and then.
  std::vector<std::shared_ptr<base::ReloadedFiles>> files;
};

}  // namespace msgproc::etcd

#endif  // MSGPROC_SERVICES_ETCD_REGISTRY_OPTIONS_H_
