// SPDX-License-Identifier: GPL-2.0
/// \file
/// nvme_cpp: NVMe controllers on PCI, with their namespaces as disks.
#include <cxxrt/module.hpp>

#include "controller.hpp"
#include "ids.hpp"
#include "params.hpp"

#include <cxxrt/enforce.hpp>

// The order matters: the first that matches says what is wrong with a device.
CXXRT_PCI_TABLE(nvme_ids, nvme::ids());

namespace nvme {

namespace {

// Of the module's only Driver.
constinit Ida* numbers = nullptr;
constinit Nodes* nodes = nullptr;

}  // namespace

/// How the PCI core sees it.
struct PciDriver {
	static constexpr const char* kName = "nvme_cpp";
	using Bound = Controller;

	static Result<Box<Controller>> probe(pci::Device dev, pci::Match match)
	{
		auto number = TRY(numbers->allocate(Gfp::Kernel));
		return Controller::create(dev, match.data, *nodes, move(number));
	}
	static void shutdown(Controller& controller) { controller.shutdown(); }
	static pci::Recovery error_detected(Controller& controller, pci::Link link)
	{
		return controller.link_failed(link);
	}
	static void slot_reset(Controller& controller) { controller.link_restored(); }
	static void recovered(Controller& controller) { controller.wait_for_reset(); }
	static void reset_prepare(Controller& controller) { controller.prepare_reset(); }
	static void reset_done(Controller& controller) { controller.reset_done(); }
	static Result<void> suspend(Controller& controller, pci::Sleep how) { return controller.suspend(how); }
	static Result<void> resume(Controller& controller, pci::Sleep)
	{
		controller.wake_up();
		return {};
	}
};

/// The module.
class Driver : Pinned {
public:
	static Result<Box<Driver>> create()
	{
		TRY(params::check());
		auto driver = TRY(Box<Driver>::make(Gfp::Kernel));
		driver->nodes_ = TRY(Nodes::create());
		nodes = driver->nodes_.get();
		const auto binding = params::binds_all() ? pci::Binding::ByTable : pci::Binding::ByRequest;
		driver->registration_ = TRY(pci::Registration<PciDriver>::create(nvme_ids, binding));
		return driver;
	}
	Driver() { numbers = &numbers_; }

private:
	Ida numbers_;
	Box<Nodes> nodes_;
	Box<pci::Registration<PciDriver>> registration_;
};

}  // namespace nvme

CXXRT_MODULE(nvme::Driver, "The cxxrt authors", "An NVMe driver in C++");
