#ifndef MSGPROC_TOOLS_LOADGEN_SCHEDULE_RANDOM_H_
#define MSGPROC_TOOLS_LOADGEN_SCHEDULE_RANDOM_H_

#include <cstdint>

namespace msgproc::loadgen {

// One step of SplitMix64 (Steele, Lea, Flood: "Fast splittable pseudorandom
// number generators", 2014): every state gives a different number, and a run is
// repeated by its seed on every machine.
inline uint64_t NextRandom(uint64_t* state) {
  uint64_t z = (*state += 0x9e3779b97f4a7c15);
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
  z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
  return z ^ (z >> 31);
}

}  // namespace msgproc::loadgen

#endif  // MSGPROC_TOOLS_LOADGEN_SCHEDULE_RANDOM_H_
