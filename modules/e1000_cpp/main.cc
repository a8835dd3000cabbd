// SPDX-License-Identifier: GPL-2.0
/// \file
/// e1000_cpp: Intel PRO/1000 network cards.
#include <cxxrt/debugfs.hpp>
#include <cxxrt/module.hpp>

#include "adapter.hpp"

#include <cxxrt/enforce.hpp>

CXXRT_PCI_TABLE(e1000_ids, e1000::kModels,
		[](const e1000::Model& model) { return cxxrt::pci::Id::model(0x8086, model.device); });

namespace e1000 {

/// What there is for each device.
class Port : Pinned {
public:
	/// `folder`: of its own, in debugfs.   Context: process; sleeps.
	Port(net::Driver<Adapter>&& driver, debugfs::Entry&& folder) EXCLUDES(atomic_context)
		: driver_(move(driver)),
		  folder_(move(folder)),
		  tx_ring_(folder_.file<&Adapter::show_tx>("tx_ring", adapter(), debugfs::Readers::Root)),
		  rx_ring_(folder_.file<&Adapter::show_rx>("rx_ring", adapter(), debugfs::Readers::Root))
	{
	}
	Adapter& adapter() const { return driver_.object(); }

private:
	net::Driver<Adapter> driver_;
	debugfs::Entry folder_;
	// Readers have gone when these have.
	debugfs::Entry tx_ring_;
	debugfs::Entry rx_ring_;
};

/// How the PCI core sees it.
struct PciDriver {
	static constexpr const char* kName = kDriverName;
	using Bound = Port;

	static Result<Box<Port>> probe(pci::Device dev, pci::Match)
	{
		auto driver = TRY(Adapter::create(dev, boards.load_relaxed()));
		auto made = Box<Port>::make(Gfp::Kernel, move(driver), folder->subfolder(dev.name()));
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
	/// The module's, in debugfs: set before there is any port.
	static inline constinit const debugfs::Entry* folder = nullptr;
};

/// The module.
class Driver : Pinned {
public:
	static Result<Box<Driver>> create()
	{
		auto driver = TRY(Box<Driver>::make(Gfp::Kernel));
		announce();
		driver->folder_ = debugfs::Entry::folder("e1000_cpp");
		PciDriver::folder = &driver->folder_;
		driver->registration_ = TRY(
			pci::Registration<PciDriver>::create(e1000_ids, binds_all() ? pci::Binding::ByTable
										    : pci::Binding::ByRequest));
		return driver;
	}

private:
	debugfs::Entry folder_;
	Box<pci::Registration<PciDriver>> registration_;
};

}  // namespace e1000

CXXRT_MODULE(e1000::Driver, "The cxxrt authors", "An Intel PRO/1000 network driver in C++");
