#include "services/processor/workers/testing/liar.h"

#include <google/protobuf/io/zero_copy_stream_impl.h>
#include <google/protobuf/util/delimited_message_util.h>
#include <unistd.h>

#include <string>

#include "absl/strings/match.h"
#include "msgproc/worker/v1/worker.pb.h"

namespace msgproc::processor {
namespace {

using google::protobuf::util::ParseDelimitedFromZeroCopyStream;
using google::protobuf::util::SerializeDelimitedToFileDescriptor;
using worker::v1::ResultBatch;
using worker::v1::WorkBatch;

void Write(int fd, const std::string& bytes) {
  [[maybe_unused]] const ssize_t written =
      write(fd, bytes.data(), bytes.size());
}

ResultBatch Echo(const WorkBatch& batch) {
  ResultBatch answer;
  answer.set_batch_id(batch.batch_id());
  for (const auto& message : batch.messages()) {
    auto* result = answer.add_results();
    result->set_sequence(message.sequence());
    result->set_payload(message.payload());
  }
  return answer;
}

void Lie(const std::string& name, const WorkBatch& batch, int fd) {
  ResultBatch answer = Echo(batch);
  if (name == "garbage") {
    Write(fd, std::string(5000, '\x5b'));
    return;
  }
  if (name == "text") {
    Write(fd,
          "Exception in thread main: java.lang.NullPointerException: a length "
          "of 69 (E) and more than that\n");
    return;
  }
  if (name == "half") {
    const std::string whole = answer.SerializeAsString();
    Write(fd,
          static_cast<char>(whole.size()) + whole.substr(0, whole.size() / 2));
    _exit(0);
  }
  if (name == "huge") {
    Write(fd, "\xff\xff\xff\xff\x0f");
    return;
  }
  if (name == "close") {
    close(fd);
    while (true) pause();
  }
  if (name == "stranger") answer.set_batch_id(batch.batch_id() + 1000);
  if (name == "sequence") {
    answer.mutable_results(0)->set_sequence(answer.results(0).sequence() +
                                            1000);
  }
  if (name == "extra") {
    *answer.add_results() = answer.results(0);
  }
  SerializeDelimitedToFileDescriptor(answer, fd);
  if (name == "twice") SerializeDelimitedToFileDescriptor(answer, fd);
}

}  // namespace

void RunLiar(int fd) {
  google::protobuf::io::FileInputStream in(fd);
  WorkBatch batch;
  bool clean_end = false;
  while (ParseDelimitedFromZeroCopyStream(&batch, &in, &clean_end)) {
    if (batch.has_hello()) {
      ResultBatch ready;
      ready.mutable_ready()->set_protocol_version(1);
      SerializeDelimitedToFileDescriptor(ready, fd);
    } else {
      std::string lie;
      for (const auto& message : batch.messages()) {
        if (absl::StartsWith(message.payload(), "lie ")) {
          lie = message.payload().substr(4);
        }
      }
      if (lie.empty()) {
        SerializeDelimitedToFileDescriptor(Echo(batch), fd);
      } else {
        Lie(lie, batch, fd);
      }
    }
    batch.Clear();
  }
}

}  // namespace msgproc::processor
