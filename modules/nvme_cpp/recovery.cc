// SPDX-License-Identifier: GPL-2.0
/// \file
/// What others do to a controller: its link fails and is recovered, its function is reset, the machine sleeps.
/// Spec: PCI Express Base 6.0, 6.2 "Error Signaling and Logging", 6.6.2 "Function Level Reset".
#include "controller.hpp"
#include "params.hpp"

#include <cxxrt/enforce.hpp>

namespace nvme {

using regs::Cap;

Result<void> Controller::begin_reset(Down how)
{
	const Deadline deadline = Deadline::in_ms(params::admin_timeout_ms());
	while (!state_.change(State::Resetting)) {
		if (state_.is_terminal())
			return ENODEV;
		if (deadline.has_passed())
			return EBUSY;
		// Somebody else's reset, which comes to an end.
		sleep_ms(1);
	}
	bring_down(how);
	return {};
}

void Controller::schedule_reset()
{
	// For a controller in another state, it does nothing.
	if (state_.get() == State::Resetting)
		(void)reset_work_.schedule_long();
}

pci::Recovery Controller::link_failed(pci::Link link)
{
	switch (link) {
	case pci::Link::Usable:
		return pci::Recovery::Nothing;
	case pci::Link::Lost:
		log::warn<"%s: failure state error detected, request disconnect">(name());
		return pci::Recovery::GiveUp;
	case pci::Link::Frozen:
		break;
	}
	log::warn<"%s: frozen state error detected, reset controller">(name());
	if (!state_.change(State::Resetting)) {
		(void)state_.change(State::Deleting);
		bring_down(Down::GiveUp);
		return pci::Recovery::GiveUp;
	}
	bring_down(Down::Reset);
	// If the link cannot be reset, nobody tells us.
	recovery_work_.schedule_in_ms(params::admin_timeout_ms());
	return pci::Recovery::Reset;
}

void Controller::not_recovered()
{
	if (state_.get() == State::Resetting)
		fail_everything(EIO);
}

void Controller::link_restored()
{
	recovery_work_.cancel();
	log::info<"%s: restart after slot reset">(name());
	schedule_reset();
}

void Controller::reset_done()
{
	schedule_reset();
	reset_work_.flush();
}

void Controller::map_memory_buffer()
{
	const bool is_told = cap_.get<Cap::MemoryBuffer>();
	if (is_told)
		window().write(regs::Cmbmsc::Low{}.with<regs::Cmbmsc::Low::Capabilities>(true));
	const auto size = window().read<regs::Cmbsz>();
	cmb_size_.store_relaxed(size.bits);
	if (size.bits == 0)
		return;
	const auto where = window().read<regs::Cmbloc>();
	cmb_place_.store_relaxed(where.bits);
	const pci::Device dev = parts_.enabled.device();
	const u32 unit_shift = 12 + (4 * size.get<regs::Cmbsz::Unit>());
	const u32 bar = where.get<regs::Cmbloc::Bar>();
	const u64 offset = u64(where.get<regs::Cmbloc::Offset>()) << min(unit_shift, 40u);
	const u64 bytes = u64(size.get<regs::Cmbsz::Size>()) << min(unit_shift, 40u);
	const u64 room = dev.bar_bytes(bar);
	if (offset > room)
		return;
	// It may be larger than its BAR; and what is to be memory like any other has to be aligned as such.
	constexpr u64 kMemoryAlign = 2 << 20;
	if (min(bytes, room - offset) % kMemoryAlign != 0 || dev.bus_address(bar) % kMemoryAlign != 0)
		return;
	if (is_told) {
		const u64 at = dev.bus_address(bar) + offset;
		window().write_high_first(
			regs::Cmbmsc::of(at).with<regs::Cmbmsc::Capabilities>(true).with<regs::Cmbmsc::Enable>(true));
	}
	// Other devices would have to reach it, which kernels without PCI_P2PDMA do not arrange.
	log::warn<"%s: failed to register the CMB">(name());
	window().write_high_first(regs::Cmbmsc{});
}

}  // namespace nvme
