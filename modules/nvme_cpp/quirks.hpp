// SPDX-License-Identifier: GPL-2.0
#pragma once
/// \file
/// What devices do not do as they should, and how they are known: by PCI id (ids.hpp), by the machine that they are in,
/// or by what they say of themselves.
/// C side: enum nvme_quirks in drivers/nvme/host/nvme.h, core_quirks in core.c, check_vendor_combination_bug() in pci.c.

#include <cxxrt/pci.hpp>
#include <cxxrt/system.hpp>

#include "spec.hpp"

namespace nvme {

/// Bits of pci::Match::data; the C driver's, so that its table can be compared with ours.
enum class Quirk : u32 {
	StripeSize = 1u << 0,		///< requests should not cross multiples of the longest
	IdentifyOnlyOld = 1u << 1,	///< Identify knows what was new in version 1.1 from version 1.2 on
	DiscardZeroes = 1u << 2,	///< discarded blocks read as zeroes: discard is the way to write them
	DelayBeforeReady = 1u << 3,	///< must not be asked too early whether it is ready
	NoApst = 1u << 4,		///< must not change its power state by itself
	NoDeepestPowerState = 1u << 5,	///< or not to the deepest
	OneCommandAtATime = 1u << 6,	///< for each queue
	MediumPriority = 1u << 7,	///< submission queues must have it
	IgnoreSubnqn = 1u << 8,		///< its subsystem's name is not its subsystem's
	DisableWriteZeroes = 1u << 9,	///< the command does harm, or is slow
	SimpleSuspend = 1u << 10,	///< has to be shut down when the machine sleeps
	SingleVector = 1u << 11,	///< one interrupt for all queues
	LongCommands = 1u << 12,	///< of 128 bytes
	SharedTags = 1u << 13,		///< ids of commands must differ between queues
	NoThresholdChange = 1u << 14,	///< temperatures to warn at must be left as they are
	NoIdList = 1u << 15,		///< no list of a namespace's ids, though its version has it
	DmaOf48Bits = 1u << 16,		///< addresses
	NoGenerations = 1u << 17,	///< ids of commands have to be small
	BogusIds = 1u << 18,		///< namespaces' unique ids are not
	NoOtherThresholds = 1u << 19,	///< temperatures to warn at, other than the composite one's
	NeverSimpleSuspend = 1u << 20,	///< the machine does not ask for it as it should
	BrokenMsi = 1u << 21,		///< MSI never comes; MSI-X does
	ListsAt512 = 1u << 22,		///< lists of addresses must begin at multiples of 512 bytes
};

/// Those that are given, as one number.
template <same_as<Quirk>... Quirks> constexpr u64 quirks(Quirks... all) { return (u64(0) | ... | u64(all)); }

/// What a device of that PCI id must not do in this machine; `is(field, text)` says whether the firmware describes it so.
u64 machine_quirks(u32 vendor, u32 device, bool (*is)(MachineField, const char*));
/// What is known of a model, or of a version of its firmware, whatever its PCI id.
u64 model_quirks(const IdentifyController& id);

}  // namespace nvme
