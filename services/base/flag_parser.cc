#include "services/base/flag_parser.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <map>
#include <numeric>
#include <optional>
#include <utility>

#include "absl/flags/commandlineflag.h"
#include "absl/flags/reflection.h"
#include "absl/status/statusor.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "services/base/build_info.h"
#include "services/base/flag_value.h"
#include "services/base/user_path.h"

namespace msgproc::base {
namespace {

constexpr size_t kHelpColumns = 80;
constexpr size_t kMaxEdits = 3;
// Flag files that name flag files; more is a file that names itself.
constexpr int kMaxDepth = 10;

// Ours by name, Abseil's own left out.
std::map<std::string, absl::CommandLineFlag*> OurFlags() {
  std::map<std::string, absl::CommandLineFlag*> flags;
  for (const auto& [name, flag] : absl::GetAllFlags()) {
    if (!absl::StrContains(flag->Filename(), "absl/") && !flag->IsRetired()) {
      flags.emplace(name, flag);
    }
  }
  return flags;
}

// How many letters must be added, left out or replaced (Levenshtein 1965).
size_t EditDistance(absl::string_view a, absl::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), 0);
  for (size_t i = 1; i <= a.size(); ++i) {
    size_t diagonal = std::exchange(row[0], i);
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t replaced = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, replaced});
    }
  }
  return row.back();
}

absl::Status UnknownFlag(absl::string_view name) {
  std::string nearest;
  size_t fewest = kMaxEdits + 1;
  for (const auto& [candidate, flag] : OurFlags()) {
    const size_t edits = EditDistance(name, candidate);
    if (edits < fewest) {
      fewest = edits;
      nearest = candidate;
    }
  }
  return absl::InvalidArgumentError(absl::StrCat(
      "unknown flag --", name,
      nearest.empty() ? "" : absl::StrCat("; did you mean --", nearest, "?"),
      nearest.empty() ? " (--help lists them all)" : ""));
}

absl::CommandLineFlag* FindFlag(absl::string_view name) {
  const auto flags = OurFlags();
  const auto found = flags.find(std::string(name));
  return found == flags.end() ? nullptr : found->second;
}

absl::Status SetFlag(absl::CommandLineFlag* flag, absl::string_view value) {
  std::string error;
  if (flag->ParseFrom(value, &error)) return absl::OkStatus();
  const std::optional<std::string> digits = CountInDigits(value);
  if (digits && IsNumber(*flag) && flag->ParseFrom(*digits, &error)) {
    return absl::OkStatus();
  }
  std::string advice = ValueAdvice(*flag, value);
  if (advice.empty()) advice = error;
  return absl::InvalidArgumentError(
      absl::StrCat("--", flag->Name(), " cannot be \"", value, "\"",
                   advice.empty() ? "" : absl::StrCat(": ", advice), " (",
                   flag->Help(), ")"));
}

absl::Status ParseArguments(const std::vector<std::string>& arguments,
                            int depth);

absl::Status ParseFlagFile(const std::string& path, int depth) {
  if (depth >= kMaxDepth) {
    return absl::InvalidArgumentError(absl::StrCat(
        "--flagfile=", path, ": flag files name one another without end"));
  }
  std::ifstream file(path);
  if (!file) {
    return absl::InvalidArgumentError(
        absl::StrCat("--flagfile=", path, ": the file cannot be read"));
  }
  int number = 0;
  for (std::string line; std::getline(file, line);) {
    ++number;
    absl::StripAsciiWhitespace(&line);
    if (line.empty() || line[0] == '#') continue;
    const absl::Status status = ParseArguments({line}, depth + 1);
    if (!status.ok()) {
      return absl::InvalidArgumentError(
          absl::StrCat(path, ":", number, ": ", status.message()));
    }
  }
  // A folder opens, and cannot be read.
  if (!file.bad()) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("--flagfile=", path, ": the file cannot be read"));
}

absl::Status SetFlagFromEnvironment(const std::string& name, bool required) {
  absl::CommandLineFlag* const flag = FindFlag(name);
  if (flag == nullptr) return UnknownFlag(name);
  const std::string variable = absl::StrCat("FLAGS_", name);
  const char* const value = std::getenv(variable.c_str());
  if (value != nullptr) return SetFlag(flag, value);
  if (!required) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("--fromenv=", name, ": the environment has no ", variable,
                   " (--tryfromenv does without)"));
}

bool IsSource(absl::string_view name) {
  return name == "flagfile" || name == "fromenv" || name == "tryfromenv";
}

// Sets what --flagfile and the like stand for.
absl::Status SetFlagsFromSource(absl::string_view name, absl::string_view value,
                                int depth) {
  for (const absl::string_view part :
       absl::StrSplit(value, ',', absl::SkipEmpty())) {
    const absl::Status status =
        name == "flagfile"
            ? ParseFlagFile(UserPath(part), depth)
            : SetFlagFromEnvironment(std::string(part), name == "fromenv");
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

// Sets the flag of "name", "name=value" or "noname"; true: with `next`, the
// argument after it (null: there is none).
absl::StatusOr<bool> SetFlagFrom(absl::string_view argument,
                                 const std::string* next, int depth) {
  const std::vector<absl::string_view> parts =
      absl::StrSplit(argument, absl::MaxSplits('=', 1));
  const absl::string_view name = parts[0];
  const bool has_value = parts.size() == 2;
  if (IsSource(name)) {
    if (!has_value && next == nullptr) {
      return absl::InvalidArgumentError(
          absl::StrCat("--", name, " wants a value (--help)"));
    }
    const absl::Status set =
        SetFlagsFromSource(name, has_value ? parts[1] : *next, depth);
    if (!set.ok()) return set;
    return !has_value;
  }
  absl::CommandLineFlag* const flag = FindFlag(name);
  absl::Status status;
  if (flag == nullptr) {
    absl::string_view positive = name;
    const bool negated = !has_value && absl::ConsumePrefix(&positive, "no");
    absl::CommandLineFlag* const off = negated ? FindFlag(positive) : nullptr;
    if (off == nullptr || !off->IsOfType<bool>()) return UnknownFlag(name);
    status = SetFlag(off, "false");
  } else if (has_value) {
    status = SetFlag(flag, parts[1]);
  } else if (flag->IsOfType<bool>()) {
    status = SetFlag(flag, "true");
  } else if (next == nullptr) {
    status = absl::InvalidArgumentError(
        absl::StrCat("--", name, " wants a value (", flag->Help(), ")"));
  } else {
    status = SetFlag(flag, *next);
    if (status.ok()) return true;
  }
  if (!status.ok()) return status;
  return false;
}

// Breaks `text` into lines that begin with `indent`.
void AppendWrapped(absl::string_view text, absl::string_view indent,
                   std::string* out) {
  size_t column = 0;
  for (const absl::string_view word :
       absl::StrSplit(text, ' ', absl::SkipEmpty())) {
    if (column == 0 || column + 1 + word.size() > kHelpColumns) {
      absl::StrAppend(out, column == 0 ? "" : "\n", indent);
      column = indent.size();
    } else {
      absl::StrAppend(out, " ");
      ++column;
    }
    absl::StrAppend(out, word);
    column += word.size();
  }
  *out += '\n';
}

absl::Status ParseArguments(const std::vector<std::string>& arguments,
                            int depth) {
  for (size_t i = 0; i < arguments.size(); ++i) {
    absl::string_view argument = arguments[i];
    if (!absl::ConsumePrefix(&argument, "-") || argument.empty() ||
        argument == "-") {
      return absl::InvalidArgumentError(
          absl::StrCat("unexpected argument \"", arguments[i],
                       "\": flags begin with -- (--help lists them all)"));
    }
    absl::ConsumePrefix(&argument, "-");
    const bool last = i + 1 == arguments.size();
    absl::StatusOr<bool> took_next =
        SetFlagFrom(argument, last ? nullptr : &arguments[i + 1], depth);
    if (!took_next.ok()) return took_next.status();
    if (*took_next) ++i;
  }
  return absl::OkStatus();
}

// With `bazel run TARGET --` wherever it stands replaced by `started_as`.
std::string UsageOf(absl::string_view usage, absl::string_view started_as) {
  constexpr absl::string_view kBazelRun = "bazel run //";
  std::string text;
  while (!started_as.empty()) {
    const size_t begin = usage.find(kBazelRun);
    if (begin == absl::string_view::npos) break;
    absl::StrAppend(&text, usage.substr(0, begin), started_as);
    usage.remove_prefix(begin + kBazelRun.size());
    usage.remove_prefix(std::min(usage.find_first_of(" \n"), usage.size()));
    absl::ConsumePrefix(&usage, " --");
  }
  return absl::StrCat(text, usage);
}

// Empty where Bazel started it: `bazel run` is then how to do so again.
std::string StartedAs(absl::string_view program_path) {
  if (std::getenv("BUILD_WORKING_DIRECTORY") != nullptr) return "";
  return std::string(program_path.substr(program_path.rfind('/') + 1));
}

}  // namespace

absl::Status ParseFlags(const std::vector<std::string>& arguments) {
  return ParseArguments(arguments, /*depth=*/0);
}

std::string HelpText(const ProgramInfo& program, absl::string_view started_as) {
  std::string text;
  AppendWrapped(absl::StrCat(program.name, ": ", program.summary), "", &text);
  absl::StrAppend(&text, "\nUsage: ", UsageOf(program.usage, started_as),
                  "\n\nFlags:\n");
  for (const auto& [name, flag] : OurFlags()) {
    const std::string value = flag->CurrentValue();
    absl::StrAppend(&text, "  --", name, "=", value.empty() ? "\"\"" : value,
                    "\n");
    AppendWrapped(flag->Help(), "      ", &text);
  }
  absl::StrAppend(&text,
                  "  --flagfile=PATH,...\n      Files with a flag a line, as "
                  "--name=value; # begins a comment.\n"
                  "  --fromenv=NAME,..., --tryfromenv=NAME,...\n      Flags "
                  "from the variables FLAGS_NAME, which must or may be there.\n"
                  "  --help\n      Shows this and exits.\n"
                  "  --version\n      Shows the version and exits.\n");
  return text;
}

void ParseFlagsOrExit(int argc, char** argv, const ProgramInfo& program) {
  const std::vector<std::string> arguments(argv + std::min(argc, 1),
                                           argv + argc);
  for (const std::string& argument : arguments) {
    if (argument == "--help" || argument == "-help" || argument == "-h") {
      std::fputs(HelpText(program, StartedAs(argc > 0 ? argv[0] : "")).c_str(),
                 stdout);
      std::exit(0);
    }
    if (argument == "--version" || argument == "-version") {
      std::puts(VersionText(program.name).c_str());
      std::exit(0);
    }
  }
  const absl::Status status = ParseFlags(arguments);
  if (status.ok()) return;
  std::fprintf(stderr, "%s: %s\n", program.name.c_str(),
               std::string(status.message()).c_str());
  std::exit(kUsageExitCode);
}

}  // namespace msgproc::base
