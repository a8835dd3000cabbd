// SPDX-License-Identifier: GPL-2.0
#include "device.hpp"

#include <cxxrt/kunit.hpp>

namespace null_blk {
namespace {

using blk::Status;
using kunit::Test;

int byte(Page& page) { return LocalMap{page}.bytes()[7]; }
void set_byte(Page& page, u8 value) { LocalMap{page}.bytes()[7] = value; }

/// The whole driver, and a directory.
class Driver : Pinned {
public:
	/// Errors: EBUSY the module has the names; ENOMEM.
	static Result<Box<Driver>> create()
	{
		auto registry = TRY(Registry::create());
		auto device = TRY(registry->make_item("null_blk_kunit"));
		{
			RoleGuard guard{registry->lock, device_state};
			device->config.size = 1;
			device->config.memory_backed = true;
		}
		return Box<Driver>::make(Gfp::Kernel, move(registry), move(device));
	}
	Driver(Box<Registry>&& registry, Box<Device>&& device) : registry_(move(registry)), device_(move(device)) {}
	~Driver() { registry_->drop_item(*device_); }

	Registry& registry() { return *registry_; }
	Device& device() { return *device_; }

private:
	Box<Registry> registry_;
	Box<Device> device_;
};

/// Calls `body(Registry&, Device&)`, unless the module has the driver's names.
template <class F> Result<void> with_driver(Test& test, F&& body)
{
	auto driver = Driver::create();
	if (!driver.ok() && driver.error() == EBUSY)
		return test.skip("null_blk_cpp is loaded, and has the names");
	auto made = TRY(move(driver));
	return body(made->registry(), made->device());
}

}  // namespace

/// What mkdir makes is off, and has the parameters' values.
KUNIT_TEST(null_blk_device, starts_off)
{
	return with_driver(test, [&](Registry& registry, Device&) -> Result<void> {
		auto device = TRY(registry.make_item("another"));
		RoleGuard guard{registry.lock, device_state};
		test.expect(!device->disk);
		test.expect_eq(device->config.size, params::default_config().size);
		test.expect(device->name() == nullptr);
		return {};
	});
}

/// The disk that load has made has the first name and the first index.
KUNIT_TEST(null_blk_device, name_of_a_live_disk_is_taken)
{
	return with_driver(test, [&](Registry& registry, Device&) -> Result<void> {
		test.expect_error(registry.make_item("nullbcpp0"), EEXIST);
		test.expect(registry.make_item("nullbcpp1").ok());
		return {};
	});
}

/// Power is on or off, however often it is switched; indexes are used again.
KUNIT_TEST(null_blk_device, power_is_a_state)
{
	return with_driver(test, [&](Registry& registry, Device& device) -> Result<void> {
		RoleGuard guard{registry.lock, device_state};
		registry.power_off(device);
		for (int i = 0; i < 3; ++i) {
			TRY(registry.power_on(device));
			const Nullb* disk = device.disk.get();
			test.expect(disk != nullptr);
			test.expect_eq(device.config.index, 1u);
			TRY(registry.power_on(device));
			test.expect(device.disk.get() == disk);
			registry.power_off(device);
			registry.power_off(device);
			test.expect(!device.disk);
		}
		return {};
	});
}

KUNIT_TEST(null_blk_device, refused_configuration_leaves_it_off)
{
	return with_driver(test, [&](Registry& registry, Device& device) -> Result<void> {
		RoleGuard guard{registry.lock, device_state};
		device.config.blocksize = 3;
		test.expect_error(registry.power_on(device), EINVAL);
		test.expect(!device.disk);
		device.config.blocksize = 4096;
		TRY(registry.power_on(device));
		test.expect(bool(device.disk));
		return {};
	});
}

/// Data is the device's, not the disk's.
KUNIT_TEST(null_blk_device, data_stays_when_the_power_goes)
{
	return with_driver(test, [&](Registry& registry, Device& device) -> Result<void> {
		auto page = TRY(PageBox::zeroed(Gfp::Kernel));
		const Segment all{.page = *page, .offset = 0, .length = kPageSize};
		RoleGuard guard{registry.lock, device_state};
		TRY(registry.power_on(device));
		set_byte(*page, 0x77);
		test.expect_eq(device.store.write(64, all), Status::Ok);
		registry.power_off(device);
		set_byte(*page, 0);
		TRY(registry.power_on(device));
		test.expect_eq(device.store.read(64, all), Status::Ok);
		test.expect_eq(byte(*page), 0x77);
		return {};
	});
}

KUNIT_TEST(null_blk_device, registry_survives_failed_allocations)
{
	TRY(with_driver(test, [](Registry&, Device&) -> Result<void> { return {}; }));
	if (test.skipped() == nullptr)
		test.expect_survives_failed_allocations([] { return Registry::create(); });
	return {};
}

KUNIT_TEST(null_blk_device, item_survives_failed_allocations)
{
	return with_driver(test, [&](Registry& registry, Device&) -> Result<void> {
		test.expect_survives_failed_allocations([&] { return registry.make_item("another"); });
		return {};
	});
}

KUNIT_SUITE(null_blk_device);

}  // namespace null_blk
