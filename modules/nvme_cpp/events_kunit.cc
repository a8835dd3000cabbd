// SPDX-License-Identifier: GPL-2.0
#include "events.hpp"

#include <cxxrt/kunit.hpp>

namespace nvme {

/// Types and their details as the specification has them, once more.
KUNIT_TEST(nvme_events, nv30_nv66_nv67_what_is_done_about_an_event)
{
	struct Row {
		u32 bits;
		EventAction expected;
	};
	const Row rows[] = {
		{.bits = 0x040002, .expected = EventAction::Scan},
		{.bits = 0x030102, .expected = EventAction::Firmware},
		{.bits = 0x70f002, .expected = EventAction::Tell},
		{.bits = 0x0c0302, .expected = EventAction::Unknown},
		{.bits = 0x010000, .expected = EventAction::Tell},
		{.bits = 0x010300, .expected = EventAction::Reset},
		{.bits = 0x020101, .expected = EventAction::Tell},
		{.bits = 0x000006, .expected = EventAction::Tell},
		{.bits = 0x000007, .expected = EventAction::Tell},
		{.bits = 0x000003, .expected = EventAction::Nothing},
		{.bits = 0x000005, .expected = EventAction::Nothing},
	};
	for (const Row& row : rows)
		test.expect(Event{row.bits}.action() == row.expected);
	return {};
}

/// The slot in use counts only if it is also the next one's.
KUNIT_TEST(nvme_events, nv67_firmware_slot)
{
	struct Row {
		u8 active;
		u32 expected;
	};
	const Row rows[] = {
		{.active = 0x00, .expected = 0}, {.active = 0x01, .expected = 1}, {.active = 0x11, .expected = 1},
		{.active = 0x21, .expected = 0}, {.active = 0x07, .expected = 7}, {.active = 0x8a, .expected = 2},
	};
	for (const Row& row : rows) {
		auto slots = TRY(Box<FirmwareSlots>::make(Gfp::Kernel));
		slots->active = row.active;
		test.expect_eq(slots->slot(), row.expected);
	}
	return {};
}

KUNIT_SUITE(nvme_events);

}  // namespace nvme
