// SPDX-License-Identifier: GPL-2.0
// compiler: g++
// expect: attempt to use poisoned "unsafe_raw"
#include <cxxrt/page.hpp>

#include <cxxrt/enforce.hpp>

using namespace cxxrt;

#ifdef OK
void clear(Page& page) { zero_page_bytes(page, 0, kPageSize); }
#else
void* clear(Page& page) { return page.unsafe_raw(); }
#endif
