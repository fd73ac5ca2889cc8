#ifndef MSGPROC_SERVICES_PROCESSOR_WORKERS_TESTING_LIAR_H_
#define MSGPROC_SERVICES_PROCESSOR_WORKERS_TESTING_LIAR_H_

namespace msgproc::processor {

// A worker that echoes, on the socket `fd`, until a message's payload is
// "lie NAME": then it answers in a way that breaks the protocol. Written
// against worker.proto with the generated classes, as a stranger's would be.
// Returns at the end of input.
void RunLiar(int fd);

}  // namespace msgproc::processor

#endif  // MSGPROC_SERVICES_PROCESSOR_WORKERS_TESTING_LIAR_H_
