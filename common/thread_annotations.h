#ifndef MSGPROC_COMMON_THREAD_ANNOTATIONS_H_
#define MSGPROC_COMMON_THREAD_ANNOTATIONS_H_

// Clang's thread safety analysis, as attributes; nothing under other compilers.
// https://clang.llvm.org/docs/ThreadSafetyAnalysis.html
#if defined(__clang__)
#define MSGPROC_ATTRIBUTE(x) __attribute__((x))
#else
#define MSGPROC_ATTRIBUTE(x)
#endif

#define MSGPROC_CAPABILITY(x) MSGPROC_ATTRIBUTE(capability(x))
#define MSGPROC_SCOPED_CAPABILITY MSGPROC_ATTRIBUTE(scoped_lockable)
#define MSGPROC_GUARDED_BY(x) MSGPROC_ATTRIBUTE(guarded_by(x))
#define MSGPROC_PT_GUARDED_BY(x) MSGPROC_ATTRIBUTE(pt_guarded_by(x))
#define MSGPROC_REQUIRES(...) \
  MSGPROC_ATTRIBUTE(requires_capability(__VA_ARGS__))
#define MSGPROC_EXCLUDES(...) MSGPROC_ATTRIBUTE(locks_excluded(__VA_ARGS__))
#define MSGPROC_ACQUIRE(...) MSGPROC_ATTRIBUTE(acquire_capability(__VA_ARGS__))
#define MSGPROC_RELEASE(...) MSGPROC_ATTRIBUTE(release_capability(__VA_ARGS__))
#define MSGPROC_TRY_ACQUIRE(...) \
  MSGPROC_ATTRIBUTE(try_acquire_capability(__VA_ARGS__))
#define MSGPROC_NO_THREAD_SAFETY_ANALYSIS \
  MSGPROC_ATTRIBUTE(no_thread_safety_analysis)

#endif  // MSGPROC_COMMON_THREAD_ANNOTATIONS_H_
