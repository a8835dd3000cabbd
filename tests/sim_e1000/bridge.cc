// SPDX-License-Identifier: GPL-2.0
#include "bridge.hpp"

#include "fifo.hpp"
#include "hardware.hpp"
#include "params.hpp"
#include "rx.hpp"
#include "stats.hpp"
#include "tx.hpp"

using namespace cxxrt;
using namespace e1000;

namespace sim {
extern u8 bar0[0x20000], bar1[0x1000];
}
void sim_describe(raw::pci_dev& dev);
raw::net_device& sim_net_device();
void sim_drop_refused();

namespace e1000 {
// The module's parameter.
u32 copybreak() { return 256; }
}  // namespace e1000

namespace {

raw::pci_dev function;
alignas(Hardware) u8 hardware_memory[sizeof(Hardware)];
Hardware* hw = nullptr;
pci::Ports* ports = nullptr;
alignas(pci::Ports) u8 ports_memory[sizeof(pci::Ports)];
TxFifo fifo;

template <class T> int code(const Result<T>& result) { return result.ok() ? 0 : result.error().to_c(); }
template <class T> int code(Result<T>&& result, unsigned& value)
{
	if (!result.ok())
		return result.error().to_c();
	value = unsigned(result.take());
	return 0;
}
net::MacAddress address(const unsigned char* bytes)
{
	net::MacAddress made;
	for (u32 i = 0; i < 6; ++i)
		made.bytes[i] = bytes[i];
	return made;
}

struct Napi : Pinned {
	Napi() : napi(net::Device{&sim_net_device()}, callback<&Napi::napi, &Napi::poll>) {}
	u32 poll(u32) { return 0; }
	net::Napi napi;
};
alignas(Napi) u8 napi_memory[sizeof(Napi)];
alignas(RxRing) u8 rx_memory[sizeof(RxRing)];
alignas(TxRing) u8 tx_memory[sizeof(TxRing)];
Napi* napi = nullptr;
RxRing* rx = nullptr;
TxRing* tx_ring = nullptr;

Window window() { return Window{mmio::Window<regs::kBytes>::unsafe_from(sim::bar0, regs::kBytes)}; }
dma::Device dma_device() { return dma::Device{&function.dev}; }

template <class R> constexpr drv::Moved moved(const char* name) { return {name, R::kOffset, R::kOldOffset}; }

}  // namespace

namespace drv {

Facts facts(unsigned device, unsigned revision)
{
	Facts made;
	const Model* model = find_model(u16(device));
	if (model == nullptr)
		return made;
	made.is_known = true;
	auto mac = mac_of(*model, u8(revision));
	made.error = code(mac);
	if (!mac.ok())
		return made;
	const Family& family = family_of(mac.take());
	made.mac = int(family.mac);
	made.name = family.name;
	made.reset = int(family.reset);
	made.settle_ms = family.settle_ms;
	made.packet_kib = family.packet_kib;
	made.most_descriptors = family.most_descriptors;
	made.uses_ports = model->uses_ports;
	made.is_serdes = model->media == MediaHint::Serdes;
	made.has_moderation = family.has_moderation;
	made.has_checksums = family.has_checksums;
	made.has_segmentation = family.has_segmentation;
	made.crosses_no_64k = family.crosses_no_64k;
	made.splits_pcix_tails = family.splits_pcix_tails;
	made.has_fifo_bug = family.has_fifo_bug;
	made.accepts_tbi = family.accepts_tbi;
	made.phy_bus = int(family.phy_bus);
	return made;
}
unsigned models() { return kModelCount; }
unsigned model(unsigned index) { return kModels[index].device; }

const Moved kMoved[] = {
	moved<regs::Rdtr>("RDTR"),   moved<regs::Rdbal>("RDBAL"), moved<regs::Rdbah>("RDBAH"),
	moved<regs::Rdlen>("RDLEN"), moved<regs::Rdh>("RDH"),	  moved<regs::Rdt>("RDT"),
	moved<regs::Fcrth>("FCRTH"), moved<regs::Fcrtl>("FCRTL"), moved<regs::Tdbal>("TDBAL"),
	moved<regs::Tdbah>("TDBAH"), moved<regs::Tdlen>("TDLEN"), moved<regs::Tdh>("TDH"),
	moved<regs::Tdt>("TDT"),     moved<regs::Tidv>("TIDV"),	  moved<regs::Tdfh>("TDFH"),
	moved<regs::Tdft>("TDFT"),   moved<regs::Ra>("RA"),	  moved<regs::Mta>("MTA"),
	moved<regs::Vfta>("VFTA"),
};
const unsigned kMovedCount = sizeof(kMoved) / sizeof(kMoved[0]);

void make()
{
	sim_describe(function);
	const pci::Device dev{&function};
	auto known = Card::identify(dev);
	if (!known.ok())
		return;
	const Card card = known.take();
	if (card.model->uses_ports) {
		// Enabled is of no interest here; what it gives out is.
		auto enabled = pci::Enabled::create(dev, pci::Decode::MemoryAndPorts);
		auto claimed = pci::Ports::claim(enabled.take(), "e1000_cpp", 8);
		ports = new (ports_memory) pci::Ports(claimed.take());
	} else {
		ports = new (ports_memory) pci::Ports();
	}
	const auto block = PhyPort::Block::unsafe_from(sim::bar1, 8);
	hw = new (hardware_memory)
		Hardware(card, dev, mmio::Window<regs::kBytes>::unsafe_from(sim::bar0, regs::kBytes), *ports, block);
}
void destroy()
{
	if (hw != nullptr)
		hw->~Hardware();
	hw = nullptr;
	if (ports != nullptr)
		ports->~Ports();
	ports = nullptr;
}
int prepare() { return code(hw->prepare()); }
void reset() { hw->reset(); }
int bring_up(unsigned frame_bytes)
{
	constexpr net::MacAddress addr{{0x52, 0x54, 0x00, 0x12, 0x34, 0x56}};
	return code(hw->bring_up(frame_bytes, addr));
}
LinkIs check_link()
{
	const Link link = hw->check_link();
	return {link.up, link.full_duplex, link.mbps()};
}
void note_link_change() { hw->note_link_change(); }
void retry_link() { hw->retry_link(); }
int flow() { return int(hw->flow()); }
int media() { return int(hw->media()); }
bool is_pcix() { return hw->bus().is_pcix; }
unsigned mhz() { return hw->bus().mhz; }
unsigned bits() { return hw->bus().bits; }
unsigned high_water() { return hw->high_water(); }
unsigned receive_kib() { return hw->receive_kib(); }
unsigned gaps() { return hw->gaps().bits; }
void wish(const Wishes& wishes)
{
	e1000::Wishes& to = hw->wishes();
	to.negotiates = wishes.negotiates;
	to.speeds = u16(wishes.speeds);
	to.forces_100 = wishes.forces_100;
	to.forces_full = wishes.forces_full;
	to.crossover = Crossover(wishes.crossover);
	to.role = e1000::Role(wishes.role);
	to.flow = Flow(wishes.flow);
}

int eeprom_words() { return int(hw->eeprom().words()); }
int read_eeprom(unsigned at, unsigned& value) { return code(hw->read_eeprom(at), value); }
int write_eeprom(unsigned at, unsigned value) { return code(hw->eeprom().write(at, u16(value))); }
int check_eeprom() { return code(hw->check_eeprom()); }
int mend_checksum() { return code(hw->eeprom().mend_checksum()); }
int read_address(unsigned char* bytes)
{
	auto read = hw->read_address();
	if (!read.ok())
		return read.error().to_c();
	const net::MacAddress addr = read.take();
	for (u32 i = 0; i < 6; ++i)
		bytes[i] = addr.bytes[i];
	return 0;
}
int read_phy(unsigned reg, unsigned& value) { return code(hw->read_phy(PhyReg(reg)), value); }
int write_phy(unsigned reg, unsigned value) { return code(hw->write_phy(PhyReg(reg), u16(value))); }
int phy_kind() { return int(hw->phy().kind()); }
int cable(Cable& found)
{
	auto read = hw->cable_info();
	if (!read.ok())
		return read.error().to_c();
	const CableInfo info = read.take();
	found = {info.length,
		 int(info.is_reversed),
		 int(info.is_crossed),
		 int(info.is_downshifted),
		 int(info.local_is_good),
		 int(info.remote_is_good)};
	return 0;
}

void set_filter(unsigned index, const unsigned char* addr) { hw->set_filter(index, address(addr)); }
void write_vlans(unsigned index, unsigned value) { hw->write_vlans(index, value); }
void adapt_gaps(unsigned collisions, unsigned frames) { hw->adapt_gaps(collisions, frames); }
int begin_blinking() { return code(hw->begin_blinking()); }
void light(bool on) { hw->light(on); }
int end_blinking() { return code(hw->end_blinking()); }
int start_loopback() { return code(hw->start_loopback()); }
void end_loopback() { hw->end_loopback(); }
void power_phy(bool up) { up ? hw->power_phy_up() : hw->power_phy_down(); }
bool wants_bad_frames() { return hw->wants_bad_frames(); }
bool passes_frames() { return hw->passes_frames_to_firmware(); }
void take_arp() { hw->take_arp(); }
void hand_back_arp() { hw->hand_back_arp(); }

unsigned receive_kib_of(int mac, unsigned frame_bytes, unsigned reported)
{
	return packets::receive_kib(family_of(Mac(mac)), frame_bytes, regs::Pba::of(reported));
}
unsigned high_water_of(unsigned kib, unsigned frame_bytes) { return packets::high_water(kib, frame_bytes); }
int agreed_flow(unsigned ours, unsigned theirs, int asked)
{
	return int(e1000::agreed_flow(u16(ours), u16(theirs), Flow(asked)));
}
bool is_tbi_frame(unsigned long long result, unsigned char last, unsigned most)
{
	return e1000::is_tbi_frame(RxResult{result}, last, most);
}
bool crosses_64k(unsigned long long at, unsigned long long bytes) { return e1000::crosses_64k(at, bytes); }
unsigned hash_of(const unsigned char* addr) { return Hardware::hash_of(address(addr)); }

void fifo_reset(int mac, unsigned kib) { fifo.reset(family_of(Mac(mac)), kib); }
bool fifo_is_used() { return fifo.is_used(); }
void fifo_half_duplex(bool is_half) { fifo.set_half_duplex(is_half); }
bool fifo_admits(unsigned bytes) { return fifo.admits(bytes); }
void fifo_add(unsigned bytes) { fifo.add(bytes); }
bool fifo_rewind() { return fifo.rewind(window()); }
unsigned fifo_head() { return fifo.head(); }
unsigned fifo_size() { return fifo.size(); }

int rx_start(const RxAsked& asked)
{
	napi = new (napi_memory) Napi();
	rx = new (rx_memory)
		RxRing(net::Device{&sim_net_device()}, dma_device(), napi->napi, reinterpret_cast<TxRing&>(tx_memory));
	auto memory = rx->allocate(asked.entries, asked.in_64k, false);
	if (!memory.ok()) {
		rx_stop();
		return memory.error().to_c();
	}
	rx->adopt(memory.take());
	rx->configure(asked.chained ? RxRing::Mode::Chained : RxRing::Mode::OneEach, asked.takes_bad, asked.keeps_fcs);
	rx->accept_tbi(asked.tbi);
	return code(rx->program(window()));
}
void rx_fill() { rx->fill(); }
unsigned rx_receive(unsigned budget) { return rx->receive(budget); }
void rx_stop()
{
	if (rx != nullptr)
		rx->~RxRing();
	rx = nullptr;
	if (napi != nullptr)
		napi->~Napi();
	napi = nullptr;
}
bool rx_is_starved() { return rx->is_starved(); }
Counted rx_correct(unsigned long long crc_errors, unsigned long long oversize)
{
	Statistics made;
	Counts& counts = made.counts();
	counts.crc_errors = crc_errors;
	counts.oversize = oversize;
	made.correct(rx->tbi());
	// Nothing has come since.
	made.correct(rx->tbi());
	return {.crc_errors = counts.crc_errors,
		.oversize = counts.oversize,
		.good = counts.good_received,
		.bytes = counts.bytes_received,
		.broadcasts = counts.broadcast_received,
		.multicasts = counts.multicast_received};
}
int tx_start(int mac, bool is_pcix, unsigned entries, bool in_64k)
{
	tx_ring = new (tx_memory) TxRing(net::Device{&sim_net_device()}, dma_device());
	tx_ring->configure(family_of(Mac(mac)), is_pcix);
	auto memory = tx_ring->allocate(entries, in_64k);
	if (!memory.ok()) {
		tx_stop();
		return memory.error().to_c();
	}
	tx_ring->adopt(memory.take());
	return code(tx_ring->program(window()));
}
bool tx_send()
{
	if (napi == nullptr)
		napi = new (napi_memory) Napi();
	net::Skb skb = napi->napi.alloc(0);
	const bool is_taken = tx_ring->send(move(skb)).is_taken();
	// The stack would keep it.
	if (!is_taken)
		sim_drop_refused();
	return is_taken;
}
void tx_clean() { tx_ring->clean(64); }
void tx_stop()
{
	if (tx_ring != nullptr)
		tx_ring->~TxRing();
	tx_ring = nullptr;
	if (napi != nullptr)
		napi->~Napi();
	napi = nullptr;
}
bool tx_has_pending() { return tx_ring->has_pending(); }

}  // namespace drv
