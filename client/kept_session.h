#ifndef MSGPROC_CLIENT_KEPT_SESSION_H_
#define MSGPROC_CLIENT_KEPT_SESSION_H_

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace msgproc::client {

struct KeptMessage {
  std::string payload;
  // Keys and values.
  std::vector<std::pair<std::string, std::string>> headers;
};

// A session as an outbox has it, for a program that goes on with it.
struct KeptSession {
  std::string session_id;
  std::string session_token;
  std::string handler;
  // Once a server has answered; before, no message was sent.
  bool welcomed = false;
  std::string store_generation;  // Empty: it is in no store.
  // The callback has returned for results up to here.
  uint64_t received_through = 0;
  // Those behind it, in order of sequence.
  std::vector<KeptMessage> messages;

  uint64_t last_sequence() const { return received_through + messages.size(); }
};

// How far an outbox has come on the disk.
struct KeptThrough {
  // Messages up to here may be sent.
  uint64_t messages = 0;
  // Messages up to here are gone: the server may be told that their results are
  // received.
  uint64_t results = 0;
  // No message follows and none is left: the session may be finished.
  bool ended = false;
};

}  // namespace msgproc::client

#endif  // MSGPROC_CLIENT_KEPT_SESSION_H_
