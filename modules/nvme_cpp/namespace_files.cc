// SPDX-License-Identifier: GPL-2.0
#include "namespace_files.hpp"

#include "controller.hpp"

#include <cxxrt/enforce.hpp>

namespace nvme::attributes {

namespace {

template <size_t N> bool is_known(const u8 (&id)[N])
{
	u8 any = 0;
	for (const u8 byte : id)
		any |= byte;
	return any != 0;
}

/// After `at` bytes, `bytes` in hexadecimal; how many bytes there are then.
size_t print_hex(Buffer out, size_t at, const u8* bytes, size_t count)
{
	for (size_t i = 0; i < count; ++i)
		at = out.print_at<"%02x">(at, bytes[i]);
	return at;
}

/// In groups of 4, 2, 2, 2 and 6 bytes.
size_t print_uuid(Buffer out, size_t at, const u8 (&id)[16])
{
	for (size_t i = 0; i < sizeof(id); ++i)
		at = i == 4 || i == 6 || i == 8 || i == 10 ? out.print_at<"-%02x">(at, id[i])
							   : out.print_at<"%02x">(at, id[i]);
	return at;
}

/// `text` in hexadecimal, without the spaces at its end.
size_t print_text(Buffer out, size_t at, const char* text)
{
	size_t end = 0;
	for (size_t i = 0; text[i] != '\0'; ++i)
		end = text[i] != ' ' ? i + 1 : end;
	for (size_t i = 0; i < end; ++i)
		at = out.print_at<"%02x">(at, u8(text[i]));
	return at;
}

Shown line(Buffer out, size_t at) { return out.print_at<"\n">(at); }

}  // namespace

Shown Wwid::show(Namespace& ns, Buffer out)
{
	const Identity& ids = ns.ids();
	if (is_known(ids.uuid))
		return line(out, print_uuid(out, out.print<"uuid.">(), ids.uuid));
	if (is_known(ids.nguid))
		return line(out, print_hex(out, out.print<"eui.">(), ids.nguid, sizeof(ids.nguid)));
	if (is_known(ids.eui64))
		return line(out, print_hex(out, out.print<"eui.">(), ids.eui64, sizeof(ids.eui64)));
	return ns.controller().with_about([&](const About& about) -> Shown {
		size_t at = out.print<"nvme.%04x-">(u32(about.vendor));
		at = print_text(out, at, about.serial.c_str());
		at = print_text(out, out.print_at<"-">(at), about.model.c_str());
		return out.print_at<"-%08x\n">(at, ns.nsid());
	});
}

// For programs that are older than UUIDs, it is what they read here.
bool Uuid::is_visible(Namespace& ns) { return is_known(ns.ids().uuid) || is_known(ns.ids().nguid); }
Shown Uuid::show(Namespace& ns, Buffer out)
{
	const Identity& ids = ns.ids();
	return line(out, print_uuid(out, 0, is_known(ids.uuid) ? ids.uuid : ids.nguid));
}

bool Nguid::is_visible(Namespace& ns) { return is_known(ns.ids().nguid); }
Shown Nguid::show(Namespace& ns, Buffer out) { return line(out, print_uuid(out, 0, ns.ids().nguid)); }

bool Eui::is_visible(Namespace& ns) { return is_known(ns.ids().eui64); }
Shown Eui::show(Namespace& ns, Buffer out)
{
	size_t at = 0;
	for (size_t i = 0; i < sizeof(ns.ids().eui64); ++i)
		at = i == 0 ? out.print<"%02x">(ns.ids().eui64[i]) : out.print_at<" %02x">(at, ns.ids().eui64[i]);
	return line(out, at);
}

Shown Nsid::show(Namespace& ns, Buffer out) { return out.print<"%u\n">(ns.nsid()); }

Shown CommandSetNumber::show(Namespace& ns, Buffer out) { return out.print<"%u\n">(u32(ns.ids().set)); }
Shown MetadataBytes::show(Namespace& ns, Buffer out) { return out.print<"%u\n">(ns.metadata_bytes()); }
Shown Usage::show(Namespace& ns, Buffer out)
{
	const u64 blocks = TRY(ns.used_blocks());
	return out.print<"%llu\n">(blocks);
}

Shown LogsErrors::show(Namespace& ns, Buffer out)
{
	return out.print<"%s\n">(ns.logs_passthrough_errors() ? "on" : "off");
}
Result<void> LogsErrors::store(Namespace& ns, const char* text)
{
	const auto on = parse<bool>(text);
	if (!on.ok())
		return EINVAL;
	ns.log_passthrough_errors(Result<bool>{on}.take());
	return {};
}

}  // namespace nvme::attributes
