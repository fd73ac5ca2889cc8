// What comes to the HTTP page, in two pieces cut anywhere: it is answered in
// HTTP as it is in one, and never by a handler that was not asked for.
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "common/check.h"
#include "services/base/http_server.h"
#include "services/base/testing/socket_folder.h"
#include "services/base/unique_fd.h"
#include "tests/fuzz/input.h"

namespace msgproc::fuzz {
namespace {

// As much as a connection may hold; a socket takes it at once.
constexpr size_t kMostBytes = 32 << 10;
// What is unfinished is held until its time is up, which is longer: in
// milliseconds.
constexpr int kPatience = 20;

class Page {
 public:
  Page() {
    base::HttpServerOptions options;
    options.address = absl::StrCat("unix:", folder_ / "http");
    auto server = base::HttpServer::Start(
        options,
        {{"/echo", [](const base::HttpRequest& request) {
            MSGPROC_CHECK_EQ(request.path, "/echo");
            MSGPROC_CHECK(request.method == "GET" || request.method == "HEAD");
            MSGPROC_CHECK_LE(request.query.size(), 64U);
            return base::HttpResponse{
                200, "text/plain",
                absl::StrCat("echo ", request.query.size(), " ",
                             request.Query("a").value_or("none"))};
          }}});
    MSGPROC_CHECK(server.ok());
    server_ = *std::move(server);
  }

  // What it answers to all of this before it closes, or says no more.
  std::string Ask(absl::string_view first, absl::string_view then) const {
    const base::UniqueFd fd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    const std::string path = folder_ / "http";
    std::memcpy(address.sun_path, path.data(), path.size());
    MSGPROC_CHECK_EQ(connect(fd.get(), reinterpret_cast<sockaddr*>(&address),
                             sizeof(address)),
                     0);
    Send(fd.get(), first);
    Send(fd.get(), then);
    shutdown(fd.get(), SHUT_WR);
    std::string answer;
    char buffer[4096];
    pollfd readable{.fd = fd.get(), .events = POLLIN, .revents = 0};
    while (poll(&readable, 1, kPatience) > 0) {
      const ssize_t size = recv(fd.get(), buffer, sizeof(buffer), 0);
      if (size <= 0) break;
      answer.append(buffer, static_cast<size_t>(size));
    }
    return answer;
  }

 private:
  // It may have closed already.
  static void Send(int fd, absl::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t sent = send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent <= 0) return;
      bytes.remove_prefix(static_cast<size_t>(sent));
    }
  }

  const base::SocketFolder folder_;
  std::unique_ptr<base::HttpServer> server_;
};

// The codes of the answers, one behind the other.
std::string Codes(absl::string_view answers) {
  std::string codes;
  for (absl::string_view line : absl::StrSplit(answers, "\r\n")) {
    // The next answer's first line stands behind a body.
    const size_t at = line.find("HTTP/1.");
    if (at == absl::string_view::npos) continue;
    absl::StrAppend(&codes, line.substr(at + 8, 4));
  }
  return codes;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const auto* const page = new Page;
  Input input(data, size);
  const size_t cut = input.Byte();
  const absl::string_view asked = input.Rest().substr(0, kMostBytes);
  const std::string answer = page->Ask(asked, "");
  if (!answer.empty()) MSGPROC_CHECK(absl::StartsWith(answer, "HTTP/1."));
  if (absl::StrContains(answer, "\r\n\r\necho ")) {
    MSGPROC_CHECK(absl::StrContains(asked, "echo") ||
                  absl::StrContains(asked, "%"));
  }
  const absl::string_view first = asked.substr(0, cut);
  const std::string again = page->Ask(first, asked.substr(first.size()));
  // Either may have been slow.
  const std::string codes = Codes(answer);
  const std::string codes_again = Codes(again);
  MSGPROC_CHECK(absl::StartsWith(codes, codes_again) ||
                absl::StartsWith(codes_again, codes));
  return 0;
}

}  // namespace msgproc::fuzz
