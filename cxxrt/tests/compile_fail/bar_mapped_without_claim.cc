// SPDX-License-Identifier: GPL-2.0
// compiler: g++
// expect: cannot convert 'const cxxrt::pci::Enabled' to 'const cxxrt::pci::Regions&'
#include <cxxrt/pci.hpp>

#include <cxxrt/enforce.hpp>

using namespace cxxrt;

Result<void> probe(pci::Device dev)
{
	const pci::Enabled enabled = TRY(pci::Enabled::create(dev));
#ifdef OK
	const pci::Regions regions = TRY(pci::Regions::claim(enabled, "example"));
	auto bar = TRY(pci::Bar<64>::map(regions, 0));
#else
	auto bar = TRY(pci::Bar<64>::map(enabled, 0));
#endif
	(void)bar.window();
	return {};
}
