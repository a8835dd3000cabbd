// SPDX-License-Identifier: GPL-2.0
#include "quirks.hpp"

#include <cxxrt/enforce.hpp>

namespace nvme {

namespace {

/// Devices that only some machines have trouble with.
struct MachineRule {
	u16 vendor, device;  ///< 0: any
	const char* maker;   ///< of the machine, if `product` is its; of the board otherwise; null: any
	bool is_product;
	const char* name;
	Quirk quirk;
};
// NOLINTBEGIN(modernize-use-designated-initializers): tables
constexpr MachineRule kMachines[] = {
	// They leave the bus when they come back from the deepest state.
	{0x144d, 0xa802, "Dell Inc.", true, "XPS 15 9550", Quirk::NoDeepestPowerState},
	{0x144d, 0xa802, "Dell Inc.", true, "Precision 5510", Quirk::NoDeepestPowerState},
	// It leaves the bus after a while, or after the machine has slept.
	{0x144d, 0xa804, "ASUSTeK COMPUTER INC.", false, "PRIME B350M-A", Quirk::NoApst},
	{0x144d, 0xa804, "ASUSTeK COMPUTER INC.", false, "PRIME Z370-A", Quirk::NoApst},
	// They wake sooner if they were shut down.
	{0x144d, 0xa801, "LENOVO", false, "LNVNB161216", Quirk::SimpleSuspend},
	{0x144d, 0xa808, "LENOVO", false, "LNVNB161216", Quirk::SimpleSuspend},
	{0x144d, 0xa809, "LENOVO", false, "LNVNB161216", Quirk::SimpleSuspend},
	{0x1e0f, 0x0001, "LENOVO", false, "LNVNB161216", Quirk::SimpleSuspend},
	// They need less power if they are not.
	{0x2646, 0x2263, nullptr, false, "NS5X_NS7XAU", Quirk::NeverSimpleSuspend},
	{0x2646, 0x2263, nullptr, false, "NS5x_7xAU", Quirk::NeverSimpleSuspend},
	{0x2646, 0x2263, nullptr, false, "NS5x_7xPU", Quirk::NeverSimpleSuspend},
	{0x2646, 0x2263, nullptr, false, "PH4PRX1_PH6PRX1", Quirk::NeverSimpleSuspend},
	{0x2646, 0x500f, nullptr, false, "NS5X_NS7XAU", Quirk::NeverSimpleSuspend},
	{0x2646, 0x500f, nullptr, false, "NS5x_7xAU", Quirk::NeverSimpleSuspend},
	{0x2646, 0x500f, nullptr, false, "NS5x_7xPU", Quirk::NeverSimpleSuspend},
	{0x2646, 0x500f, nullptr, false, "PH4PRX1_PH6PRX1", Quirk::NeverSimpleSuspend},
	{0x144d, 0xa80d, nullptr, false, "DN50Z-140HC-YD", Quirk::NeverSimpleSuspend},
	{0x144d, 0xa80d, nullptr, false, "GMxPXxx", Quirk::NeverSimpleSuspend},
	{0x144d, 0xa80d, nullptr, false, "GXxMRXx", Quirk::NeverSimpleSuspend},
	{0x144d, 0xa80d, nullptr, false, "NS5X_NS7XAU", Quirk::NeverSimpleSuspend},
	{0x144d, 0xa80d, nullptr, false, "PH4PG31", Quirk::NeverSimpleSuspend},
	{0x144d, 0xa80d, nullptr, false, "PH4PRX1_PH6PRX1", Quirk::NeverSimpleSuspend},
	{0x144d, 0xa80d, nullptr, false, "PH6PG01_PH6PG71", Quirk::NeverSimpleSuspend},
	// Whatever is in it leaves the bus after ten idle hours.
	{0, 0, nullptr, false, "LXKT-ZXEG-N6", Quirk::NoApst},
};

/// Models that share their PCI id with others.
struct ModelRule {
	u16 vendor;
	const char* model;     ///< null: any
	const char* firmware;  ///< null: any
	u64 quirks;
};
constexpr ModelRule kModels[] = {
	{0x1179, "THNSF5256GPUK TOSHIBA", nullptr, quirks(Quirk::NoApst)},
	{0x14a4, nullptr, "22301111", quirks(Quirk::SimpleSuspend)},
	{0x1e0f, "KCD6XVUL6T40", nullptr, quirks(Quirk::NoApst)},
	{0x144d, "Samsung Portable SSD X5", nullptr,
	 quirks(Quirk::DelayBeforeReady, Quirk::NoDeepestPowerState, Quirk::IgnoreSubnqn)},
};
// NOLINTEND(modernize-use-designated-initializers)

/// Whether `text`, which ends with spaces only, is `wanted`.
bool matches(const char* text, size_t size, const char* wanted)
{
	size_t at = 0;
	if (wanted == nullptr)
		return true;
	for (; at < size && wanted[at] != '\0'; ++at) {
		if (text[at] != wanted[at])
			return false;
	}
	for (; at < size; ++at) {
		if (text[at] != ' ')
			return false;
	}
	return true;
}

}  // namespace

u64 machine_quirks(u32 vendor, u32 device, bool (*is)(MachineField, const char*))
{
	for (const MachineRule& rule : kMachines) {
		if (rule.vendor != 0 && (rule.vendor != vendor || rule.device != device))
			continue;
		const auto maker = rule.is_product ? MachineField::SystemVendor : MachineField::BoardVendor;
		const auto name = rule.is_product ? MachineField::ProductName : MachineField::BoardName;
		if ((rule.maker == nullptr || is(maker, rule.maker)) && is(name, rule.name))
			return quirks(rule.quirk);
	}
	return 0;
}

u64 model_quirks(const IdentifyController& id)
{
	u64 found = 0;
	for (const ModelRule& rule : kModels) {
		if (rule.vendor == id.vid.get() && matches(id.mn, sizeof(id.mn), rule.model) &&
		    matches(id.fr, sizeof(id.fr), rule.firmware))
			found |= rule.quirks;
	}
	return found;
}

}  // namespace nvme
