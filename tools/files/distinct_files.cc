#include "tools/files/distinct_files.h"

#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <climits>
#include <cstddef>
#include <optional>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"

namespace msgproc::files {
namespace {

struct Identity {
  dev_t device;
  ino_t inode;
  std::string name;  // In the folder that the others tell; empty: they tell it.

  bool operator==(const Identity&) const = default;
};

bool IsNull(const struct stat& info) {
  constexpr unsigned kMajor = 1;
  constexpr unsigned kMinor = 3;
  return S_ISCHR(info.st_mode) && info.st_rdev == makedev(kMajor, kMinor);
}

std::string Folder(absl::string_view path) {
  const size_t slash = path.rfind('/');
  if (slash == absl::string_view::npos) return ".";
  return slash == 0 ? "/" : std::string(path.substr(0, slash));
}

// What a link says, from where the link stands; empty: it is none.
std::string LinkTarget(const std::string& path) {
  char target[PATH_MAX];
  const ssize_t size = readlink(path.c_str(), target, sizeof(target));
  if (size <= 0) return "";
  const absl::string_view text(target, static_cast<size_t>(size));
  if (absl::StartsWith(text, "/")) return std::string(text);
  return absl::StrCat(Folder(path), "/", text);
}

// Nothing: opening it will say what is wrong, or all may have it.
std::optional<Identity> IdentityOf(const NamedFile& file) {
  struct stat info {};
  if (file.path == "-") {
    const bool reads = file.use == NamedFile::Use::kRead;
    if (fstat(reads ? STDIN_FILENO : STDOUT_FILENO, &info) != 0 ||
        IsNull(info)) {
      return std::nullopt;
    }
    return Identity{info.st_dev, info.st_ino, ""};
  }
  constexpr int kMostLinks = 40;  // As many as the kernel follows.
  std::string path = file.path;
  for (int i = 0; i < kMostLinks; ++i) {
    if (stat(path.c_str(), &info) == 0) {
      if (IsNull(info)) return std::nullopt;
      return Identity{info.st_dev, info.st_ino, ""};
    }
    std::string target = LinkTarget(path);
    if (target.empty()) break;
    path = std::move(target);
  }
  if (stat(Folder(path).c_str(), &info) != 0) return std::nullopt;
  return Identity{info.st_dev, info.st_ino, path.substr(path.rfind('/') + 1)};
}

std::string Name(const NamedFile& file) {
  return file.path == "-" ? absl::StrCat(file.flag, " (-)")
                          : absl::StrCat(file.flag, "=", file.path);
}

absl::Status Same(const NamedFile& a, const NamedFile& b) {
  const bool reads = a.use != b.use;
  return absl::InvalidArgumentError(absl::StrCat(
      Name(a), " and ", Name(b), " are the same file: ",
      reads ? "writing would destroy what is to be read. Write to another one."
            : "one of the two would be lost. Give each its own."));
}

}  // namespace

absl::Status CheckDistinct(absl::Span<const NamedFile> files) {
  for (size_t i = 0; i < files.size(); ++i) {
    if (files[i].path.empty()) continue;
    const std::optional<Identity> identity = IdentityOf(files[i]);
    for (size_t j = 0; j < i; ++j) {
      const bool writes = files[i].use == NamedFile::Use::kWrite ||
                          files[j].use == NamedFile::Use::kWrite;
      if (files[j].path.empty() || !writes) continue;
      const bool twice_standard = files[i].use == files[j].use &&
                                  files[i].path == "-" && files[j].path == "-";
      if (twice_standard ||
          (identity.has_value() && identity == IdentityOf(files[j]))) {
        return Same(files[j], files[i]);
      }
    }
  }
  return absl::OkStatus();
}

}  // namespace msgproc::files
