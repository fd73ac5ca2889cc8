#ifndef MSGPROC_SERVICES_BASE_PAGE_SIZE_H_
#define MSGPROC_SERVICES_BASE_PAGE_SIZE_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>

namespace msgproc::base {

// How much of a list goes on a page whose request asks for `asked`: `usual` if
// that is 0, and never more than `most`.
inline size_t PageSize(uint32_t asked, size_t usual, size_t most) {
  return asked == 0 ? usual : std::min<size_t>(asked, most);
}

}  // namespace msgproc::base

#endif  // MSGPROC_SERVICES_BASE_PAGE_SIZE_H_
