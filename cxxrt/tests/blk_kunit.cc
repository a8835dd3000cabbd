// SPDX-License-Identifier: GPL-2.0
#include <cxxrt/blk.hpp>

#include <cxxrt/atomic.hpp>
#include <cxxrt/kunit.hpp>
#include <cxxrt/system.hpp>

#include "tracked.hpp"

namespace cxxrt::kunit {
namespace {

using blk::Status;

constexpr u64 kSectors = 2048;

/// What a driver of one hardware queue is asked to do, and did.
class Device : Pinned {
public:
	/// What init_hctx() answers.
	Result<void> takes_queue;
	blk::QueueCounts counts{.submit = 1, .poll = 0};
	Atomic<int> requests, bios, wrong, queues, pdus;
	Atomic<u64> sectors;
};

/// All of `io` as zeroes; counts what is wrong with it.
template <class Io> void serve(Device& device, Io io)
{
	const u64 first = io.sector();
	u64 bytes = 0;
	for (const Segment segment : io.segments()) {
		if (segment.length == 0 || segment.offset + segment.length > kPageSize)
			device.wrong.fetch_add(1);
		zero_page_bytes(segment.page, segment.offset, segment.length);
		bytes += segment.length;
	}
	const u64 sectors = bytes / blk::kSectorSize;
	device.sectors.fetch_add(sectors);
	if (io.op() != blk::Op::Read || first + sectors > kSectors || bytes % blk::kSectorSize != 0)
		device.wrong.fetch_add(1);
}

/// A tag that is built once.
struct Pdu {
	u32 built = 0x600d;
};

struct Driver {
	using HwQueue = Device;
	using Context = Device;
	using Tags = Device;
	using Pdu = kunit::Pdu;

	static Status queue_rq(Device& device, blk::Request<Pdu> request)
	{
		blk::InFlight<Pdu> rq = request.start();
		device.requests.fetch_add(1);
		if (request.pdu().built != 0x600d || !request.is_in_flight())
			device.wrong.fetch_add(1);
		serve(device, request);
		if (u64(request.bytes()) > kSectors * blk::kSectorSize)
			device.wrong.fetch_add(1);
		move(rq).end(Status::Ok);
		return Status::Ok;
	}
	static Result<Device*> init_hctx(Device& device, u32)
	{
		TRY(device.takes_queue);
		device.queues.fetch_add(1);
		return &device;
	}
	static blk::QueueCounts queue_counts(Device& device, u32) { return device.counts; }
};

struct BioDriver {
	using Context = Device;
	static void submit_bio(Device& device, blk::Bio bio)
	{
		device.bios.fetch_add(1);
		serve(device, bio.view());
		move(bio).end(Status::Ok);
	}
};

Result<Box<blk::TagSetFor<Device>>> make_tags(Device& device, u32 depth = 4)
{
	const blk::TagSetConfig config{.depth = depth, .queues = device.counts, .node = Node{}, .timeout_ms = 1000};
	return blk::TagSet::create(blk::MqDriverTable<Device, Device>::of<Driver>(), config, device);
}

Result<blk::Disk> make_bio_disk(Device& device, const blk::Limits& limits = {})
{
	return blk::Disk::create_bio(blk::BioDriverTable<Device>::of<BioDriver>(), limits, Node{}, device);
}

/// A disk that can be seen, with what it needs.
struct Shown {
	blk::Major major;
	Box<blk::TagSetFor<Device>> tags;
	blk::Disk disk;

	static Result<Box<Shown>> create(Device& device)
	{
		auto major = TRY(blk::Major::create("cxxrt_kunit"));
		auto tags = TRY(make_tags(device));
		auto disk = TRY(blk::Disk::create(*tags, {}, device));
		auto shown = TRY(Box<Shown>::make(Gfp::Kernel, move(major), move(tags), move(disk)));
		TRY(shown->disk.add(
			{.name = "cxxrt_kunit", .major = shown->major.number(), .first_minor = 0, .sectors = kSectors},
			{}));
		return shown;
	}
	Shown(blk::Major&& m, Box<blk::TagSetFor<Device>>&& t, blk::Disk&& d)
		: major(move(m)), tags(move(t)), disk(move(d))
	{
	}
};

/// What Segments finds, as digits: pages counted from the first, 1024-byte units of offset and length.
template <class List> u64 digits(const List& segments, const Page& first)
{
	u64 result = 0;
	for (const Segment segment : segments) {
		const auto page = (reinterpret_cast<uintptr_t>(&segment.page) - reinterpret_cast<uintptr_t>(&first)) /
				  sizeof(raw::page);
		const u64 offset = segment.offset / 1024;
		result = (result * 1000) + (page * 100) + (offset * 10) + (segment.length / 1024);
	}
	return result;
}

/// A request that no block layer knows, for lists.
struct Bare {
	raw::request raw{};
	/// As if it had been started.
	blk::InFlight<> in_flight() { return blk::InFlight<>{blk::Request<>{&raw}}; }
};

}  // namespace

KUNIT_TEST(cxxrt_blk, block_sizes_are_powers_of_two_up_to_a_page)
{
	for (u32 size : each(512u, 1024u, 2048u, 4096u))
		test.expect(blk::is_valid_block_size(size));
	for (u32 size : each(0u, 1u, 256u, 511u, 513u, 1536u, 2 * kPageSize, ~0u))
		test.expect(!blk::is_valid_block_size(size));
	return {};
}

/// Piece by piece, as pages are mapped, and bio after bio, whether they have data or not.
KUNIT_TEST(cxxrt_blk, segments_are_pieces_of_pages_in_order)
{
	auto box = TRY(PageBox::zeroed(Gfp::Kernel));
	Page& page = *box;
	raw::bio_vec first[2] = {{.bv_page = page.unsafe_raw(), .bv_len = 2048, .bv_offset = 1024},
				 {.bv_page = page.unsafe_raw(), .bv_len = 5120, .bv_offset = 3072}};
	raw::bio_vec second[1] = {{.bv_page = page.unsafe_raw(), .bv_len = 1024, .bv_offset = 0}};
	auto bios = TRY(Array<raw::bio>::make(Gfp::Kernel, Node{}, 3));
	bios[0].bi_io_vec = first;
	bios[0].bi_iter.bi_size = 7168;
	bios[0].bi_next = &bios[1];
	bios[1].bi_next = &bios[2];
	bios[2].bi_io_vec = second;
	bios[2].bi_iter.bi_size = 1024;
	test.expect_eq(digits(blk::Segments::of_chain(&bios[0]), page), 12031104001ull);
	test.expect_eq(digits(blk::Segments::of_one(&bios[0]), page), 12031104ull);
	test.expect_eq(digits(blk::Segments::of_one(&bios[1]), page), 0ull);
	test.expect_eq(digits(blk::Segments::of_chain(&bios[1]), page), 1ull);
	test.expect_eq(digits(blk::Segments::of_chain(nullptr), page), 0ull);
	// Half done: the rest alone.
	bios[0].bi_iter.bi_bvec_done = 1024;
	bios[0].bi_iter.bi_size = 6144;
	test.expect_eq(digits(blk::Segments::of_one(&bios[0]), page), 21031104ull);
	return {};
}

/// What lies in a row is one run, wherever its pieces come from; what does not is another.
KUNIT_TEST(cxxrt_blk, runs_are_what_lies_in_a_row)
{
	auto owned = TRY(PageBox::zeroed(Gfp::Kernel));
	Page& page = *owned;
	raw::bio_vec first[3] = {{.bv_page = page.unsafe_raw(), .bv_len = 512, .bv_offset = 1024},
				 {.bv_page = page.unsafe_raw(), .bv_len = 512, .bv_offset = 1536},
				 {.bv_page = page.unsafe_raw(), .bv_len = 512, .bv_offset = 2560}};
	raw::bio_vec second[2] = {{.bv_page = page.unsafe_raw(), .bv_len = 1024, .bv_offset = 3072},
				  {.bv_page = page.unsafe_raw(), .bv_len = 512, .bv_offset = 0}};
	auto bios = TRY(Array<raw::bio>::make(Gfp::Kernel, Node{}, 3));
	for (raw::bio& bio : bios)
		bio = {};
	bios[0].bi_io_vec = first;
	bios[0].bi_iter.bi_size = 1536;
	bios[0].bi_next = &bios[1];  // empty
	bios[1].bi_next = &bios[2];
	bios[2].bi_io_vec = second;
	bios[2].bi_iter.bi_size = 1536;
	const u32 offsets[] = {1024, 2560, 0};
	const u32 lengths[] = {1024, 1536, 512};
	u32 found = 0;
	for (const Segment run : blk::Runs{bios.begin()}) {
		if (found < 3) {
			test.expect_eq(run.offset, offsets[found]);
			test.expect_eq(run.length, lengths[found]);
			test.expect(&run.page == &page);
		}
		++found;
	}
	test.expect_eq(found, 3u);
	for (const Segment run : blk::Runs{nullptr}) {
		(void)run;
		test.expect(false);
	}
	return {};
}

KUNIT_TEST(cxxrt_blk, request_list_keeps_order)
{
	auto requests = TRY(Array<Bare>::make(Gfp::Kernel, Node{}, 3));
	blk::RequestList list;
	test.expect(list.is_empty());
	for (Bare& request : requests)
		list.push_back(request.in_flight());
	auto taken = list.remove(blk::Request<>{&requests[1].raw});
	test.expect(taken.request().id() == &requests[1].raw);
	move(taken).park();
	for (u32 i : each(0u, 2u)) {
		auto next = list.pop_front();
		test.expect(next.request().id() == &requests[i].raw);
		move(next).park();
	}
	test.expect(list.is_empty());
	return {};
}

/// What is taken is what came first, and what stays is in order, whether that is all of them or none.
KUNIT_TEST(cxxrt_blk, request_fifo_is_taken_from_the_front)
{
	auto requests = TRY(Array<Bare>::make(Gfp::Kernel, Node{}, 4));
	for (u32 most : each(0u, 1u, 3u, 4u)) {
		blk::RequestFifo fifo, taken;
		for (u32 i = 0; i < 4; ++i)
			test.expect_eq(fifo.push_back(requests[i].in_flight()), i == 0);
		u32 asked = 0;
		fifo.take_while<blk::detail::NoPdu>(taken, [&](blk::Request<>) { return asked++ < most; });
		test.expect_eq(taken.is_empty(), most == 0);
		test.expect_eq(fifo.is_empty(), most == 4);
		u32 next = 0;
		const auto expect_next = [&](blk::InFlight<> rq) {
			test.expect(rq.request().id() == &requests[next++].raw);
			move(rq).park();
		};
		if (!taken.is_empty())
			taken.take_all<blk::detail::NoPdu>(expect_next);
		if (!fifo.is_empty())
			fifo.take_all<blk::detail::NoPdu>(expect_next);
		test.expect_eq(next, 4u);
		test.expect(fifo.push_back(requests[0].in_flight()));
		fifo.take_all<blk::detail::NoPdu>([](blk::InFlight<> rq) { move(rq).park(); });
	}
	return {};
}

/// So that a timeout leaves alone what poll() has begun to end.
KUNIT_TEST(cxxrt_blk, begun_completion_is_no_longer_in_flight)
{
	auto requests = TRY(Array<Bare>::make(Gfp::Kernel, Node{}, 2));
	blk::RequestList list;
	for (Bare& request : requests) {
		test.expect(!blk::Request<>{&request.raw}.is_in_flight());
		request.raw.state = raw::MQ_RQ_IN_FLIGHT;
		test.expect(blk::Request<>{&request.raw}.is_in_flight());
		list.push_back(request.in_flight());
	}
	blk::RequestChain due = list.begin_completion();
	test.expect(list.is_empty());
	for (Bare& request : requests) {
		test.expect(!blk::Request<>{&request.raw}.is_in_flight());
		auto next = due.pop_front();
		test.expect(next.request().id() == &request.raw);
		move(next).park();
	}
	test.expect(due.is_empty());
	test.expect(list.begin_completion().is_empty());
	return {};
}

/// Every CPU gets a queue of the right kind, and kinds without queues are left alone.
KUNIT_TEST(cxxrt_blk, queues_are_mapped_by_kind)
{
	const u32 cpus = cpu_id_limit();
	auto maps = TRY(Array<u32>::make(Gfp::Kernel, Node{}, size_t(cpus) * 3));
	auto set = TRY(Box<raw::blk_mq_tag_set>::make(Gfp::Kernel));
	set->nr_maps = 3;
	for (u32 kind = 0; kind < 3; ++kind)
		set->map[kind].mq_map = &maps[size_t(cpus) * kind];
	for (u32& queue : maps)
		queue = 99;
	blk::detail::map_queues(set.get(), {.submit = 2, .poll = 1});
	test.expect_eq(set->map[0].nr_queues, 2u);
	test.expect_eq(set->map[1].nr_queues, 0u);
	test.expect_eq(set->map[2].nr_queues, 1u);
	u32 seen = 0;
	for (u32 cpu = 0; cpu < cpus; ++cpu) {
		if (!is_cpu_online(cpu))
			continue;
		test.expect(maps[cpu] < 2);
		seen |= 1u << maps[cpu];
		test.expect_eq(maps[cpus + cpu], 99u);
		test.expect_eq(maps[(size_t(2) * cpus) + cpu], 2u);
	}
	test.expect_eq(seen, is_cpu_online(0) && is_cpu_online(1) ? 3u : 1u);
	return {};
}

KUNIT_TEST(cxxrt_blk, tag_set_needs_depth_and_queues)
{
	auto device = TRY(Box<Device>::make(Gfp::Kernel));
	test.expect_error(make_tags(*device, 0), EINVAL);
	device->counts = {.submit = 0, .poll = 0};
	test.expect_error(make_tags(*device), EINVAL);
	return {};
}

/// A disk that is added is read for a partition table before add() returns.
KUNIT_TEST(cxxrt_blk, disk_serves_what_it_is_asked)
{
	auto device = TRY(Box<Device>::make(Gfp::Kernel));
	{
		auto shown = TRY(Shown::create(*device));
		test.expect_eq(device->queues.load_relaxed(), 1);
		test.expect(device->requests.load_relaxed() > 0);
	}
	test.expect(device->sectors.load_relaxed() > 0);
	test.expect_eq(device->wrong.load_relaxed(), 0);
	return {};
}

KUNIT_TEST(cxxrt_blk, bio_disk_serves_what_it_is_asked)
{
	auto device = TRY(Box<Device>::make(Gfp::Kernel));
	auto major = TRY(blk::Major::create("cxxrt_kunit"));
	{
		auto disk = TRY(make_bio_disk(*device));
		TRY(disk.add({.name = "cxxrt_kunit", .major = major.number(), .first_minor = 0, .sectors = kSectors},
			     {}));
		test.expect(device->bios.load_relaxed() > 0);
		disk.stop();
	}
	test.expect_eq(device->requests.load_relaxed(), 0);
	test.expect(device->sectors.load_relaxed() > 0);
	test.expect_eq(device->wrong.load_relaxed(), 0);
	return {};
}

/// What has not been added goes without having been seen, and a moved one goes once.
KUNIT_TEST(cxxrt_blk, disk_that_was_not_added_ends_quietly)
{
	auto device = TRY(Box<Device>::make(Gfp::Kernel));
	auto tags = TRY(make_tags(*device));
	auto disk = TRY(blk::Disk::create(*tags, {}, *device));
	blk::Disk moved{move(disk)};
	disk = move(moved);
	blk::Disk none;
	none = move(disk);
	test.expect_eq(device->requests.load_relaxed(), 0);
	return {};
}

KUNIT_TEST(cxxrt_blk, disk_is_refused_when_its_queue_is)
{
	auto device = TRY(Box<Device>::make(Gfp::Kernel));
	auto tags = TRY(make_tags(*device));
	device->takes_queue = EIO;
	test.expect_error(blk::Disk::create(*tags, {}, *device), ENOMEM);
	test.expect_eq(device->queues.load_relaxed(), 0);
	return {};
}

KUNIT_TEST(cxxrt_blk, major_goes_back)
{
	u32 first;
	{
		auto major = TRY(blk::Major::create("cxxrt_kunit"));
		auto other = TRY(blk::Major::create("cxxrt_kunit"));
		first = major.number();
		test.expect(first != 0 && first != other.number());
		blk::Major moved{move(major)};
		test.expect_eq(moved.number(), first);
	}
	auto again = TRY(blk::Major::create("cxxrt_kunit"));
	test.expect_eq(again.number(), first);
	return {};
}

KUNIT_TEST(cxxrt_blk, major_survives_failed_allocations)
{
	test.expect_survives_failed_allocations([] { return blk::Major::create("cxxrt_kunit"); });
	return {};
}

KUNIT_TEST(cxxrt_blk, tag_set_survives_failed_allocations)
{
	auto device = TRY(Box<Device>::make(Gfp::Kernel));
	test.expect_survives_failed_allocations([&] { return make_tags(*device); });
	return {};
}

KUNIT_TEST(cxxrt_blk, disk_survives_failed_allocations)
{
	auto device = TRY(Box<Device>::make(Gfp::Kernel));
	auto tags = TRY(make_tags(*device));
	test.expect_survives_failed_allocations([&] { return blk::Disk::create(*tags, {}, *device); });
	test.expect_survives_failed_allocations([&] { return make_bio_disk(*device); });
	return {};
}

KUNIT_TEST(cxxrt_blk, added_disk_survives_failed_allocations)
{
	auto device = TRY(Box<Device>::make(Gfp::Kernel));
	test.expect_survives_failed_allocations([&] { return Shown::create(*device); });
	test.expect_eq(device->wrong.load_relaxed(), 0);
	return {};
}

KUNIT_SUITE(cxxrt_blk);

}  // namespace cxxrt::kunit
