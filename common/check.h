#ifndef MSGPROC_COMMON_CHECK_H_
#define MSGPROC_COMMON_CHECK_H_

#include <string>
#include <type_traits>

#include "absl/base/attributes.h"
#include "absl/base/optimization.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

// What must hold, said where it must. A check that fails is a bug of ours: it
// prints the condition, the values and the place to standard error, and aborts.
// What comes from outside is never checked like this; it is an error with a
// message.
//
//   MSGPROC_CHECK(!write_in_flight_);
//   MSGPROC_CHECK_LE(received_through_, accepted_through_);
//
// MSGPROC_CHECK is always on and costs a predicted branch. MSGPROC_DCHECK is
// for what costs more: on in `-c dbg`, and so under the sanitizers; elsewhere
// its operands are compiled and not evaluated.
#define MSGPROC_CHECK(condition) \
  (ABSL_PREDICT_TRUE(condition)  \
       ? static_cast<void>(0)    \
       : ::msgproc::internal::CheckFailed(__FILE__, __LINE__, #condition, ""))

#define MSGPROC_CHECK_EQ(a, b) MSGPROC_INTERNAL_CHECK_OP(==, a, b)
#define MSGPROC_CHECK_NE(a, b) MSGPROC_INTERNAL_CHECK_OP(!=, a, b)
#define MSGPROC_CHECK_LT(a, b) MSGPROC_INTERNAL_CHECK_OP(<, a, b)
#define MSGPROC_CHECK_LE(a, b) MSGPROC_INTERNAL_CHECK_OP(<=, a, b)
#define MSGPROC_CHECK_GT(a, b) MSGPROC_INTERNAL_CHECK_OP(>, a, b)
#define MSGPROC_CHECK_GE(a, b) MSGPROC_INTERNAL_CHECK_OP(>=, a, b)

#ifdef NDEBUG
#define MSGPROC_DCHECK(condition) \
  (true ? static_cast<void>(0) : MSGPROC_CHECK(condition))
#define MSGPROC_DCHECK_EQ(a, b) MSGPROC_DCHECK((a) == (b))
#define MSGPROC_DCHECK_LE(a, b) MSGPROC_DCHECK((a) <= (b))
#else
#define MSGPROC_DCHECK(condition) MSGPROC_CHECK(condition)
#define MSGPROC_DCHECK_EQ(a, b) MSGPROC_CHECK_EQ(a, b)
#define MSGPROC_DCHECK_LE(a, b) MSGPROC_CHECK_LE(a, b)
#endif

// Evaluates each operand once.
#define MSGPROC_INTERNAL_CHECK_OP(op, a, b)                             \
  [&](const auto& msgproc_a, const auto& msgproc_b) {                   \
    if (ABSL_PREDICT_FALSE(!(msgproc_a op msgproc_b))) {                \
      ::msgproc::internal::ComparisonFailed(                            \
          __FILE__, __LINE__, #a " " #op " " #b, msgproc_a, msgproc_b); \
    }                                                                   \
  }((a), (b))

namespace msgproc::internal {

[[noreturn]] void CheckFailed(const char* file, int line, const char* condition,
                              absl::string_view values);

template <typename T>
std::string ToText(const T& value) {
  if constexpr (std::is_same_v<T, bool>) {
    return value ? "true" : "false";
  } else if constexpr (std::is_same_v<T, absl::Time>) {
    return absl::FormatTime(value, absl::UTCTimeZone());
  } else if constexpr (std::is_same_v<T, absl::Duration>) {
    return absl::FormatDuration(value);
  } else if constexpr (std::is_enum_v<T>) {
    return absl::StrCat(static_cast<std::underlying_type_t<T>>(value));
  } else if constexpr (std::is_null_pointer_v<T>) {
    return "null";
  } else if constexpr (std::is_same_v<T, const char*>) {
    return value == nullptr ? "null" : value;
  } else if constexpr (std::is_pointer_v<T>) {
    return value == nullptr ? "null" : absl::StrCat(absl::Hex(value));
  } else {
    return absl::StrCat(value);
  }
}

// Apart from the comparison, which is then small enough to be inlined. Takes
// copies: what is checked need not be in memory for it.
// NOLINTBEGIN(performance-unnecessary-value-param)
template <typename A, typename B>
[[noreturn]] ABSL_ATTRIBUTE_NOINLINE ABSL_ATTRIBUTE_COLD void ComparisonFailed(
    const char* file, int line, const char* condition, A a, B b) {
  CheckFailed(file, line, condition,
              absl::StrCat(" (", ToText(a), " and ", ToText(b), ")"));
}
// NOLINTEND(performance-unnecessary-value-param)

}  // namespace msgproc::internal

#endif  // MSGPROC_COMMON_CHECK_H_
