// SPDX-License-Identifier: GPL-2.0
/// \file
/// Does one thing wrong when it is loaded, on purpose: test_deliberate_bugs.py builds it and sees that the test kernel says so.
#include <cxxrt/lock.hpp>
#include <cxxrt/log.hpp>
#include <cxxrt/memory.hpp>
#include <cxxrt/module.hpp>

namespace cxxrt::bugs {
namespace {

constinit module::RangedParam<1, 6> bug{1};
CXXRT_PARAM(bug, "Which bug, in the order of the functions");

struct Object {
	volatile u64 number = 1;
	u8 rest[504] = {};
};

Result<void> lock_order_inversion()
{
	Mutex first{lock_class<"bugs first">};
	Mutex second{lock_class<"bugs second">};
	{
		Guard outer{first};
		Guard inner{second};
	}
	Guard outer{second};
	Guard inner{first};
	return {};
}

Result<void> use_after_free()
{
	Box<Object> owner = TRY(Box<Object>::make(Gfp::Kernel));
	Object* object = owner.get();
	owner.reset();
	object->number = 2;
	return {};
}

Result<void> double_free()
{
	Box<Object> owner = TRY(Box<Object>::make(Gfp::Kernel));
	Box<Object> second = Box<Object>::adopt(owner.get());
	return {};
}

/// The element after the last of an array on the heap.
Result<void> index_past_the_end()
{
	Array<u32> array = TRY(Array<u32>::make(Gfp::Kernel, Node{}, 8, 0u));
	*const_cast<volatile u32*>(&array[array.size()]) = 1;
	return {};
}

/// A thousand, so that a stale pointer in a register or on a stack does not hide all of them.
Result<void> leak()
{
	for (int i = 0; i < 1000; ++i) {
		Box<Object> owner = TRY(Box<Object>::make(Gfp::Kernel));
		owner.leak()->number = 0x1057;
	}
	return {};
}

Result<void> sleep_under_a_spinlock()
{
	SpinLock lock{lock_class<"bugs spinlock">};
	Mutex mutex{lock_class<"bugs mutex">};
	Guard outer{lock};
	Guard inner{mutex};
	return {};
}

constexpr Result<void> (*kBugs[])() = {
	&lock_order_inversion, &use_after_free, &double_free, &index_past_the_end, &leak, &sleep_under_a_spinlock,
};

class Module {
public:
	/// Context: process; sleeps.   Errors: ENOMEM.
	static Result<Box<Module>> create()
	{
		TRY(kBugs[bug.get() - 1]());
		return Box<Module>::make(Gfp::Kernel);
	}
};

}  // namespace
}  // namespace cxxrt::bugs

CXXRT_MODULE(cxxrt::bugs::Module, "The cxxrt authors", "Does something wrong on purpose");
