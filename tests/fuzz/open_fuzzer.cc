// An Open, and what a session's table would make of it: everything in it is
// within its bounds, or it is refused.
#include <cstddef>
#include <cstdint>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "common/check.h"
#include "common/utf8.h"
#include "msgproc/v1/processor.pb.h"
#include "services/processor/session/open_request.h"
#include "tests/fuzz/reference.h"
#include "wire/frame.h"

namespace msgproc::fuzz {

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const absl::string_view bytes(reinterpret_cast<const char*>(data), size);
  wire::RequestFrame frame;
  v1::Open open;
  if (!frame.Parse(bytes) || !frame.has_open || !Reads(frame.open, &open)) {
    return 0;
  }
  processor::OpenRequest request;
  request.session_id = open.session_id();
  request.session_token = open.session_token();
  request.client_name = open.client_name();
  request.received_through = frame.received_through;
  request.has_messages = !frame.messages.empty();
  request.generation = {.instance = open.instance(), .attempt = open.attempt()};
  request.resumes = open.resumes();
  request.store_generation = open.store_generation();
  request.handler = open.handler();
  const absl::Status status = processor::CheckOpen(request);
  if (!status.ok()) {
    MSGPROC_CHECK(absl::IsInvalidArgument(status));
    MSGPROC_CHECK(IsUtf8(status.message()));
    return 0;
  }
  MSGPROC_CHECK_LE(open.session_id().size(), 128U);
  MSGPROC_CHECK_LE(open.client_name().size(), 256U);
  const size_t token = open.session_token().size();
  MSGPROC_CHECK(token == 0 || (token >= 16 && token <= 64));
  // Sequences do not wrap.
  MSGPROC_CHECK_LE(frame.received_through, uint64_t{1} << 62);
  MSGPROC_CHECK(frame.received_through == 0 || frame.messages.empty());
  const processor::Claim claim = processor::ClaimOf(request);
  MSGPROC_CHECK_EQ(claim.token_sha256.size(), 32U);
  MSGPROC_CHECK_EQ(claim.session_id, open.session_id());
  MSGPROC_CHECK(!request.generation.Before(request.generation));
  return 0;
}

}  // namespace msgproc::fuzz
