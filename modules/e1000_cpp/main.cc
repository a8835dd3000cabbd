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
	Adapter& adapter() const { return driver_.object(); }

private:
	net::Driver<Adapter> driver_;
};

/// How the PCI core sees it.
struct PciDriver {
	static constexpr const char* kName = "e1000_cpp";
	using Bound = Port;

	static Result<Box<Port>> probe(pci::Device dev, pci::Match)
	{
		auto driver = TRY(Adapter::create(dev, boards.load_relaxed()));
		auto made = Box<Port>::make(Gfp::Kernel, move(driver));
		if (made.ok())
			(void)boards.fetch_add_relaxed(1);
		return made;
	}
	static void remove(Port& port) { port.adapter().retire(); }
	static void shutdown(Port& port) { port.adapter().shutdown(); }
	static Result<void> suspend(Port& port, pci::Sleep) { return port.adapter().suspend(); }
	static Result<void> resume(Port& port, pci::Sleep) { return port.adapter().resume(); }
	static pci::Recovery error_detected(Port& port, pci::Link link) { return port.adapter().error_detected(link); }
	static Result<void> slot_reset(Port& port) { return port.adapter().slot_reset(); }
	static void recovered(Port& port) { port.adapter().recovered(); }
	static void reset_prepare(Port& port) { port.adapter().reset_prepare(); }
	static void reset_done(Port& port) { port.adapter().reset_done(); }

	/// Ports so far, which are what parameters count.
	static inline constinit Atomic<u32> boards{0};
};

/// The module.
class Driver : Pinned {
public:
	static Result<Box<Driver>> create()
	{
		auto driver = TRY(Box<Driver>::make(Gfp::Kernel));
		announce();
		driver->registration_ = TRY(pci::Registration<PciDriver>::create(e1000_ids, pci::Binding::ByRequest));
		return driver;
	}

private:
	Box<pci::Registration<PciDriver>> registration_;
};

}  // namespace e1000

CXXRT_MODULE(e1000::Driver, "The cxxrt authors", "An Intel PRO/1000 network driver in C++");
