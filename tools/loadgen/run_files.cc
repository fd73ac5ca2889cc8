#include "tools/loadgen/run_files.h"

#include <fcntl.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace msgproc::loadgen {
namespace {

absl::Status OpenFile(absl::string_view flag, const std::string& path,
                      int standard, int mode, server::UniqueFd* file) {
  if (path.empty()) return absl::OkStatus();
  file->Reset(path == "-" ? fcntl(standard, F_DUPFD_CLOEXEC, 0)
                          : open(path.c_str(), mode | O_CLOEXEC, 0644));
  if (file->valid()) return absl::OkStatus();
  return absl::ErrnoToStatus(errno,
                             absl::StrCat("--", flag, ": cannot open ", path));
}

}  // namespace

absl::StatusOr<RunFiles> RunFiles::Open(const Plan& plan) {
  constexpr int kReplace = O_WRONLY | O_CREAT | O_TRUNC;
  const Options& asked = plan.asked;
  RunFiles files;
  absl::Status status =
      OpenFile("input", asked.input, STDIN_FILENO, O_RDONLY, &files.input_);
  status.Update(OpenFile("output", asked.output, STDOUT_FILENO, kReplace,
                         &files.output_));
  status.Update(
      OpenFile("json", asked.json, STDOUT_FILENO, kReplace, &files.json_));
  status.Update(OpenFile("report", asked.report, STDOUT_FILENO, kReplace,
                         &files.report_));
  files.stop_.Reset(eventfd(0, EFD_CLOEXEC));
  if (!files.stop_.valid()) {
    status.Update(absl::ErrnoToStatus(errno, "eventfd"));
  }
  if (!status.ok()) return status;
  return files;
}

void RunFiles::Stop() const {
  const uint64_t one = 1;
  // An eventfd takes it unless its count is about to overflow.
  if (write(stop_.get(), &one, sizeof(one)) < 0) return;
}

}  // namespace msgproc::loadgen
