// SPDX-License-Identifier: GPL-2.0
#pragma once
/// \file
/// What sysfs shows of a namespace.
/// C side: nvme_ns_attrs in drivers/nvme/host/sysfs.c.

#include <cxxrt/device.hpp>
#include <cxxrt/system.hpp>

namespace nvme {
using namespace cxxrt;

class Namespace;

namespace attributes {

using device::Buffer;
using Shown = Result<size_t>;

/// The best of its names.
struct Wwid {
	static Shown show(Namespace& ns, Buffer out);
};
struct Uuid {
	static bool is_visible(Namespace& ns);
	static Shown show(Namespace& ns, Buffer out);
};
struct Nguid {
	static bool is_visible(Namespace& ns);
	static Shown show(Namespace& ns, Buffer out);
};
struct Eui {
	static bool is_visible(Namespace& ns);
	static Shown show(Namespace& ns, Buffer out);
};
struct Nsid {
	static Shown show(Namespace& ns, Buffer out);
};

using OfNamespace = device::Attributes<device::Attribute<"wwid", Wwid>, device::Attribute<"uuid", Uuid>,
				       device::Attribute<"nguid", Nguid>, device::Attribute<"eui", Eui>,
				       device::Attribute<"nsid", Nsid>>;

}  // namespace attributes

}  // namespace nvme
