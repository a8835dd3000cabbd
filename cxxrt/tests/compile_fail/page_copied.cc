// SPDX-License-Identifier: GPL-2.0
// compiler: g++
// expect: use of deleted function 'cxxrt::PageBox::PageBox\(const
#include <cxxrt/page.hpp>

#include <cxxrt/enforce.hpp>

using namespace cxxrt;

struct Cache {
	PageBox page;
};

#ifdef OK
Cache keep(PageBox& page) { return {move(page)}; }
#else
Cache keep(PageBox& page) { return {page}; }
#endif
