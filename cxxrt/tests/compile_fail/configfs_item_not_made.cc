// SPDX-License-Identifier: GPL-2.0
// compiler: g++
// expect: conversion from 'Device\*' to non-scalar type 'cxxrt::Result<cxxrt::Box<Device> >'
#include <cxxrt/configfs.hpp>

#include <cxxrt/enforce.hpp>

using namespace cxxrt;

struct Device : configfs::Item {
	using Attributes = configfs::Attributes<>;
};

struct Root : Pinned {
	using Item = Device;
	using Attributes = configfs::Attributes<>;

#ifdef OK
	Result<Box<Device>> make_item(const char*) { return Box<Device>::make(Gfp::Kernel); }
#else
	Device* make_item(const char*) { return nullptr; }
#endif
	void drop_item(Device&) {}
	configfs::Subsystem<Root> subsystem{*this, "example"};
};

Result<Box<Root>> make() { return Box<Root>::make(Gfp::Kernel); }
