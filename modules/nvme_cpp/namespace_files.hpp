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

// What follows is only on 6.12, as the C driver's.
/// The number of its set of commands.
struct CommandSetNumber {
	static bool is_visible(Namespace&) { return kSince6_12; }
	static Shown show(Namespace& ns, Buffer out);
};
/// Of each block.
struct MetadataBytes {
	static bool is_visible(Namespace&) { return kSince6_12; }
	static Shown show(Namespace& ns, Buffer out);
};
/// Blocks in use.
struct Usage {
	static bool is_visible(Namespace&) { return kSince6_12; }
	static Shown show(Namespace& ns, Buffer out) EXCLUDES(atomic_context);
};
/// Whether errors of user space's commands have lines in the log.
struct LogsErrors {
	static bool is_visible(Namespace&) { return kSince6_12; }
	static Shown show(Namespace& ns, Buffer out);
	static Result<void> store(Namespace& ns, const char* text);
};

using OfNamespace = device::Attributes<
	device::Attribute<"wwid", Wwid>, device::Attribute<"uuid", Uuid>, device::Attribute<"nguid", Nguid>,
	device::Attribute<"eui", Eui>, device::Attribute<"nsid", Nsid>, device::Attribute<"csi", CommandSetNumber>,
	device::Attribute<"metadata_bytes", MetadataBytes>, device::Attribute<"nuse", Usage>,
	device::Attribute<"passthru_err_log_enabled", LogsErrors>>;

}  // namespace attributes

}  // namespace nvme
