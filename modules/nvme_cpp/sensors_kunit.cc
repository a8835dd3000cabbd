// SPDX-License-Identifier: GPL-2.0
#include "sensors.hpp"

#include <cxxrt/kunit.hpp>

namespace nvme {

using hwmon::Temperature;

/// Degrees become the nearest kelvins, and stay what 16 bits hold.
KUNIT_TEST(nvme_sensors, nv68_degrees_and_kelvins)
{
	test.expect_eq(Sensors::celsius(323), 49850l);
	test.expect_eq(Sensors::celsius(0), -273150l);
	for (u32 kelvins : kunit::each(0u, 1u, 273u, 343u, 65534u, 65535u))
		test.expect_eq(Sensors::kelvins(Sensors::celsius(kelvins)), kelvins);
	test.expect_eq(Sensors::kelvins(70000), 343u);
	test.expect_eq(Sensors::kelvins(70349), 343u);
	test.expect_eq(Sensors::kelvins(70351), 344u);
	constexpr long kMost = long(~0ul >> 1);
	test.expect_eq(Sensors::kelvins(kMost), 65535u);
	test.expect_eq(Sensors::kelvins(-kMost - 1), 0u);
	return {};
}

/// Base 5.27.1.3: bits 15 to 0 the temperature, 19 to 16 the sensor, 21 and 20 the kind.
KUNIT_TEST(nvme_sensors, nv68_thresholds)
{
	test.expect_eq(Sensors::threshold(Temperature::Max, 0, 0x157), 0x000157u);
	test.expect_eq(Sensors::threshold(Temperature::Min, 0, 0x157), 0x100157u);
	test.expect_eq(Sensors::threshold(Temperature::Max, 8, 0xffff), 0x08ffffu);
	return {};
}

KUNIT_SUITE(nvme_sensors);

}  // namespace nvme
