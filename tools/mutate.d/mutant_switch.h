#ifndef MSGPROC_TOOLS_MUTATE_D_MUTANT_SWITCH_H_
#define MSGPROC_TOOLS_MUTATE_D_MUTANT_SWITCH_H_

// What switched.py puts around the places of a source that can be changed. A
// program built from it behaves like the original, or like the one mutant that
// MSGPROC_MUTANT names. Included in front of everything else.

#include <stdlib.h>
#include <unistd.h>

#include <initializer_list>

namespace mutant_switch {

inline int active = 0;

// Before any other initialiser runs.
[[gnu::constructor(101)]] static void ReadActive() {
  const char* text = getenv("MSGPROC_MUTANT");
  active = text == nullptr ? 0 : atoi(text);
}

inline bool On(int id) { return active == id; }

// This mutant would not have compiled.
[[noreturn]] inline void DoesNotCompile() { _exit(77); }

// What would have been true is false.
template <typename T>
bool Flip(int id, T&& value) {
  return static_cast<bool>(value) != On(id);
}

template <typename T>
T Number(int id, T value) {
  return On(id) ? value + 1 : value;
}

#define MUTANT_SWITCH_BINARY(Name, op, other)                       \
  template <typename L, typename R>                                 \
  auto Name(int id, L&& l, R&& r) {                                 \
    using Result = decltype(l op r);                                \
    if (On(id)) {                                                   \
      if constexpr (requires { static_cast<Result>(l other r); }) { \
        return static_cast<Result>(l other r);                      \
      } else {                                                      \
        DoesNotCompile();                                           \
      }                                                             \
    }                                                               \
    return static_cast<Result>(l op r);                             \
  }

MUTANT_SWITCH_BINARY(Less, <, <=)
MUTANT_SWITCH_BINARY(LessEqual, <=, <)
MUTANT_SWITCH_BINARY(Greater, >, >=)
MUTANT_SWITCH_BINARY(GreaterEqual, >=, >)
MUTANT_SWITCH_BINARY(Equal, ==, !=)
MUTANT_SWITCH_BINARY(NotEqual, !=, ==)
MUTANT_SWITCH_BINARY(Plus, +, -)
MUTANT_SWITCH_BINARY(Minus, -, +)
MUTANT_SWITCH_BINARY(Times, *, /)
MUTANT_SWITCH_BINARY(Divided, /, *)
MUTANT_SWITCH_BINARY(Modulo, %, *)

#define MUTANT_SWITCH_ASSIGNMENT(Name, op, other) \
  template <typename L, typename R>               \
  decltype(auto) Name(int id, L&& l, R&& r) {     \
    if (On(id)) {                                 \
      if constexpr (requires { l other r; }) {    \
        l other r;                                \
        return (l);                               \
      } else {                                    \
        DoesNotCompile();                         \
      }                                           \
    }                                             \
    l op r;                                       \
    return (l);                                   \
  }

MUTANT_SWITCH_ASSIGNMENT(PlusAssign, +=, -=)
MUTANT_SWITCH_ASSIGNMENT(MinusAssign, -=, +=)

#define MUTANT_SWITCH_STEP(Name, op, other)      \
  template <typename T>                          \
  decltype(auto) Pre##Name(int id, T&& value) {  \
    if (On(id)) {                                \
      if constexpr (requires { other value; }) { \
        other value;                             \
        return (value);                          \
      } else {                                   \
        DoesNotCompile();                        \
      }                                          \
    }                                            \
    op value;                                    \
    return (value);                              \
  }                                              \
  template <typename T>                          \
  auto Post##Name(int id, T& value) {            \
    auto before = value;                         \
    Pre##Name(id, value);                        \
    return before;                               \
  }

MUTANT_SWITCH_STEP(Increment, ++, --)
MUTANT_SWITCH_STEP(Decrement, --, ++)

// std::min where `kLeast`, or when that is the mutant.
template <int id, bool kLeast>
struct Extreme {
  template <typename T>
  static const T& Of(const T& a, const T& b) {
    return kLeast != On(id) ? (b < a ? b : a) : (a < b ? b : a);
  }
  template <typename T>
  static T Of(std::initializer_list<T> values) {
    T result = *values.begin();
    for (const T& value : values) result = Of(result, value);
    return result;
  }
};

}  // namespace mutant_switch

#endif  // MSGPROC_TOOLS_MUTATE_D_MUTANT_SWITCH_H_
