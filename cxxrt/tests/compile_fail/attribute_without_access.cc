// SPDX-License-Identifier: GPL-2.0
// compiler: g++
// expect: an attribute needs a show or a store
#include <cxxrt/configfs.hpp>

#include <cxxrt/enforce.hpp>

using namespace cxxrt;

struct Size {
#ifdef OK
	template <class T> static Result<size_t> show(T&, configfs::Buffer out) { return out.line(1); }
#endif
};

struct Device : configfs::Item {
	using Attributes = configfs::Attributes<configfs::Attribute<"size", Size>>;
};

struct Root : Pinned {
	using Item = Device;
	using Attributes = configfs::Attributes<>;

	Result<Box<Device>> make_item(const char*) { return Box<Device>::make(Gfp::Kernel); }
	void drop_item(Device&) {}
	configfs::Subsystem<Root> subsystem{*this, "example"};
};

Result<Box<Root>> make() { return Box<Root>::make(Gfp::Kernel); }
