// SPDX-License-Identifier: GPL-2.0
/// \file
/// What a port says of a device that does not send any more, and what debugfs shows of rings.
/// C side: e1000_dump(), e1000_regdump().
#include <cxxrt/debugfs.hpp>
#include <cxxrt/log.hpp>

#include "adapter.hpp"

#include <cxxrt/enforce.hpp>

namespace e1000 {

namespace {

/// A register by its name, and where it is.
struct Shown {
	const char* name;
	u16 at;
	u16 old_at;  // of the 82542
};

template <class R> constexpr Shown shown(const char* name)
{
	if constexpr (requires { R::kOldOffset; })
		return {.name = name, .at = R::kOffset, .old_at = R::kOldOffset};
	else
		return {.name = name, .at = R::kOffset, .old_at = R::kOffset};
}
/// One that nothing else needs.
constexpr Shown shown(const char* name, u16 at) { return {.name = name, .at = at, .old_at = at}; }

constexpr Shown kShown[] = {
	shown<regs::Ctrl>("CTRL"),
	shown<regs::Status>("STATUS"),
	shown<regs::Rctl>("RCTL"),
	shown<regs::Rdlen>("RDLEN"),
	shown<regs::Rdh>("RDH"),
	shown<regs::Rdt>("RDT"),
	shown<regs::Rdtr>("RDTR"),
	shown<regs::Tctl>("TCTL"),
	shown<regs::Tdbal>("TDBAL"),
	shown<regs::Tdbah>("TDBAH"),
	shown<regs::Tdlen>("TDLEN"),
	shown<regs::Tdh>("TDH"),
	shown<regs::Tdt>("TDT"),
	shown<regs::Tidv>("TIDV"),
	shown<regs::Txdctl>("TXDCTL"),
	shown<regs::Tadv>("TADV"),
	shown("TARC0", 0x3840),
	shown("TDBAL1", 0x3900),
	shown("TDBAH1", 0x3904),
	shown("TDLEN1", 0x3908),
	shown("TDH1", 0x3910),
	shown("TDT1", 0x3918),
	shown("TXDCTL1", 0x3928),
	shown("TARC1", 0x3940),
	shown<regs::CtrlExt>("CTRL_EXT"),
	shown("ERT", 0x2008),
	shown<regs::Rdbal>("RDBAL"),
	shown<regs::Rdbah>("RDBAH"),
	shown<regs::Tdfh>("TDFH"),
	shown<regs::Tdft>("TDFT"),
	shown<regs::Tdfhs>("TDFHS"),
	shown<regs::Tdfts>("TDFTS"),
	shown("TDFPC", 0x3430),
	shown("RDFH", 0x2410),
	shown("RDFT", 0x2418),
	shown("RDFHS", 0x2420),
	shown("RDFTS", 0x2428),
	shown("RDFPC", 0x2430),
};

/// Descriptors that the device has fetched.   Units: bytes.
constexpr u32 kRxCache = 0x6000;
constexpr u32 kTxCache = 0x7000;
constexpr u32 kCacheBytes = 0x400;

void dump_cache(Window window, const char* kind, u32 from)
{
	for (u32 at = from; at < from + kCacheBytes; at += sizeof(RxDesc))
		log::info<"%s%04X: %08X|%08X %08X|%08X">(kind, at, window.peek(at + 4, at + 4), window.peek(at, at),
							 window.peek(at + 12, at + 12), window.peek(at + 8, at + 8));
}

}  // namespace

void Adapter::report_hang()
{
	const TxRing::View view = tx_.view();
	const u64 now_ms = now_ns() / 1000000;
	net::error<
		"Detected Tx Unit Hang\n"
		"  Tx Queue             <0>\n"
		"  TDH                  <%x>\n"
		"  TDT                  <%x>\n"
		"  next_to_use          <%x>\n"
		"  next_to_clean        <%x>\n"
		"buffer_info[next_to_clean]\n"
		"  time_stamp           <%llx>\n"
		"  next_to_watch        <%x>\n"
		"  jiffies              <%llx>\n"
		"  next_to_watch.status <%x>">(dev_, window_.read<regs::Tdh>().bits, window_.read<regs::Tdt>().bits,
					       view.next_to_use, view.next_to_clean, now_ms - stuck_ms_,
					       view.next_to_watch, now_ms, view.status);
	if (!says(net::Message::Hardware))
		return;
	log::info<"Register dump">();
	for (const Shown& one : kShown)
		log::info<"%-15s  %08x">(one.name, window_.peek(one.at, one.old_at));
	tx_.dump(says(net::Message::TxDone));
	const bool shows_received = says(net::Message::RxStatus);
	rx_.dump(shows_received);
	if (!shows_received)
		return;
	log::info<"Rx descriptor cache in 64bit format">();
	dump_cache(window_, "R", kRxCache);
	log::info<"Tx descriptor cache in 64bit format">();
	dump_cache(window_, "T", kTxCache);
}

template <class Head, class Tail, class Ring> void Adapter::show_ring(debugfs::Text& out, const Ring& ring,
								      const char* which)
{
	const Guard guard{config_lock_};
	if (!opened_) {
		out.print<"closed\n">();
		return;
	}
	ring.show(out);
	// While it sleeps, it has none.
	if (up_)
		out.print<"%sDH %u, %sDT %u\n">(which, window_.read<Head>().bits, which, window_.read<Tail>().bits);
}

void Adapter::show_tx(debugfs::Text& out, Adapter& port) { port.show_ring<regs::Tdh, regs::Tdt>(out, port.tx_, "T"); }

void Adapter::show_rx(debugfs::Text& out, Adapter& port) { port.show_ring<regs::Rdh, regs::Rdt>(out, port.rx_, "R"); }

}  // namespace e1000
