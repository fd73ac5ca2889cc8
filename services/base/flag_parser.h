#ifndef MSGPROC_SERVICES_BASE_FLAG_PARSER_H_
#define MSGPROC_SERVICES_BASE_FLAG_PARSER_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace msgproc::base {

// What --help and --version say of a program.
struct ProgramInfo {
  std::string name;     // "msgproc-processor"
  std::string summary;  // One or two sentences.
  // "bazel run //services/processor -- [flags]", with more lines behind it
  // where there is more to say. `bazel run TARGET --` becomes the program's own
  // name where it was started by that.
  std::string usage;
};

// Exit code of a program that was called wrongly.
inline constexpr int kUsageExitCode = 2;

// Sets the program's Abseil flags from its arguments (`argv` without the
// program): --name=value, --name value, --name and --noname for a bool; one
// dash is as good as two; the last one wins. INVALID_ARGUMENT, saying what is
// wrong and the nearest flag there is: an unknown flag, a bad or missing value,
// an argument that is no flag.
//
// As with Abseil's parser flags may also come, in the place of these, from
//   --flagfile=PATH,…    a flag a line, as --name=value; # begins a comment; a
//                        file may name others; paths count as UserPath says
//   --fromenv=NAME,…     the variables FLAGS_NAME, which must be there
//   --tryfromenv=NAME,…  those of them that are there
//
// Abseil's own parser ends the program with exit code 1 in all of these, lists
// the flags of every library, and lets stray arguments pass.
absl::Status ParseFlags(const std::vector<std::string>& arguments);

// The flags defined in this program (not in Abseil), with their present values.
// `started_as` replaces `bazel run TARGET --` in the usage, unless it is empty.
std::string HelpText(const ProgramInfo& program,
                     absl::string_view started_as = "");

// ParseFlags for main(): --help and --version print and exit 0; an error goes
// to standard error, exit code 2.
void ParseFlagsOrExit(int argc, char** argv, const ProgramInfo& program);

}  // namespace msgproc::base

#endif  // MSGPROC_SERVICES_BASE_FLAG_PARSER_H_
