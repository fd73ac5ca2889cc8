#ifndef MSGPROC_TOOLS_FILES_DISTINCT_FILES_H_
#define MSGPROC_TOOLS_FILES_DISTINCT_FILES_H_

#include <string>

#include "absl/status/status.h"
#include "absl/types/span.h"

namespace msgproc::files {

// A file that a program is told to read or to write.
struct NamedFile {
  enum class Use { kRead, kWrite };

  std::string flag;  // "--json"; for people.
  std::string path;  // "-": the standard input or output; empty: none.
  Use use = Use::kWrite;
};

// INVALID_ARGUMENT when one that is written is another one as well: it would
// destroy what is to be read, or one of two results would be lost. Files are
// told apart by device and inode, whatever they are called and whatever links
// lead there; one that does not exist yet, by its folder's and its name. Only
// /dev/null takes everything. Opens nothing.
absl::Status CheckDistinct(absl::Span<const NamedFile> files);

}  // namespace msgproc::files

#endif  // MSGPROC_TOOLS_FILES_DISTINCT_FILES_H_
