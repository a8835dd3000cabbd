// SPDX-License-Identifier: GPL-2.0
/// \file
/// e1000_cpp: Intel PRO/1000 network cards.
#include <cxxrt/module.hpp>

#include "adapter.hpp"

#include <cxxrt/enforce.hpp>

CXXRT_PCI_TABLE(e1000_ids, e1000::kModels,
		[](const e1000::Model& model) { return cxxrt::pci::Id::model(0x8086, model.device); });

namespace e1000 {

/// What there is for each device.
class Port : Pinned {
public:
	explicit Port(net::Driver<Adapter>&& driver) : driver_(move(driver)) {}

private:
	net::Driver<Adapter> driver_;
};

/// How the PCI core sees it.
struct PciDriver {
	static constexpr const char* kName = "e1000_cpp";
	using Bound = Port;

	static Result<Box<Port>> probe(pci::Device dev, pci::Match)
	{
		return Box<Port>::make(Gfp::Kernel, TRY(Adapter::create(dev)));
	}
};

/// The module.
class Driver : Pinned {
public:
	static Result<Box<Driver>> create()
	{
		auto driver = TRY(Box<Driver>::make(Gfp::Kernel));
		driver->registration_ = TRY(pci::Registration<PciDriver>::create(e1000_ids, pci::Binding::ByRequest));
		return driver;
	}

private:
	Box<pci::Registration<PciDriver>> registration_;
};

}  // namespace e1000

CXXRT_MODULE(e1000::Driver, "The cxxrt authors", "An Intel PRO/1000 network driver in C++");
