#ifndef MSGPROC_TOOLS_CTL_TEXT_H_
#define MSGPROC_TOOLS_CTL_TEXT_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "msgproc/admin/v1/admin.pb.h"

namespace msgproc::ctl {

// What msgproc prints for people. Texts of clients' making have their control
// characters escaped, so that none can write on the operator's terminal.

// On one line, and without control characters.
std::string Shown(absl::string_view text);
// Likewise; "-" where there is none.
std::string OrDash(absl::string_view text);

// Columns as wide as what stands in them, two spaces apart; the first line is
// the header. Cells of `right` columns (by index) stand to the right.
std::string Table(const std::vector<std::vector<std::string>>& lines,
                  const std::vector<size_t>& right);

// "999", "12.3k", "4.5M": at most five characters.
std::string Count(double value);
// "812 B", "64 KiB", "1.5 GiB".
std::string Bytes(uint64_t bytes);
// "350 µs", "1.2 s", "3 min", "2 h", "5 d".
std::string Length(absl::Duration length);
// "NOT_FOUND: no such till"; without a message its code alone.
std::string StatusText(int code, absl::string_view message);
// "queued", "handler", ...; "-" where there is no message.
std::string StageName(admin::v1::Stage stage);

// "taken over" of KIND_TAKEN_OVER, where `prefix` is "KIND_".
std::string EnumWord(absl::string_view name, absl::string_view prefix);

// Its id; of a stream without a session "@" and its number.
std::string SessionName(const admin::v1::Session& session);

// Messages a second by SessionName; absent: not known yet.
using Rates = std::map<std::string, double>;

// A line a session, with the header. `rates` null: no such column.
std::string SessionLines(const admin::v1::ListSessionsResponse& sessions,
                         const Rates* rates);

}  // namespace msgproc::ctl

#endif  // MSGPROC_TOOLS_CTL_TEXT_H_
