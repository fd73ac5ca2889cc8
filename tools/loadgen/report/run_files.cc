#include "tools/loadgen/report/run_files.h"

#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "services/base/setting_name.h"
#include "tools/files/distinct_files.h"

namespace msgproc::loadgen {
namespace {

// Whether the text goes to a file, by way of the standard output.
bool TextGoesToAFile(const Options& asked) {
  struct stat info {};
  return asked.output != "-" && asked.json != "-" && asked.report != "-" &&
         fstat(STDOUT_FILENO, &info) == 0 && S_ISREG(info.st_mode);
}

absl::Status CheckFiles(const Options& asked) {
  using Use = files::NamedFile::Use;
  const base::SettingName& name = asked.setting_name;
  std::vector<files::NamedFile> named = {
      {name("input"), asked.input, Use::kRead},
      {name("tls_ca"), asked.tls_ca, Use::kRead},
      {name("tls_cert"), asked.tls_cert, Use::kRead},
      {name("tls_key"), asked.tls_key, Use::kRead},
      {name("token_file"), asked.token_file, Use::kRead},
      {name("output"), asked.output, Use::kWrite},
      {name("outbox"), asked.outbox, Use::kWrite},
      {name("json"), asked.json, Use::kWrite},
      {name("report"), asked.report, Use::kWrite}};
  if (TextGoesToAFile(asked)) {
    named.push_back({"the standard output", "-", Use::kWrite});
  }
  return files::CheckDistinct(named);
}

}  // namespace

absl::StatusOr<RunFiles> RunFiles::Open(const Plan& plan) {
  const Options& asked = plan.asked;
  const base::SettingName& name = asked.setting_name;
  if (absl::Status status = CheckFiles(asked); !status.ok()) return status;
  RunFiles opened;
  if (!asked.input.empty()) {
    auto input = files::OpenInput(name("input"), asked.input);
    if (!input.ok()) return input.status();
    opened.input_ = *std::move(input);
  }
  const bool goes_on = !asked.outbox.empty() && !asked.output.empty();
  if (goes_on) {
    auto output = files::OpenToGoOn(name("output"), asked.output);
    if (!output.ok()) return output.status();
    opened.going_on_ = *std::move(output);
  }
  const std::string none;
  const struct {
    const char* option;
    const std::string& path;
    files::OutputFile* file;
  } outputs[] = {{"output", goes_on ? none : asked.output, &opened.output_},
                 {"json", asked.json, &opened.json_},
                 {"report", asked.report, &opened.report_}};
  for (const auto& [option, path, file] : outputs) {
    auto output = files::OutputFile::Open(name(option), path);
    if (!output.ok()) return output.status();
    *file = *std::move(output);
  }
  opened.stop_.Reset(eventfd(0, EFD_CLOEXEC));
  if (!opened.stop_.valid()) return absl::ErrnoToStatus(errno, "eventfd");
  return opened;
}

absl::Status RunFiles::Begin() {
  absl::Status status = output_.Begin();
  status.Update(json_.Begin());
  status.Update(report_.Begin());
  return status;
}

void RunFiles::Stop() const {
  const uint64_t one = 1;
  // An eventfd takes it unless its count is about to overflow.
  if (write(stop_.get(), &one, sizeof(one)) < 0) return;
}

}  // namespace msgproc::loadgen
