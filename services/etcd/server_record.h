#ifndef MSGPROC_SERVICES_ETCD_SERVER_RECORD_H_
#define MSGPROC_SERVICES_ETCD_SERVER_RECORD_H_

#include <cstddef>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "msgproc/v1/balancer.pb.h"

namespace msgproc::etcd {

// What a server says of itself in etcd, as etcd's gRPC resolvers for Go read
// it: {"Op":0,"Addr":"host:port","Metadata":{…}}. The metadata is its report to
// a balancer in protobuf's JSON, with the proto's own field names.

inline constexpr size_t kMaxRecordBytes = 16 << 10;

// The clock of the vitals is left out: who reads the record does not know how
// old it is, and the same report is to make the same record.
std::string WriteServerRecord(v1::RegisterRequest report);

// `server_id` is the key's last part. Another program's record that has an
// address and no metadata of ours is a server that serves. INVALID_ARGUMENT:
// says why, in at most some 200 bytes. Whether names and numbers are within
// their bounds is for the registry to say.
absl::StatusOr<v1::RegisterRequest> ReadServerRecord(
    absl::string_view server_id, absl::string_view value);

}  // namespace msgproc::etcd

#endif  // MSGPROC_SERVICES_ETCD_SERVER_RECORD_H_
