// SPDX-License-Identifier: GPL-2.0
/// \file
/// The port's tests of itself.   C side: e1000_diag_test() and what it calls.
#include "adapter.hpp"

#include <cxxrt/enforce.hpp>

namespace e1000 {

namespace {

/// Units: milliseconds.
constexpr u32 kLinkMs = 4000;
constexpr u32 kSerdesLinkMs = 75000;
constexpr u32 kPauseMs = 10;

/// What is returned for tests, as the C driver's numbers.
enum Verdict : u8 {
	kGood = 0,
	kStatusIsWritable = 1,
	kEepromUnreadable = 1,
	kEepromSumWrong = 2,
	kNoInterrupt = 1,
	kMaskedInterrupt = 3,
	kMissingInterrupt = 4,
	kOtherInterrupt = 5,
	kNoTxMemory = 2,
	kNoRxMemory = 6,
	kNoLoopback = 8,
	kWrongData = 13,
	kTooSlow = 14,
	kNoLink = 1,
};

/// All registers by their place, also those that are not to be written.
struct Everything : mmio::RegisterArray<0, regs::kBytes / sizeof(u32)> {};

struct Word {
	le64 value;
};
static_assert(sizeof(Word) == 8);

}  // namespace

/// One run. The port is closed, but for the test of its link.
class SelfTest : Pinned {
public:
	explicit SelfTest(Adapter& port) : port_(port) {}
	u64 registers();
	u64 eeprom();
	u64 interrupts() EXCLUDES(atomic_context);
	u64 loopback() EXCLUDES(atomic_context);
	u64 link() EXCLUDES(atomic_context);
	/// Waits for a link for as long as it may take.
	bool await_link() EXCLUDES(atomic_context);

private:
	// Each returns false, and has said why, if the register does not work.
	template <class R> bool pattern(u32 mask, u32 written);
	template <class R> bool set(u32 mask, u32 written);
	template <class A> bool pattern_at(u32 i, u32 mask, u32 written);
	bool report(u32 offset, u32 got, u32 expected);
	bool all_registers();

	irq::Handled interrupted()
	{
		seen_.store_relaxed(seen_.load_relaxed() | port_.window_.read<regs::Icr>().bits);
		return irq::Handled::Yes;
	}
	/// The causes that were seen after these were set.
	u32 provoke(u32 causes) EXCLUDES(atomic_context);

	u64 run_loopback(const dma::Coherent<Word[]>& frame) EXCLUDES(atomic_context);

	static constexpr u32 kPatterns[] = {0x5a5a5a5a, 0xa5a5a5a5, 0x00000000, 0xffffffff};

	Adapter& port_;
	u64 failed_ = 0;
	Atomic<u32> seen_{0};
	irq::Handler irq_{callback<&SelfTest::irq_, &SelfTest::interrupted>};
};

bool SelfTest::report(u32 offset, u32 got, u32 expected)
{
	if (port_.says(net::Message::Driver))
		net::error<"pattern test reg %04X failed: got 0x%08X expected 0x%08X">(port_.dev_, offset, got,
										       expected);
	failed_ = offset;
	return false;
}

template <class R> bool SelfTest::pattern(u32 mask, u32 written)
{
	for (const u32 pattern : kPatterns) {
		port_.window_.write(R::of(written & pattern));
		const u32 got = port_.window_.template read<R>().bits;
		if (got != (written & pattern & mask))
			return report(R::kOffset, got, written & pattern & mask);
	}
	return true;
}

template <class A> bool SelfTest::pattern_at(u32 i, u32 mask, u32 written)
{
	for (const u32 pattern : kPatterns) {
		port_.window_.template write_at<A>(i, written & pattern);
		const u32 got = port_.window_.template read_at<A>(i);
		if (got != (written & pattern & mask))
			return report(A::kOffset + (i * u32(sizeof(u32))), got, written & pattern & mask);
	}
	return true;
}

template <class R> bool SelfTest::set(u32 mask, u32 written)
{
	port_.window_.write(R::of(written & mask));
	const u32 got = port_.window_.template read<R>().bits;
	if ((got & mask) == (written & mask))
		return true;
	if (port_.says(net::Message::Driver))
		net::error<"set/check reg %04X test failed: got 0x%08X expected 0x%08X">(port_.dev_, R::kOffset,
											 got & mask, written & mask);
	failed_ = R::kOffset;
	return false;
}

bool SelfTest::all_registers()
{
	const Window& window = port_.window_;
	constexpr u32 kStatusAt = regs::Status::kOffset / sizeof(u32);
	// All but those that change by themselves.
	constexpr u32 kReadOnly = 0xfffff833;
	constexpr u32 kRctl = 0x06dfb3fe;
	const u32 before = window.read_at<Everything>(kStatusAt);
	window.write_at<Everything>(kStatusAt, kReadOnly);
	const u32 after = window.read_at<Everything>(kStatusAt) & kReadOnly;
	if ((before & kReadOnly) != after) {
		if (port_.says(net::Message::Driver))
			net::error<"failed STATUS register test got: 0x%08X expected: 0x%08X">(port_.dev_, after,
											       before & kReadOnly);
		failed_ = kStatusIsWritable;
		return false;
	}
	window.write_at<Everything>(kStatusAt, before);

	if (!pattern<regs::Fcal>(~0u, ~0u) || !pattern<regs::Fcah>(0xffff, ~0u) || !pattern<regs::Fct>(0xffff, ~0u) ||
	    !pattern<regs::Vet>(0xffff, ~0u) || !pattern<regs::Rdtr>(0xffff, ~0u) || !pattern<regs::Rdbah>(~0u, ~0u) ||
	    !pattern<regs::Rdlen>(0xfff80, 0xfffff) || !pattern<regs::Rdh>(0xffff, 0xffff) ||
	    !pattern<regs::Rdt>(0xffff, 0xffff) || !pattern<regs::Fcrth>(0xfff8, 0xfff8) ||
	    !pattern<regs::Fcttv>(0xffff, 0xffff) || !pattern<regs::Tipg>(0x3fffffff, 0x3fffffff) ||
	    !pattern<regs::Tdbah>(~0u, ~0u) || !pattern<regs::Tdlen>(0xfff80, 0xfffff))
		return false;
	if (!set<regs::Rctl>(~0u, 0) || !set<regs::Rctl>(kRctl, 0x003ffffb) || !set<regs::Tctl>(~0u, 0))
		return false;
	if (port_.family_.has_old_offsets) {
		if (!set<regs::Rctl>(~0u, 0x01ffffff) || !pattern<regs::Rdbal>(0xfffff000, ~0u) ||
		    !pattern<regs::Txcw>(0xffff, 0xffff) || !pattern<regs::Tdbal>(0xfffff000, ~0u))
			return false;
	} else {
		if (!set<regs::Rctl>(kRctl, ~0u) || !pattern<regs::Rdbal>(0xfffffff0, ~0u) ||
		    !pattern<regs::Txcw>(0xc000ffff, 0xffff) || !pattern<regs::Tdbal>(0xfffffff0, ~0u) ||
		    !pattern<regs::Tidv>(0xffff, 0xffff))
			return false;
		for (u32 i = 0; i < Hardware::kFilters; ++i) {
			if (!pattern_at<regs::Ra>((2 * i) + 1, 0x8003ffff, ~0u))
				return false;
		}
	}
	for (u32 i = 0; i < regs::Mta::kCount; ++i) {
		if (!pattern_at<regs::Mta>(i, ~0u, ~0u))
			return false;
	}
	return true;
}

u64 SelfTest::registers() { return all_registers() ? u64{kGood} : failed_; }

u64 SelfTest::eeprom()
{
	const auto sum = port_.hw_.check_eeprom();
	if (sum.ok())
		return kGood;
	return sum.error() == EINVAL ? kEepromSumWrong : kEepromUnreadable;
}

u32 SelfTest::provoke(u32 causes)
{
	seen_.store_relaxed(0);
	port_.window_.write(regs::Ics::of(causes));
	port_.window_.flush();
	sleep_ms(kPauseMs);
	return seen_.load_relaxed();
}

u64 SelfTest::interrupts()
{
	constexpr u32 kCauses = 10;
	constexpr u32 kAll = 0x7fff;
	auto line = port_.vectors_.line(0);
	if (!line.ok())
		return kNoInterrupt;
	// With the line for itself it sees more.
	const irq::Line which = line.take();
	const bool is_shared = !irq_.request(which, port_.dev_.name(), irq::Sharing::None).ok();
	if (is_shared && !irq_.request(which, port_.dev_.name()).ok())
		return kNoInterrupt;
	if (port_.says(net::Message::Hardware))
		net::info<"testing %s interrupt">(port_.dev_, is_shared ? "shared" : "unshared");
	const Window& window = port_.window_;
	window.write(regs::Imc::of(~0u));
	window.flush();
	sleep_ms(kPauseMs);
	u64 result = kGood;
	for (u32 i = 0; i < kCauses && result == kGood; ++i) {
		const u32 cause = 1u << i;
		if (!is_shared) {
			window.write(regs::Imc::of(cause));
			if ((provoke(cause) & cause) != 0) {
				result = kMaskedInterrupt;
				break;
			}
		}
		window.write(regs::Ims::of(cause));
		if ((provoke(cause) & cause) == 0) {
			result = kMissingInterrupt;
			break;
		}
		if (!is_shared) {
			window.write(regs::Imc::of(~cause & kAll));
			if (provoke(~cause & kAll) != 0)
				result = kOtherInterrupt;
		}
	}
	window.write(regs::Imc::of(~0u));
	window.flush();
	sleep_ms(kPauseMs);
	irq_.release();
	return result;
}

namespace {

constexpr u32 kEntries = 256;
constexpr u32 kBatch = 64;
/// Units: bytes.
constexpr u32 kFrame = 1024;
constexpr u32 kBuffer = 2048;
constexpr u32 kWordsOfBuffer = kBuffer / sizeof(Word);
/// Buffers for frames, two to a page.
constexpr u32 kPerPage = kPageSize / kBuffer;
/// Where in its page a buffer is.
constexpr u64 place_of(u32 i) { return u64(i % kPerPage) * kBuffer; }
/// The frame's eight bytes 520 to 527, in its second half.
constexpr u32 kMarkAt = 65;
constexpr u64 kMark = 0xaaaaaaafaabeaaaa;

}  // namespace

// NOLINTNEXTLINE(readability-function-cognitive-complexity): one after the other, with nothing to share
u64 SelfTest::run_loopback(const dma::Coherent<Word[]>& frame)
{
	const Window& window = port_.window_;
	const dma::Device dev = port_.pci().dma();
	auto tx = dma::Coherent<TxDesc[]>::alloc(dev, kEntries, Gfp::Kernel);
	if (!tx.ok())
		return kNoTxMemory;
	auto tx_ring = tx.take();
	auto rx = dma::Coherent<RxDesc[]>::alloc(dev, kEntries, Gfp::Kernel);
	auto made = Array<dma::Coherent<Word[]>>::make(Gfp::Kernel, dev.node(), kEntries / kPerPage);
	if (!rx.ok() || !made.ok())
		return kNoRxMemory;
	auto rx_ring = rx.take();
	auto pages = made.take();
	for (auto& page : pages) {
		auto got = dma::Coherent<Word[]>::alloc(dev, kPageSize / sizeof(Word), Gfp::Kernel);
		if (!got.ok())
			return kNoRxMemory;
		page = got.take();
	}
	for (u32 i = 0; i < kEntries; ++i) {
		tx_ring.store(i, {.low = frame.addr().bits(),
				  .high = u64(kFrame | tx::kEndOfPacket | tx::kInsertFcs | 1u << 28)});
		rx_ring.store(i, {.addr = (pages[i / kPerPage].addr() + place_of(i)).wire(), .result = 0ull});
	}
	window.write(regs::Tdbal::of(u32(tx_ring.addr().bits())));
	window.write(regs::Tdbah::of(u32(tx_ring.addr().bits() >> 32)));
	window.write(regs::Tdlen::of(kEntries * u32(sizeof(TxDesc))));
	window.write(regs::Tdh{});
	window.write(regs::Tdt{});
	window.write(regs::Tctl{}
			     .with<regs::Tctl::Enable>(true)
			     .with<regs::Tctl::PadShort>(true)
			     .with<regs::Tctl::CollisionThreshold>(15)
			     .with<regs::Tctl::CollisionDistance>(64));
	window.write(window.read<regs::Rctl>().with<regs::Rctl::Enable>(false));
	window.write(regs::Rdbal::of(u32(rx_ring.addr().bits())));
	window.write(regs::Rdbah::of(u32(rx_ring.addr().bits() >> 32)));
	window.write(regs::Rdlen::of(kEntries * u32(sizeof(RxDesc))));
	window.write(regs::Rdh{});
	window.write(regs::Rdt{});
	window.write(regs::Rctl{}.with<regs::Rctl::Enable>(true).with<regs::Rctl::Broadcast>(true));

	u64 result = port_.hw_.start_loopback().ok() ? u64(kGood) : u64(kNoLoopback);
	window.write(regs::Rdt::of(kEntries - 1));
	u32 sent = 0;
	u32 next = 0;
	for (u32 round = 0; round < (kEntries / kBatch * 2) + 2 && result == kGood; ++round) {
		constexpr u32 kSendMs = 200;
		constexpr u32 kReceiveMs = 80;
		sent = (sent + kBatch) % kEntries;
		window.write(regs::Tdt::of(sent));
		window.flush();
		sleep_ms(kSendMs);
		const Deadline deadline = Deadline::in_ms(kReceiveMs);
		u32 good = 0;
		while (good < kBatch) {
			if ((rx_ring.load(next, &RxDesc::result) & RxResult::kDone) == 0) {
				if (deadline.has_passed())
					break;
				sleep_ms(1);
				continue;
			}
			dma::read_barrier();
			auto& page = pages[next / kPerPage];
			const u32 first = next % kPerPage * kWordsOfBuffer;
			if (page.load(first, &Word::value) != ~0ull ||
			    page.load(first + kMarkAt, &Word::value) != kMark)
				break;
			page.store(first, {.value = 0ull});
			page.store(first + kMarkAt, {.value = 0ull});
			rx_ring.store(next, {.addr = (page.addr() + place_of(next)).wire(), .result = 0ull});
			window.write(regs::Rdt::of(next));
			next = (next + 1) % kEntries;
			++good;
		}
		if (good != kBatch)
			result = kWrongData;
		else if (deadline.has_passed())
			result = kTooSlow;
	}
	port_.hw_.end_loopback();
	// The memory goes.
	window.write(regs::Rctl{});
	window.write(regs::Tctl{}.with<regs::Tctl::PadShort>(true));
	window.flush();
	sleep_ms(kPauseMs);
	return result;
}

u64 SelfTest::loopback()
{
	auto made = dma::Coherent<Word[]>::alloc(port_.pci().dma(), kFrame / sizeof(Word), Gfp::Kernel);
	if (!made.ok())
		return kNoTxMemory;
	auto frame = made.take();
	constexpr u32 kWords = kFrame / sizeof(Word);
	for (u32 i = 0; i < kWords; ++i)
		frame.store(i, {.value = i < kWords / 2 ? ~0ull : 0xaaaaaaaaaaaaaaaaull});
	frame.store(kMarkAt, {.value = kMark});
	return run_loopback(frame);
}

bool SelfTest::await_link()
{
	const bool is_serdes = port_.hw_.media() == Media::Serdes;
	const bool negotiates = port_.hw_.wishes().negotiates;
	const u32 negotiation_ms = negotiates ? kLinkMs : 0;
	const Deadline deadline = Deadline::in_ms(is_serdes ? kSerdesLinkMs : negotiation_ms);
	for (;;) {
		constexpr u32 kLookMs = 50;
		port_.hw_.note_link_change();
		const Link checked = port_.hw_.check_link();
		if (is_serdes ? checked.up : port_.hw_.link().up)
			return true;
		if (deadline.has_passed())
			return false;
		sleep_ms(kLookMs);
	}
}

u64 SelfTest::link() { return await_link() ? kGood : kNoLink; }

bool Tools::self_test(Adapter& port, ethtool::Tests which, u64 (&results)[kTests])
{
	SelfTest test{port};
	for (u64& result : results)
		result = kGood;
	u64& link = results[4];
	{
		Guard guard{port.config_lock_};
		if (port.says(net::Message::Hardware))
			net::info<"%s testing starting">(port.dev_,
							 which == ethtool::Tests::Offline ? "offline" : "online");
		// Before all others, which take it away.
		link = test.link();
	}
	if (which == ethtool::Tests::Offline) {
		const bool was_running = port.dev_.is_running();
		if (was_running)
			port.stop();
		{
			Guard guard{port.config_lock_};
			const Wishes wishes = port.hw_.wishes();
			port.reset_device();
			results[0] = test.registers();
			port.reset_device();
			results[1] = test.eeprom();
			port.reset_device();
			results[2] = test.interrupts();
			port.reset_device();
			port.hw_.power_phy_up();
			results[3] = test.loopback();
			port.hw_.wishes() = wishes;
			port.reset_device();
		}
		if (was_running) {
			const auto opened = port.open();
			if (!opened.ok())
				net::error<"cannot be opened after its test: %d">(port.dev_, opened.error().to_c());
			Guard guard{port.config_lock_};
			(void)test.await_link();
		}
	}
	u64 all = kGood;
	for (const u64 result : results)
		all |= result;
	return all == kGood;
}

}  // namespace e1000
