// ThreadSanitizer's options and suppressions for every program of ours.
//
// gRPC, Abseil and protobuf come from the system without instrumentation. What
// they promise about order stands in grpc_order.cc; suppressed is what happens
// inside of them nevertheless, by the top frame of either stack; `race:^grpc::`
// would match any frame, and every callback of ours has gRPC below it.
// tests/sanitizers/planted_race_test.cc proves that a race in a reactor is
// still found. gRPC's own threads are never joined: they are not leaks of ours.

extern "C" {

// NOLINTNEXTLINE(bugprone-reserved-identifier): the runtime's name.
const char* __tsan_default_options() {
  return "ignore_noninstrumented_modules=1:halt_on_error=1:second_deadlock_"
         "stack=1";
}

// NOLINTNEXTLINE(bugprone-reserved-identifier): the runtime's name.
const char* __tsan_default_suppressions() {
  return "race_top:^grpc::\n"
         "race_top:^std::\n"
         "race_top:^google::protobuf::\n"
         "race_top:libgrpc\n"
         "thread:^grpc_core::Thread::Thread\n"
         "called_from_lib:libgrpc.so\n"
         "called_from_lib:libgrpc++.so\n";
}

}  // extern "C"
