#include "tools/loadgen/flags.h"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/flags/flag.h"
#include "services/base/flag_parser.h"
#include "services/base/setting_name.h"
#include "services/base/user_path.h"

namespace {

msgproc::loadgen::Options Defaults() { return {}; }

}  // namespace

ABSL_FLAG(std::optional<uint64_t>, n, Defaults().n,
          "Messages to send, over all streams; at most, with --duration or "
          "--input. Without any of the three: 10000.");
ABSL_FLAG(absl::Duration, duration, Defaults().duration,
          "How long to send, as in 30s or 5m; 0: until --n are sent.");
ABSL_FLAG(std::string, warmup, "",
          "What to send before the measuring begins: a time (2s) or a number "
          "of messages (5000). Checked, but not counted.");
ABSL_FLAG(std::string, target, "",
          "The processor: host:port or unix:/path. Without it and --balancer: "
          "127.0.0.1:50051 if something listens there, otherwise a processor "
          "embedded in loadgen.");
ABSL_FLAG(std::string, balancer, "",
          "Balancers to ask for a processor, as host:port, comma-separated, "
          "tried in order.");
ABSL_FLAG(int, connections, Defaults().connections, "Connections to open.");
ABSL_FLAG(int, streams_per_connection, Defaults().streams_per_connection,
          "Streams on each connection. A server takes 100 unless its "
          "--max_streams_per_connection says otherwise; the rest waits.");
ABSL_FLAG(uint64_t, max_outstanding, Defaults().max_outstanding,
          "Messages of a stream that may be without a result at a time.");
ABSL_FLAG(uint64_t, max_batch, Defaults().max_batch,
          "Most messages in one frame; 0: what the server allows.");
ABSL_FLAG(uint64_t, payload_bytes, Defaults().payload_bytes,
          "Bytes of a message.");
ABSL_FLAG(std::string, input, "",
          "Messages to send instead of made-up ones: a file, or - for the "
          "standard input; each line is a message.");
ABSL_FLAG(std::string, output, "",
          "Where to write the results of --input, in its order, a line each "
          "(an empty one for a message that failed): a file, or - for the "
          "standard output.");
ABSL_FLAG(std::string, outbox, "",
          "A file that keeps each line of --input until its result is written, "
          "so that loadgen may crash or be stopped: started again with the "
          "same --outbox and --input it goes on where it was, and each line is "
          "sent once. --output is then gone on with, too; its lines are the "
          "line's number, a tab and the result, and one that comes twice (its "
          "writer crashed) has the same number. When all lines have their "
          "results the outbox is emptied.");
ABSL_FLAG(double, rate, Defaults().rate,
          "Messages a second, over all streams: an open loop, whose latencies "
          "count from when a message was meant to leave. 0: a closed loop, "
          "where each result makes room for the next message.");
ABSL_FLAG(bool, poisson, Defaults().poisson,
          "With --rate: spread the times at random (a Poisson process) "
          "instead of evenly.");
ABSL_FLAG(std::string, handler, Defaults().handler,
          "The handler to ask for; empty: the server's default. Results of "
          "echo, uppercase, sha256 and spin are checked to the last byte.");
ABSL_FLAG(std::string, client_name, Defaults().client_name,
          "For the server's log.");
ABSL_FLAG(std::string, locality, Defaults().locality,
          "With --balancer: where we are, as region/zone, so that servers near "
          "us are preferred. Empty: any.");
ABSL_FLAG(uint64_t, seed, Defaults().seed,
          "What payloads and random times are made from; 0: chosen anew each "
          "time, and reported.");
ABSL_FLAG(std::string, slo, "",
          "Objectives, comma-separated, as in p99<5ms,throughput>100k,"
          "failed<=0. Figures: p50, p99.9 and the like, max, mean, throughput, "
          "messages, answered, failed, lost, duplicated, wrong, interruptions, "
          "longest_interruption, lateness.");
ABSL_FLAG(std::string, json, "",
          "Write the report as JSON: --json to the standard output in place of "
          "the text, --json=FILE to a file beside it.");
ABSL_FLAG(std::string, report, "",
          "Write the report as an HTML page with charts to this file; it needs "
          "no network.");
ABSL_FLAG(std::string, tls_ca, "",
          "PEM file with the authorities that the server's certificate must "
          "come from. Turns TLS on.");
ABSL_FLAG(std::string, tls_cert, "",
          "PEM file with our own certificate (mTLS). Turns TLS on.");
ABSL_FLAG(std::string, tls_key, "", "PEM file with the key of --tls_cert.");
ABSL_FLAG(std::string, tls_server_name, "",
          "The name to expect in the server's certificate, if it is not the "
          "host of --target. Turns TLS on.");
ABSL_FLAG(std::string, token_file, "",
          "File with the token (a JWT) that says who we are; read for each "
          "connection, and again before the token expires. Give TLS flags with "
          "it: it travels as it is.");
ABSL_FLAG(absl::Duration, connect_timeout, Defaults().connect_timeout,
          "How long to wait for the first answer of a server that may not be "
          "up yet, before giving up.");
ABSL_FLAG(absl::Duration, give_up_after, Defaults().give_up_after,
          "How long a stream whose connection broke goes on trying to connect "
          "before its messages count as lost.");
ABSL_FLAG(absl::Duration, stall_timeout, Defaults().stall_timeout,
          "How long to wait for results while none comes at all, before they "
          "count as lost.");

namespace msgproc::loadgen {
namespace {

constexpr char kUsage[] =
    R"(bazel run //tools/loadgen -- [flags]

Examples:
  # 10,000 messages through a processor embedded in loadgen
  bazel run //tools/loadgen
  # a closed loop: 16 connections with 64 messages outstanding on each, 30 s
  ... --target=127.0.0.1:50051 --connections=16 --max_outstanding=64 \
      --duration=30s --warmup=2s
  # an open loop: 50,000 messages a second, and what must hold
  ... --rate=50000 --duration=1m --slo='p99<5ms,failed<=0' --json=report.json
  # lines in, results out
  ... --handler=uppercase --input=words.txt --output=-
  # the same, to be killed and started again until it is through
  ... --handler=uppercase --input=words.txt --output=results --outbox=words.box

Exit codes:
  0  every message was answered exactly once, and every objective held
  1  something was lost, duplicated, failed or wrong, or nothing answered
  2  the flags or a file are wrong
  3  an objective of --slo was missed
  4  loadgen could not keep the schedule of --rate: the 99th percentile of its
     own lateness is over 1 ms or a tenth of the time between two messages,
     whichever is longer. It outweighs 3: late figures prove nothing
Ctrl-C stops sending, collects what is in flight and reports what was done; a
second one ends loadgen at once.)";

// A flag that may be given without a value: bare, it means the standard output.
// (A flag's value may be the next argument, but no flag begins with a letter.)
void GiveJsonItsValue(std::vector<std::string>* arguments) {
  for (size_t i = 1; i < arguments->size(); ++i) {
    std::string& argument = (*arguments)[i];
    if (argument != "--json" && argument != "-json") continue;
    const bool has_value =
        i + 1 < arguments->size() &&
        ((*arguments)[i + 1] == "-" || (*arguments)[i + 1].substr(0, 1) != "-");
    if (!has_value) argument = "--json=-";
  }
}

}  // namespace

void ParseCommandLineOrExit(int argc, char** argv) {
  std::vector<std::string> arguments(argv, argv + argc);
  GiveJsonItsValue(&arguments);
  std::vector<char*> pointers;
  pointers.reserve(arguments.size());
  for (std::string& argument : arguments) pointers.push_back(argument.data());
  base::ParseFlagsOrExit(
      argc, pointers.data(),
      {.name = "msgproc-loadgen",
       .summary = "Sends messages through a processor's permanent sockets, "
                  "checks every result, and reports throughput and latency.",
       .usage = kUsage});
}

Options OptionsFromFlags() {
  using base::UserPath;
  Options options;
  options.n = absl::GetFlag(FLAGS_n);
  options.duration = absl::GetFlag(FLAGS_duration);
  options.warmup = absl::GetFlag(FLAGS_warmup);
  options.target = absl::GetFlag(FLAGS_target);
  options.balancer = absl::GetFlag(FLAGS_balancer);
  options.connections = absl::GetFlag(FLAGS_connections);
  options.streams_per_connection = absl::GetFlag(FLAGS_streams_per_connection);
  options.max_outstanding = absl::GetFlag(FLAGS_max_outstanding);
  options.max_batch = absl::GetFlag(FLAGS_max_batch);
  options.payload_bytes = absl::GetFlag(FLAGS_payload_bytes);
  options.input = UserPath(absl::GetFlag(FLAGS_input));
  options.output = UserPath(absl::GetFlag(FLAGS_output));
  options.outbox = UserPath(absl::GetFlag(FLAGS_outbox));
  options.rate = absl::GetFlag(FLAGS_rate);
  options.poisson = absl::GetFlag(FLAGS_poisson);
  options.handler = absl::GetFlag(FLAGS_handler);
  options.client_name = absl::GetFlag(FLAGS_client_name);
  options.locality = absl::GetFlag(FLAGS_locality);
  options.seed = absl::GetFlag(FLAGS_seed);
  options.slo = absl::GetFlag(FLAGS_slo);
  options.json = UserPath(absl::GetFlag(FLAGS_json));
  options.report = UserPath(absl::GetFlag(FLAGS_report));
  options.tls_ca = UserPath(absl::GetFlag(FLAGS_tls_ca));
  options.token_file = UserPath(absl::GetFlag(FLAGS_token_file));
  options.tls_cert = UserPath(absl::GetFlag(FLAGS_tls_cert));
  options.tls_key = UserPath(absl::GetFlag(FLAGS_tls_key));
  options.tls_server_name = absl::GetFlag(FLAGS_tls_server_name);
  options.connect_timeout = absl::GetFlag(FLAGS_connect_timeout);
  options.give_up_after = absl::GetFlag(FLAGS_give_up_after);
  options.stall_timeout = absl::GetFlag(FLAGS_stall_timeout);
  options.setting_name = base::AsFlag;
  return options;
}

}  // namespace msgproc::loadgen
