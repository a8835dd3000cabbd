// SPDX-License-Identifier: GPL-2.0
#pragma once
/// \file
/// The driver's hardware, as tests call it: its headers and the C library's do not go together.

namespace drv {

/// What the driver believes of a model and a family.
struct Facts {
	bool is_known = false;
	int error = 0;
	int mac = 0;  // in the order of the families
	const char* name = "";
	int reset = 0;	// memory, port, shadow
	unsigned settle_ms = 0, packet_kib = 0, most_descriptors = 0;
	bool uses_ports = false, is_serdes = false;
	bool has_moderation = false, has_checksums = false, has_segmentation = false;
	bool crosses_no_64k = false, splits_pcix_tails = false, has_fifo_bug = false, accepts_tbi = false;
	int phy_bus = 0;
};
Facts facts(unsigned device, unsigned revision);
unsigned models();
unsigned model(unsigned index);
/// Offsets of registers that the 82542 has elsewhere: new, old.
struct Moved {
	const char* name;
	unsigned now, old;
};
extern const Moved kMoved[];
extern const unsigned kMovedCount;

/// A driver's Hardware for `sim::card`.
void make();
void destroy();
int prepare();
void reset();
int bring_up(unsigned frame_bytes);
struct LinkIs {
	bool up, full;
	unsigned mbps;
};
LinkIs check_link();
void note_link_change();
void retry_link();
int flow();
int media();
bool is_pcix();
unsigned mhz();
unsigned bits();
unsigned high_water();
unsigned receive_kib();
unsigned gaps();
struct Wishes {
	bool negotiates = true;
	unsigned speeds = 0x2f;
	bool forces_100 = false, forces_full = false;
	int crossover = 0, role = 0, flow = 0xff;
};
void wish(const Wishes& wishes);

int eeprom_words();
int read_eeprom(unsigned at, unsigned& value);
int write_eeprom(unsigned at, unsigned value);
int check_eeprom();
int mend_checksum();
int read_address(unsigned char* bytes);
int read_phy(unsigned reg, unsigned& value);
int write_phy(unsigned reg, unsigned value);
int phy_kind();
struct Cable {
	unsigned length;
	int reversed, crossed, downshifted, local, remote;
};
int cable(Cable& found);

void set_filter(unsigned index, const unsigned char* addr);
void write_vlans(unsigned index, unsigned value);
void adapt_gaps(unsigned collisions, unsigned frames);
int begin_blinking();
void light(bool on);
int end_blinking();
int start_loopback();
void end_loopback();
void power_phy(bool up);
bool wants_bad_frames();
bool passes_frames();
void take_arp();
void hand_back_arp();

// Arithmetic.
unsigned receive_kib_of(int mac, unsigned frame_bytes, unsigned reported);
unsigned high_water_of(unsigned kib, unsigned frame_bytes);
int agreed_flow(unsigned ours, unsigned theirs, int asked);
bool is_tbi_frame(unsigned long long result, unsigned char last, unsigned most);
bool crosses_64k(unsigned long long at, unsigned long long bytes);
unsigned hash_of(const unsigned char* addr);

// The 82547's FIFO.
void fifo_reset(int mac, unsigned kib);
bool fifo_is_used();
void fifo_half_duplex(bool is_half);
bool fifo_admits(unsigned bytes);
void fifo_add(unsigned bytes);
bool fifo_rewind();
unsigned fifo_head();
unsigned fifo_size();

// Rings.
struct RxAsked {
	bool chained = false, takes_bad = false, keeps_fcs = false, in_64k = false;
	unsigned entries = 48, tbi = 0;
};
int rx_start(const RxAsked& asked);
void rx_fill();
unsigned rx_receive(unsigned budget);
void rx_stop();
bool rx_is_starved();
/// Statistics in which the device has so many errors, corrected by the frames that the ring has taken all the same.
struct Counted {
	unsigned long long crc_errors, oversize, good, bytes, broadcasts, multicasts;
};
Counted rx_correct(unsigned long long crc_errors, unsigned long long oversize);
int tx_start(int mac, bool is_pcix, unsigned entries, bool in_64k);
/// Sends `sim::stack.next`: true if it was taken.
bool tx_send();
void tx_clean();
void tx_stop();
bool tx_has_pending();

}  // namespace drv
