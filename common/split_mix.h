#ifndef MSGPROC_COMMON_SPLIT_MIX_H_
#define MSGPROC_COMMON_SPLIT_MIX_H_

#include <cstdint>

namespace msgproc {

// SplitMix64 (Steele, Lea, Flood: "Fast splittable pseudorandom number
// generators", 2014): numbers that a seed determines on every machine. Not for
// secrets.

// Its finalizer: every bit of the input moves every bit of the output.
inline uint64_t Mix64(uint64_t z) {
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
  z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
  return z ^ (z >> 31);
}

// One step: every state gives a different number.
inline uint64_t SplitMix64(uint64_t* state) {
  return Mix64(*state += 0x9e3779b97f4a7c15);
}

}  // namespace msgproc

#endif  // MSGPROC_COMMON_SPLIT_MIX_H_
