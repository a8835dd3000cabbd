// SPDX-License-Identifier: GPL-2.0
#include "quirks.hpp"

#include <cxxrt/kunit.hpp>

namespace nvme {
namespace {

void fill(char* field, size_t size, const char* text)
{
	for (size_t i = 0; i < size; ++i) {
		const bool is_text = *text != '\0';
		field[i] = is_text ? *text : ' ';
		text += is_text ? 1 : 0;
	}
}

Result<Box<IdentifyController>> make_id(u32 vendor, const char* model, const char* firmware)
{
	auto id = TRY(Box<IdentifyController>::make(Gfp::Kernel));
	*id = {};
	id->vid = u16(vendor);
	fill(id->mn, sizeof(id->mn), model);
	fill(id->fr, sizeof(id->fr), firmware);
	return id;
}

bool is_n60z(MachineField field, const char* text)
{
	return field == MachineField::BoardName && equal(text, "LXKT-ZXEG-N6");
}
bool is_lenovo(MachineField field, const char* text)
{
	return (field == MachineField::BoardVendor && equal(text, "LENOVO")) ||
	       (field == MachineField::BoardName && equal(text, "LNVNB161216"));
}
bool is_other_board_of_that_name(MachineField field, const char* text)
{
	return field == MachineField::BoardName && equal(text, "LNVNB161216");
}
bool is_dell(MachineField field, const char* text)
{
	return (field == MachineField::SystemVendor && equal(text, "Dell Inc.")) ||
	       (field == MachineField::ProductName && equal(text, "Precision 5510"));
}
bool is_nothing(MachineField, const char*) { return false; }

}  // namespace

/// A model's name is all of the field but spaces at its end; the vendor has to be the same.
KUNIT_TEST(nvme_quirks, nv37_models)
{
	struct Row {
		u32 vendor;
		const char* model;
		const char* firmware;
		u64 expected;
	};
	const u64 x5 = quirks(Quirk::DelayBeforeReady, Quirk::NoDeepestPowerState, Quirk::IgnoreSubnqn);
	const Row rows[] = {
		{.vendor = 0x1179,
		 .model = "THNSF5256GPUK TOSHIBA",
		 .firmware = "1",
		 .expected = quirks(Quirk::NoApst)},
		{.vendor = 0x1178, .model = "THNSF5256GPUK TOSHIBA", .firmware = "1", .expected = 0},
		{.vendor = 0x1179, .model = "THNSF5256GPUK TOSHIBA 2", .firmware = "1", .expected = 0},
		{.vendor = 0x1179, .model = "THNSF5256GPUK", .firmware = "1", .expected = 0},
		{.vendor = 0x14a4, .model = "any", .firmware = "22301111", .expected = quirks(Quirk::SimpleSuspend)},
		{.vendor = 0x14a4, .model = "any", .firmware = "22301112", .expected = 0},
		{.vendor = 0x1e0f, .model = "KCD6XVUL6T40", .firmware = "", .expected = quirks(Quirk::NoApst)},
		{.vendor = 0x144d, .model = "Samsung Portable SSD X5", .firmware = "", .expected = x5},
	};
	for (const Row& row : rows) {
		auto id = TRY(make_id(row.vendor, row.model, row.firmware));
		test.expect_eq(model_quirks(*id), row.expected);
	}
	return {};
}

KUNIT_TEST(nvme_quirks, nv37_machines)
{
	test.expect_eq(machine_quirks(0x144d, 0xa802, &is_dell), quirks(Quirk::NoDeepestPowerState));
	test.expect_eq(machine_quirks(0x144d, 0xa804, &is_dell), 0ull);
	test.expect_eq(machine_quirks(0x144d, 0xa809, &is_lenovo), quirks(Quirk::SimpleSuspend));
	test.expect_eq(machine_quirks(0x1e0f, 0x0001, &is_lenovo), quirks(Quirk::SimpleSuspend));
	test.expect_eq(machine_quirks(0x144d, 0x0001, &is_lenovo), 0ull);
	test.expect_eq(machine_quirks(0x144d, 0xa809, &is_other_board_of_that_name), 0ull);
	test.expect_eq(machine_quirks(0x1b36, 0x0010, &is_n60z), quirks(Quirk::NoApst));
	test.expect_eq(machine_quirks(0x144d, 0xa802, &is_nothing), 0ull);
	return {};
}

KUNIT_SUITE(nvme_quirks);

}  // namespace nvme
