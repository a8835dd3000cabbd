// SPDX-License-Identifier: GPL-2.0
#include "about.hpp"

#include <cxxrt/kunit.hpp>

#include "regs.hpp"

namespace nvme {
namespace {

Result<Box<IdentifyController>> make_id()
{
	auto id = TRY(Box<IdentifyController>::make(Gfp::Kernel));
	*id = {};
	id->vid = 0x1b36;
	id->ssvid = 0x1af4;
	for (char& c : id->sn)
		c = ' ';
	for (char& c : id->mn)
		c = ' ';
	id->sn[0] = 'S';
	id->mn[0] = 'M';
	return id;
}

constexpr const char* kMadeUp =
	"nqn.2014.08.org.nvmexpress:1b361af4S                   M                                       ";

}  // namespace

/// The subsystem's own name if there is one; otherwise one that is made of what identifies the device.
KUNIT_TEST(nvme_about, nv33_name_of_the_subsystem)
{
	auto id = TRY(make_id());
	About about;
	test.expect(!about.read(*id, regs::version(1, 4), false));
	test.expect(equal(about.subnqn.c_str(), kMadeUp));
	// Before 1.2.1 there was none.
	test.expect(about.read(*id, regs::version(1, 2), false));
	id->subnqn[0] = 'n';
	test.expect(about.read(*id, regs::version(1, 4), false));
	test.expect(equal(about.subnqn.c_str(), "n"));
	test.expect(about.read(*id, regs::version(1, 4), true));
	test.expect(equal(about.subnqn.c_str(), kMadeUp));
	for (char& c : id->subnqn)
		c = 'x';
	test.expect(!about.read(*id, regs::version(1, 4), false));
	test.expect(equal(about.subnqn.c_str(), kMadeUp));
	return {};
}

/// Fields keep their spaces, and end where they end.
KUNIT_TEST(nvme_about, nv33_texts)
{
	auto id = TRY(make_id());
	for (char& c : id->fr)
		c = 'f';
	About about;
	(void)about.read(*id, regs::version(1, 4), false);
	test.expect(equal(about.serial.c_str(), "S                   "));
	test.expect(equal(about.firmware.c_str(), "ffffffff"));
	return {};
}

KUNIT_SUITE(nvme_about);

}  // namespace nvme
