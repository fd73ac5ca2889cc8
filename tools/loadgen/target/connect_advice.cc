#include "tools/loadgen/target/connect_advice.h"

#include <algorithm>
#include <cstdint>
#include <fstream>
#include <sstream>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "services/base/setting_name.h"

namespace msgproc::loadgen {
namespace {

using Speaks = PeerFacts::Speaks;
using Serves = ServiceFacts::Serves;

constexpr absl::Duration kPatience = absl::Seconds(1);

bool UsesTls(const Options& asked) {
  return !asked.tls_ca.empty() || !asked.tls_cert.empty() ||
         !asked.tls_server_name.empty();
}

std::string Program(bool is_balancer) {
  return is_balancer ? "balancer" : "processor";
}

std::string Unreachable(const Options& asked, const FailedAddress& failed) {
  const std::string& address = failed.address;
  if (failed.peer.no_such_host) {
    return absl::StrCat("There is no host of the name in ", address, " (",
                        failed.peer.unreachable,
                        "): correct the address, or look at your DNS.");
  }
  if (failed.from_balancer) {
    return absl::StrCat("The balancer gave the server ", address,
                        ", where nothing answers from here (",
                        failed.peer.unreachable,
                        "): does that processor advertise an address that "
                        "clients can reach (--advertise_address)?");
  }
  const std::string program = Program(failed.is_balancer);
  return absl::StrCat(
      "Nothing answers at ", address, " (", failed.peer.unreachable,
      ").\nStart a ", program, " there (bazel run //services/", program,
      "), correct the address, or leave it out to use a processor embedded in "
      "loadgen.\nTo wait longer give ",
      asked.setting_name("connect_timeout"), " (now ",
      absl::FormatDuration(asked.connect_timeout), ").");
}

std::string TlsMismatch(const Options& asked, const FailedAddress& failed) {
  const std::string& address = failed.address;
  const PeerFacts& peer = failed.peer;
  const base::SettingName& name = asked.setting_name;
  if (peer.speaks == Speaks::kPlaintext) {
    return absl::StrCat(
        address, " speaks plaintext, and the flags ask for TLS: leave out ",
        name("tls_ca"),
        " and the other flags of TLS, or start the server with ",
        "--tls_cert and --tls_key.");
  }
  std::string text = absl::StrCat(
      address, " speaks TLS, and no flag asks for it: give ", name("tls_ca"),
      "=FILE with the authority that signed the server's certificate");
  if (peer.asks_for_certificate) {
    absl::StrAppend(&text, ", and ", name("tls_cert"), " and ", name("tls_key"),
                    " with your own: it asks for a client certificate");
  }
  return text + ".";
}

// Both speak TLS; empty: nothing is wrong with it.
std::string TlsTrouble(const Options& asked, const FailedAddress& failed) {
  const std::string& address = failed.address;
  const PeerFacts& peer = failed.peer;
  const base::SettingName& name = asked.setting_name;
  if (absl::StrContains(peer.verify_error, "expired") ||
      absl::StrContains(peer.verify_error, "not yet valid")) {
    return absl::StrCat("The certificate of ", address,
                        " is not accepted: ", peer.verify_error,
                        ". Give the server a new one, or correct this "
                        "machine's clock.");
  }
  if (!peer.verify_error.empty()) {
    return absl::StrCat("The certificate of ", address,
                        " is not accepted: ", peer.verify_error, ". Is ",
                        name("tls_ca"), "=", asked.tls_ca,
                        " the authority that signed it?");
  }
  if (peer.wrong_name) {
    return absl::StrCat("The certificate of ", address, " is for ", peer.names,
                        " and not for this name: connect by one of these, or "
                        "give ",
                        name("tls_server_name"), "=",
                        peer.names.substr(0, peer.names.find(',')), ".");
  }
  if (peer.asks_for_certificate && asked.tls_cert.empty()) {
    return absl::StrCat(
        address, " asks for a client certificate, and none is given: give ",
        name("tls_cert"), " and ", name("tls_key"), ".");
  }
  if (peer.asks_for_certificate) {
    return absl::StrCat(address, " does not accept the client certificate of ",
                        name("tls_cert"), "=", asked.tls_cert,
                        ": is it in date, and from the authority of the "
                        "server's --tls_client_ca?");
  }
  return "";
}

std::string NoServerToGive(const FailedAddress& failed) {
  const ServiceFacts& facts = failed.services;
  std::string text = absl::StrCat("A balancer answers at ", failed.address);
  if (facts.servers == 0) {
    absl::StrAppend(&text,
                    ", but no processor is registered with it. Start "
                    "one with --balancer=",
                    failed.address,
                    ", and look at its log if it does not appear");
  } else {
    absl::StrAppend(&text, ", but of the ", facts.servers,
                    facts.servers == 1 ? " processor" : " processors",
                    " that it knows none can be given (", facts.serving,
                    " serving). Look at their logs");
  }
  return absl::StrCat(text,
                      "; the balancer's log and its HTTP page (/list) "
                      "say what it knows.");
}

// What answers there speaks gRPC, but not what is wanted; empty: it does.
std::string WrongService(const Options& asked, const FailedAddress& failed) {
  const std::string& address = failed.address;
  switch (failed.services.serves) {
    case Serves::kBalancer:
      if (failed.is_balancer) return "";
      return absl::StrCat(address,
                          " is a balancer and no processor: give it as ",
                          asked.setting_name("balancer"), "=", address, ".");
    case Serves::kProcessor:
      if (!failed.is_balancer) return "";
      return absl::StrCat(address,
                          " is a processor and no balancer: give it as ",
                          asked.setting_name("target"), "=", address, ".");
    case Serves::kNeither:
      return absl::StrCat("A gRPC server answers at ", address,
                          ", but it is neither a processor nor a balancer of "
                          "this system: correct the address.");
    case Serves::kUnknown:
      return "";
  }
  return "";
}

std::string WhatAnswers(const Options& asked, const FailedAddress& failed) {
  const std::string& address = failed.address;
  const bool uses_tls = UsesTls(asked);
  switch (failed.peer.speaks) {
    case Speaks::kHttp1:
      return absl::StrCat("A web server answers at ", address,
                          " (HTTP/1) and no ", Program(failed.is_balancer),
                          ": is this its --http_address? Give its "
                          "--listen_address.");
    case Speaks::kNothing:
      return absl::StrCat(address,
                          " takes connections but says nothing (waited ",
                          absl::FormatDuration(kPatience), "): is it no ",
                          Program(failed.is_balancer),
                          ", is it stopped, or does it expect a "
                          "PROXY protocol header (--proxy_protocol)?");
    case Speaks::kPlaintext:
      return uses_tls ? TlsMismatch(asked, failed) : "";
    case Speaks::kTls:
      return uses_tls ? TlsTrouble(asked, failed) : TlsMismatch(asked, failed);
  }
  return "";
}

bool MayBeTheConnection(const absl::Status& why) {
  return absl::IsDeadlineExceeded(why) || absl::IsUnavailable(why) ||
         absl::IsInternal(why) || absl::IsUnknown(why);
}

std::string Content(const std::string& path) {
  std::ostringstream text;
  if (!path.empty()) text << std::ifstream(path, std::ios::binary).rdbuf();
  return text.str();
}

FailedAddress Look(const Plan& plan, const Endpoint& endpoint,
                   const std::string& address, bool is_balancer) {
  const Options& asked = plan.asked;
  FailedAddress failed{.address = address, .is_balancer = is_balancer};
  if (CanProbe(address)) {
    failed.looked = true;
    failed.peer = ProbePeer(address, Content(asked.tls_ca),
                            asked.tls_server_name, kPatience);
    if (!failed.peer.unreachable.empty()) return failed;
  }
  const client::MessageStreamOptions& options = endpoint.stream_options;
  failed.services = AskServices(address, options.credentials,
                                options.channel_arguments, kPatience);
  return failed;
}

}  // namespace

std::string Explain(const Options& asked, const FailedAddress& failed,
                    const absl::Status& why) {
  if (failed.looked && !failed.peer.unreachable.empty()) {
    return Unreachable(asked, failed);
  }
  if (failed.looked && MayBeTheConnection(why)) {
    std::string text = WhatAnswers(asked, failed);
    if (!text.empty()) return text;
  }
  if (std::string text = WrongService(asked, failed); !text.empty())
    return text;
  if (failed.is_balancer && failed.services.servers >= 0 &&
      failed.services.gives.empty()) {
    return NoServerToGive(failed);
  }
  if (MayBeTheConnection(why)) {
    return absl::StrCat("Nothing answers at ", failed.address, " as a ",
                        Program(failed.is_balancer), " should (", why.message(),
                        ").\nCorrect the address, or give a longer ",
                        asked.setting_name("connect_timeout"), " (now ",
                        absl::FormatDuration(asked.connect_timeout), ").");
  }
  return absl::StrCat(failed.address, " refused the stream: ", why.ToString());
}

std::string ExplainWaitingStreams(const Options& asked,
                                  absl::Span<const int> connected) {
  const int64_t each = asked.streams_per_connection;
  if (connected.empty()) return "";
  const auto [least, most] =
      std::minmax_element(connected.begin(), connected.end());
  if (*least < 1 || *least >= each) return "";
  const int64_t connections = asked.connections;
  const int64_t enough = (connections * each + *least - 1) / *least;
  return absl::StrCat(
      "Of ", each, " streams on ",
      connections == 1 ? "the connection " : "each connection ",
      *least == *most ? "" : "at least ", *least,
      " found a server, and the others wait: as many as it takes on one "
      "(its --max_streams_per_connection, or a proxy's cap).\nAsk for ",
      asked.setting_name("connections"), "=", enough, " ",
      asked.setting_name("streams_per_connection"), "=", *least,
      ", or start the server with a larger --max_streams_per_connection.");
}

std::string ConnectAdvice(const Plan& plan, const Endpoint& endpoint,
                          const absl::Status& why,
                          absl::Span<const int> connected) {
  if (absl::IsDeadlineExceeded(why) || absl::IsUnavailable(why)) {
    std::string text = ExplainWaitingStreams(plan.asked, connected);
    if (!text.empty()) return text + "\n";
  }
  if (plan.balancers.empty()) {
    const std::string& target = endpoint.stream_options.target;
    return Explain(plan.asked, Look(plan, endpoint, target, false), why) + "\n";
  }
  std::string text;
  for (const std::string& balancer : plan.balancers) {
    const FailedAddress failed = Look(plan, endpoint, balancer, true);
    if (failed.services.gives.empty()) {
      absl::StrAppend(&text, Explain(plan.asked, failed, why), "\n");
      continue;
    }
    FailedAddress given = Look(plan, endpoint, failed.services.gives, false);
    given.from_balancer = true;
    absl::StrAppend(&text, Explain(plan.asked, given, why), "\n");
  }
  return text;
}

}  // namespace msgproc::loadgen
