#include "services/base/server_certificates.h"

#include <cstddef>

#include "common/check.h"
#include "services/base/log.h"
#include "services/base/pem.h"

namespace msgproc::base {
namespace {

absl::Status CheckTime(const Validity& validity, absl::Time now,
                       const FileText& file, bool is_first) {
  absl::Status current = CheckCurrent(validity, now, file);
  if (current.ok() || !is_first) return current;
  LogWarning("a TLS certificate is out of its time: who checks will refuse it",
             {{"reason", current.message()}});
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<absl::Time> ServerCertificates::TakePair(
    const std::vector<FileText>& files, absl::Time now) {
  MSGPROC_CHECK_EQ(files.size(), size_t{2});
  const FileText& cert = files[0];
  const FileText& key = files[1];
  const absl::StatusOr<Validity> validity = CheckCertificateAndKey(cert, key);
  if (!validity.ok()) return validity.status();
  MutexLock lock(&mutex_);
  const bool is_first = current_.cert_chain.empty();
  absl::Status current = CheckTime(*validity, now, cert, is_first);
  if (!current.ok()) return current;
  current_.cert_chain = cert.text;
  current_.key = key.text;
  ++current_.version;
  return validity->end;
}

absl::StatusOr<absl::Time> ServerCertificates::TakeClientAuthorities(
    const std::vector<FileText>& files, absl::Time now) {
  MSGPROC_CHECK_EQ(files.size(), size_t{1});
  const FileText& file = files[0];
  const absl::StatusOr<Validity> validity = CheckAuthorities(file);
  if (!validity.ok()) return validity.status();
  MutexLock lock(&mutex_);
  const bool is_first = current_.client_authorities.empty();
  absl::Status current = CheckTime(*validity, now, file, is_first);
  if (!current.ok()) return current;
  current_.client_authorities = file.text;
  ++current_.version;
  return validity->end;
}

ServerCertificates::Current ServerCertificates::Get() const {
  MutexLock lock(&mutex_);
  return current_;
}

}  // namespace msgproc::base
