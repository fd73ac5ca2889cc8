#include "common/spawn.h"

#include <fcntl.h>
#include <spawn.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstddef>
#include <cstdint>

#include "absl/status/status.h"
#include "common/check.h"

namespace msgproc {
namespace {

constexpr char kSetpriv[] = "/usr/bin/setpriv";

std::vector<char*> Pointers(std::vector<std::string>* strings) {
  std::vector<char*> pointers;
  pointers.reserve(strings->size() + 1);
  for (std::string& string : *strings) pointers.push_back(string.data());
  pointers.push_back(nullptr);
  return pointers;
}

// What posix_spawn is told, and the descriptors that it needs meanwhile.
class Attributes {
 public:
  Attributes() {
    posix_spawn_file_actions_init(&actions_);
    posix_spawnattr_init(&attributes_);
  }
  ~Attributes() {
    posix_spawn_file_actions_destroy(&actions_);
    posix_spawnattr_destroy(&attributes_);
    for (const int copy : copies_) close(copy);
  }
  Attributes(const Attributes&) = delete;
  Attributes& operator=(const Attributes&) = delete;

  void SetSignalsAndGroup(SpawnOptions::Group group) {
    sigset_t signals;
    sigemptyset(&signals);
    posix_spawnattr_setsigmask(&attributes_, &signals);
    sigfillset(&signals);
    posix_spawnattr_setsigdefault(&attributes_, &signals);
    int flags = POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF;
    if (group == SpawnOptions::Group::kOwnGroup) {
      posix_spawnattr_setpgroup(&attributes_, 0);
      flags |= POSIX_SPAWN_SETPGROUP;
    } else if (group == SpawnOptions::Group::kOwnSession) {
      flags |= POSIX_SPAWN_SETSID;
    }
    posix_spawnattr_setflags(&attributes_, static_cast<int16_t>(flags));
  }

  // 0 or errno.
  int SetDescriptors(const std::vector<SpawnOptions::Descriptor>& descriptors) {
    int last = STDERR_FILENO;
    for (const auto& descriptor : descriptors) {
      MSGPROC_CHECK_GE(descriptor.as, 0);
      last = std::max(last, descriptor.as);
    }
    std::vector<bool> named(static_cast<size_t>(last) + 1);
    for (const auto& [as, from] : descriptors) {
      const auto number = static_cast<size_t>(as);
      MSGPROC_CHECK(!named[number]);
      named[number] = true;
      if (from == SpawnOptions::kDevNull) {
        posix_spawn_file_actions_addopen(&actions_, as, "/dev/null", O_RDONLY,
                                         0);
        continue;
      }
      if (from < 0) {
        posix_spawn_file_actions_addclose(&actions_, as);
        continue;
      }
      // Above all that are placed: none of those can overwrite it.
      const int copy = fcntl(from, F_DUPFD_CLOEXEC, last + 1);
      if (copy < 0) return errno;
      copies_.push_back(copy);
      posix_spawn_file_actions_adddup2(&actions_, copy, as);
    }
    for (int fd = STDERR_FILENO + 1; fd <= last; ++fd) {
      if (!named[static_cast<size_t>(fd)]) {
        posix_spawn_file_actions_addclose(&actions_, fd);
      }
    }
    posix_spawn_file_actions_addclosefrom_np(&actions_, last + 1);
    return 0;
  }

  void SetDirectory(const std::string& directory) {
    posix_spawn_file_actions_addchdir_np(&actions_, directory.c_str());
  }

  const posix_spawn_file_actions_t* actions() const { return &actions_; }
  const posix_spawnattr_t* attributes() const { return &attributes_; }

 private:
  posix_spawn_file_actions_t actions_;
  posix_spawnattr_t attributes_;
  std::vector<int> copies_;
};

}  // namespace

absl::StatusOr<pid_t> Spawn(const SpawnOptions& options) {
  MSGPROC_CHECK(!options.arguments.empty());
  std::vector<std::string> arguments = options.arguments;
  const std::string named =
      options.program.empty() ? arguments[0] : options.program;
  std::string program = named;
  if (options.parent_death_signal != 0) {
    // posix_spawn would only see that setpriv is there.
    if (access(named.c_str(), X_OK) != 0) {
      return absl::ErrnoToStatus(errno, named);
    }
    const char* signal = sigabbrev_np(options.parent_death_signal);
    MSGPROC_CHECK_NE(signal, nullptr);
    arguments[0] = named;
    arguments.insert(arguments.begin(),
                     {kSetpriv, "--pdeathsig", signal, "--"});
    program = kSetpriv;
  }
  Attributes attributes;
  attributes.SetSignalsAndGroup(options.group);
  int error = attributes.SetDescriptors(options.descriptors);
  if (error != 0) return absl::ErrnoToStatus(error, named);
  if (!options.directory.empty()) attributes.SetDirectory(options.directory);

  std::vector<std::string> environment;
  if (options.environment) environment = *options.environment;
  const std::vector<char*> argv = Pointers(&arguments);
  const std::vector<char*> envp = Pointers(&environment);
  pid_t pid = -1;
  error = posix_spawnp(&pid, program.c_str(), attributes.actions(),
                       attributes.attributes(), argv.data(),
                       options.environment ? envp.data() : environ);
  if (error != 0) return absl::ErrnoToStatus(error, named);
  MSGPROC_CHECK_GT(pid, 0);
  return pid;
}

}  // namespace msgproc
