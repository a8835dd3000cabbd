// SPDX-License-Identifier: GPL-2.0
#include "controller.hpp"

#include "params.hpp"
#include "path.hpp"

#include <cxxrt/enforce.hpp>

namespace nvme {

using regs::Cap;
using regs::Cc;
using regs::Csts;

namespace {

/// Registers, and the first doorbells.   Units: bytes.
constexpr u64 kFirstMap = 8192;
/// What a page of memory and the device's have in common with the specification's units.
constexpr u32 kHalfSecondMs = 500;
constexpr u32 kDelayBeforeReadyMs = 2300;
/// As of disks, and the C driver's.
constexpr u32 kMostAdminSegments = kSince6_12 ? 128 : 127;
/// Units: seconds.
constexpr u32 kMostShutdown = 60;
/// Namespaces that are asked for one by one, if the device has no list of them.
constexpr u32 kMostSequential = 1024;
constexpr u32 kPm1725Entries = 64;

/// One more that the block layer's lists can describe is of no use.   Units: bytes.
u32 most_bytes(dma::Device dev)
{
	const u64 ours = kSince6_12 ? 8u << 20 : 4u << 20;
	const u64 theirs = kSince6_12 ? dev.best_bytes() : dev.most_bytes();
	const u64 most = (ours < theirs ? ours : theirs) / regs::kPage * regs::kPage;
	return most < regs::kPage ? regs::kPage : u32(most);
}

void note_cancelled(Command& cmd) { cmd.status = kCancelled; }

}  // namespace

Controller::Controller(Key, Parts&& parts, u64 quirks, Nodes& nodes, Ida::Id&& number)
	: parts_(move(parts)),
	  quirks_(quirks),
	  nodes_(nodes),
	  number_(move(number)),
	  name_(Nodes::prefix(), number_.value())
{
}

// NOLINTNEXTLINE(readability-function-cognitive-complexity): one step after the other, each of which may fail
Result<Box<Controller>> Controller::create(pci::Device dev, u64 quirks, Nodes& nodes, Ida::Id&& number)
{
	quirks |= machine_quirks(dev.vendor(), dev.device(), &is_machine);
	if ((quirks & u64(Quirk::LongCommands)) != 0) {
		log::error<"%s: commands of 128 bytes are not supported">(dev.name());
		return ENODEV;
	}
	pci::Enabled enabled = TRY(pci::Enabled::create(dev));
	TRY(dev.dma().set_mask((quirks & u64(Quirk::DmaOf48Bits)) != 0 ? 48 : 64));
	dev.dma().keep_offset_in(regs::kPage);
	pci::Regions regions = TRY(pci::Regions::claim(enabled, "nvme_cpp"));
	auto bar = TRY(pci::Bar<regs::kRegisterBytes>::map(regions, 0, kFirstMap));
	Parts parts{.enabled = move(enabled), .regions = move(regions), .bar = move(bar)};
	auto made = TRY(Box<Controller>::make_on(dev.dma().node(), Gfp::Kernel, Key{}, move(parts), quirks, nodes,
						 move(number)));
	Controller& controller = *made;
	log::info<"%s: pci function %s">(controller.name(), dev.name());
	if (controller.window().read<Csts>().is_gone())
		return ENODEV;
	TRY(controller.map_doorbells());
	controller.find_platform_quirks();
	// The administrative one comes first.
	const u32 queues = controller.most_queues_ + 1;
	controller.irq_names_ = TRY(Array<FixedText<32>>::make(Gfp::Kernel, Node{}, queues));
	controller.queues_ = TRY(Array<Queue>::make(Gfp::Kernel, dev.dma().node(), queues, &controller));
	for (u32 i = 0; i < queues; ++i) {
		controller.queues_[i].set_id(i);
		if (controller.has(Quirk::NoGenerations))
			controller.queues_[i].forgo_generations();
		controller.irq_names_[i] = FixedText<32>{controller.name(), "q", i};
	}
	(void)controller.state_.change(State::Connecting);
	TRY(controller.node_.show(nodes, dev.as_device()));
	const Result<void> up = controller.bring_up();
	if (!up.ok() || !controller.state_.change(State::Live)) {
		log::error<"%s: probe failed: %d">(controller.name(), up.ok() ? ECANCELED.to_c() : up.to_c());
		return up.ok() ? ECANCELED : up.error();
	}
	TRY(controller.show_more());
	// For a link that fails.
	dev.save_state();
	controller.sensors_.start(controller.warning_kelvins_, controller.critical_kelvins_);
	controller.events_.start(controller.events_known_);
	device::notify_change(controller.node_.device(), "NVME_EVENT=connected");
	controller.scan();
	return made;
}

Controller::~Controller()
{
	(void)state_.change(State::Deleting);
	// They tell user space of what they find, by the node.
	events_.stop();
	sensors_.stop();
	if (!parts_.enabled.device().is_present()) {
		(void)state_.change(State::Dead);
		bring_down(Down::GiveUp);
		mark_namespaces_dead();
	}
	recovery_work_.cancel();
	reset_work_.cancel();
	bool is_up = false;
	{
		Guard guard{stop_lock_};
		is_up = up_ && !io_quiesced_;
	}
	// A reset that does not come any more, or that has failed, must not keep requests waiting.
	if (!is_up)
		bring_down(Down::GiveUp);
	scan_work_.cancel();
	{
		Guard guard{scan_lock_};
		remove_namespaces(0, ~0u);
	}
	memory_buffer_files_ = {};
	inject_files_ = {};
	// Disks and character devices are below it.
	node_.hide();
	bring_down(Down::Shutdown);
	// Nothing in a call waits for the device any more.
	node_.close();
	nodes_.subsystems().leave(member_, number_);
}

Result<void> Controller::show_more()
{
	const device::Device dev = node_.device();
	if (memory_buffer_size() != 0)
		memory_buffer_files_ = TRY(device::LateFiles::create<ControllerNode, attributes::OfMemoryBuffer>(dev));
	if (params::injects())
		inject_files_ = TRY(device::LateFiles::create_in<ControllerNode, attributes::OfInject, "inject">(dev));
	if (!can_change_power())
		return {};
	return device::show_latency_tolerance<ControllerNode, &ControllerNode::set_most_latency>(
		dev, most_exit_us_.load_relaxed());
}

void Controller::shutdown()
{
	(void)state_.change(State::Deleting);
	reset_work_.cancel();
	bring_down(Down::Shutdown);
	scan_work_.cancel();
}

Result<void> Controller::map_doorbells()
{
	cap_ = window().read<Cap>();
	const u32 stride = cap_.get<Cap::DoorbellStride>();
	// Any numbers of them that a reset may be asked for, if there is room; or those of now.
	const u32 numbers[] = {3 * possible_cpus(), possible_cpus() + params::write_queues() + params::poll_queues()};
	for (const u32 number : numbers) {
		most_queues_ = number;
		const u64 wanted = regs::doorbells_end(number + 1, stride);
		if (wanted <= kFirstMap)
			return {};
		// Two maps of the same registers at a time are fine.
		auto bar = pci::Bar<regs::kRegisterBytes>::map(parts_.regions, 0, wanted);
		if (bar.ok()) {
			parts_.bar = bar.take();
			return {};
		}
	}
	// As many as the device has room for.
	const u64 for_each = 2 * (u64(4) << stride);
	const u64 room = (kFirstMap - regs::kRegisterBytes) / for_each;
	if (room < 1) {
		log::error<"%s: no room for doorbells %llu bytes apart">(name(), for_each);
		return ENODEV;
	}
	most_queues_ = u32(room - 1);
	return {};
}

Result<void> Controller::wait_ready(bool ready, u32 timeout_ms, const char* doing)
{
	const Deadline deadline = Deadline::in_ms(timeout_ms);
	for (;;) {
		const Csts csts = window().read<Csts>();
		if (csts.is_gone())
			return ENODEV;
		if (csts.get<Csts::Ready>() == ready)
			return {};
		if (deadline.has_passed()) {
			log::error<"%s: Device not ready; aborting %s, CSTS=0x%x">(name(), doing, csts.bits);
			return ENODEV;
		}
		sleep_us(1000, 2000);
	}
}

Result<void> Controller::disable()
{
	cc_ = cc_.with<Cc::Enable>(false).with<Cc::Shutdown>(Cc::Notify::None);
	window().write(cc_);
	if (has(Quirk::DelayBeforeReady))
		sleep_ms(kDelayBeforeReadyMs);
	return wait_ready(false, (cap_.get<Cap::Timeout>() + 1) * kHalfSecondMs, "reset");
}

Result<void> Controller::enable()
{
	const bool has_sets = (cap_.get<Cap::CommandSets>() & Cap::kAllSets) != 0;
	cc_ = Cc{}.with<Cc::CommandSets>(has_sets ? Cc::Set::All : Cc::Set::Nvm)
		      .with<Cc::PageSize>(regs::kPageShift - 12)
		      .with<Cc::SqEntrySize>(6)
		      .with<Cc::CqEntrySize>(4);
	static_assert(sizeof(Sqe) == 1 << 6 && sizeof(Cqe) == 1 << 4);
	window().write(cc_);
	// What it can do may depend on the command sets.
	cap_ = window().read<Cap>();
	u32 halves = cap_.get<Cap::Timeout>();
	if (cap_.get<Cap::ReadyWithMedia>()) {
		const u32 with_media = window().read<regs::Crto>().get<regs::Crto::WithMedia>();
		// It should be the longer one, and is not on some devices.
		halves = with_media > halves ? with_media : halves;
	}
	cc_ = cc_.with<Cc::Enable>(true);
	window().write(cc_);
	return wait_ready(true, (halves + 1) * kHalfSecondMs, "initialisation");
}

Result<void> Controller::notify_shutdown()
{
	cc_ = cc_.with<Cc::Shutdown>(Cc::Notify::Normal);
	window().write(cc_);
	const Deadline deadline = Deadline::in_ms(shutdown_ms_);
	for (;;) {
		const Csts csts = window().read<Csts>();
		if (csts.is_gone())
			return ENODEV;
		if (csts.get<Csts::Shutdown>() == Csts::Stage::Complete)
			return {};
		if (deadline.has_passed()) {
			log::error<"%s: Device shutdown incomplete; abort shutdown">(name());
			return ENODEV;
		}
		sleep_us(1000, 2000);
	}
}

Result<void> Controller::bring_up()
{
	{
		Guard guard{stop_lock_};
		parts_.enabled.start_dma();
		vectors_ = TRY(pci::Vectors::single(parts_.enabled, vector_kinds()));
		up_ = true;
	}
	TRY(start_admin_queue());
	TRY(identify());
	return start_io_queues();
}

Result<u32> Controller::ring_entries() const
{
	const u32 entries = cap_.get<Cap::MostQueueEntries>() + 1;
	if (has(Quirk::OneCommandAtATime))
		return 2u;
	const pci::Device dev = parts_.enabled.device();
	// Samsung's PM1725 says that its queues have one entry.
	if (entries == 1 && dev.vendor() == 0x144d && (dev.device() == 0xa821 || dev.device() == 0xa822)) {
		log::error<"%s: detected PM1725 NVMe controller, set queue depth=%u">(name(), kPm1725Entries);
		return kPm1725Entries;
	}
	if (entries < 2) {
		log::error<"%s: queues of %u entries are of no use">(name(), entries);
		return ENODEV;
	}
	return entries;
}

// NOLINTNEXTLINE(readability-function-cognitive-complexity): one step after the other, each of which may fail
Result<void> Controller::start_admin_queue()
{
	cap_ = window().read<Cap>();
	version_ = window().read<regs::Vs>().bits;
	if (cap_.get<Cap::LeastPage>() > regs::kPageShift - 12) {
		log::error<"%s: Minimum device page size %u too large for host (%u)">(
			name(), 1u << (cap_.get<Cap::LeastPage>() + 12), regs::kPage);
		return ENODEV;
	}
	const u32 depth = TRY(ring_entries());
	// As it was, once there are tags.
	if (io_depth_ == 0) {
		io_depth_ = depth < params::io_queue_depth() ? depth : params::io_queue_depth();
		if (has(Quirk::SharedTags) && io_depth_ < Admin::kDepth + 2) {
			io_depth_ = Admin::kDepth + 2;
			log::warn<"%s: IO queue depth clamped to %u">(name(), io_depth_);
		}
	}
	if (depth < io_depth_) {
		log::error<"%s: queues have room for %u entries only, and had for %u before the reset">(name(), depth,
													io_depth_);
		return EIO;
	}
	map_memory_buffer();
	TRY(disable());
	Queue& queue = admin_queue();
	TRY(queue.allocate(dma(), Admin::kDepth, DataLists::kShortBytes, lists_at()));
	TRY(queue.reset(window(), cap_.get<Cap::DoorbellStride>(), Notice::Interrupt));
	window().write(regs::Aqa{}
			       .with<regs::Aqa::SqEntries>(Admin::kDepth - 1)
			       .with<regs::Aqa::CqEntries>(Admin::kDepth - 1));
	window().write(regs::Asq::of(queue.rings().sq.addr().bits()));
	window().write(regs::Acq::of(queue.rings().cq.addr().bits()));
	TRY(enable());
	if (!admin_)
		admin_ = TRY(Admin::create(*this));
	queue.set_tags(admin_->tags().tags_of(0));
	Guard guard{stop_lock_};
	if (!up_)
		return ECANCELED;
	const irq::Line line = TRY(vectors_.line(0));
	TRY(queue.start(line, irq_names_[0].c_str()));
	if (exchange(admin_quiesced_, false))
		admin_->tags().resume();
	return {};
}

Result<void> Controller::learn_about(const IdentifyController& id)
{
	About about;
	if (!about.read(id, version_, has(Quirk::IgnoreSubnqn)))
		log::warn<"%s: missing or invalid SUBNQN field.">(name());
	{
		Guard guard{about_lock_};
		about_ = about;
	}
	has_siblings_ = (id.cmic & IdentifyController::kManyControllers) != 0;
	if (member_)
		return {};
	return nodes_.subsystems().join(member_, *this, about, has_siblings_);
}

Result<void> Controller::identify()
{
	auto read = admin_->identify<IdentifyController>(Cns::Controller);
	if (!read.ok()) {
		log::error<"%s: Identify Controller failed (%d)">(name(), read.error().to_c());
		return EIO;
	}
	const Box<IdentifyController> id = read.take();
	namespace_count_ = id->nn.get();
	events_known_ = id->oaes.get();
	warning_kelvins_ = id->wctemp.get();
	critical_kelvins_ = id->cctemp.get();
	firmware_ms_ = id->mtfa.get() != 0 ? id->mtfa.get() * 100 : params::admin_timeout_ms();
	quirks_ |= model_quirks(*id);
	TRY(learn_about(*id));
	// What the device says, from what was asked for to a minute.
	const u32 least_s = params::shutdown_timeout_s();
	const u32 told_s = (id->rtd3e.get() + 999999) / 1000000;
	u32 shutdown_s = told_s < kMostShutdown ? told_s : kMostShutdown;
	shutdown_s = shutdown_s < least_s ? least_s : shutdown_s;
	shutdown_ms_ = shutdown_s * 1000;
	aborts_left_.store_relaxed(int(id->acl) + 1);
	has_sgl_ = (id->sgls.get() & IdentifyController::kSgl) == 1 || (id->sgls.get() & IdentifyController::kSgl) == 2;
	has_shadow_doorbells_ = (id->oacs.get() & IdentifyController::kDoorbellBuffer) != 0;

	const u32 device_page_shift = cap_.get<Cap::LeastPage>() + 12;
	u32 most = most_bytes(dma());
	const u32 shift = id->mdts + device_page_shift;
	if (id->mdts != 0 && shift < 32 && (1u << shift) < most)
		most = 1u << shift;
	const bool zeroes = (id->oncs.get() & IdentifyController::kWriteZeroes) != 0 && !has(Quirk::DisableWriteZeroes);
	limits_ = {
		.most_bytes = most,
		.most_zero_sectors = zeroes ? most >> blk::kSectorShift : 0,
		.most_discard_blocks = 0,
		.most_discard_ranges = kMostDiscardRanges,
		.atomic_blocks = u32(id->awupf.get()) + 1,
		.can_discard = (id->oncs.get() & IdentifyController::kDatasetManagement) != 0,
		.has_write_cache = (id->vwc & IdentifyController::kWriteCache) != 0,
		.prefers_stripes = has(Quirk::StripeSize),
		.discard_zeroes = has(Quirk::DiscardZeroes),
	};
	read_effects(*id);
	// Commands of user space may be as long as others.
	const u32 pages = (most / regs::kPage) + 1;
	TRY(admin_->set_most(most >> blk::kSectorShift, pages < kMostAdminSegments ? pages : kMostAdminSegments));
	changed_.store_relaxed(0);
	TRY(tell_behaviour(*id));
	TRY(read_nvm_limits(*id));
	return set_up_power(*id);
}

void Controller::read_effects(const IdentifyController& id)
{
	if (effects_ || (id.lpa & IdentifyController::kEffectsLog) == 0)
		return;
	constexpr u32 kEffectsPage = 0x05;
	constexpr u32 kWords = (sizeof(EffectsLog) / 4) - 1;
	auto log = admin_->read<EffectsLog>({
		.opcode = u8(AdminOp::GetLogPage),
		.nsid = ~0u,
		.cdw10 = kEffectsPage | kWords << 16,
	});
	if (log.ok())
		effects_ = log.take();
}

Result<void> Controller::read_nvm_limits(const IdentifyController& id)
{
	if (version_ < regs::version(1, 2))
		return {};
	auto read = admin_->identify<IdentifyControllerNvm>(Cns::ControllerOfSet);
	// Not every device has it.
	if (!read.ok())
		return admin_queue().is_live() ? Result<void>{} : read.error();
	const Box<IdentifyControllerNvm> nvm = read.take();
	limits_.most_discard_blocks = nvm->dmrsl.get();
	if (nvm->dmrl != 0)
		limits_.most_discard_ranges = nvm->dmrl;
	const u32 shift = nvm->wzsl + cap_.get<Cap::LeastPage>() + 12 - blk::kSectorShift;
	const bool has_zeroes = (id.oncs.get() & IdentifyController::kWriteZeroes) != 0;
	if (nvm->wzsl != 0 && has_zeroes && !has(Quirk::DisableWriteZeroes))
		limits_.most_zero_sectors = shift < 22 ? 1u << shift : 1u << 22;
	return {};
}

pci::AffinitySets Controller::divide(Controller& controller, u32 vectors)
{
	u32 read = 0;
	if (vectors == 0)
		vectors = 1;
	else if (vectors == 1 || controller.write_queues_ == 0)
		read = 0;
	else if (controller.write_queues_ >= vectors)
		read = 1;
	else
		read = vectors - controller.write_queues_;
	controller.counts_.submit = vectors - read;
	controller.counts_.read = read;
	return {.first = vectors - read, .second = read};
}

Result<u32> Controller::divide_vectors(u32 queues)
{
	Guard guard{stop_lock_};
	if (!up_)
		return ECANCELED;
	const u32 poll = params::poll_queues() < queues - 1 ? params::poll_queues() : queues - 1;
	counts_ = {.submit = 1, .poll = poll, .read = 0};
	Queue& admin = admin_queue();
	// Every vector goes before there can be others.
	admin.stop_interrupt();
	vectors_.release();
	vectors_ = TRY(pci::Vectors::spread<Controller, &Controller::divide>(
		parts_.enabled, has(Quirk::SingleVector) ? 1 : 1 + queues - poll, *this, vector_kinds()));
	const irq::Line line = TRY(vectors_.line(0));
	TRY(admin.restart_interrupt(line, irq_names_[0].c_str()));
	// With one vector, the administrative queue shares it.
	const u32 with_interrupt = vectors_.count() > 1 ? vectors_.count() - 1 : 1;
	if (counts_.submit + counts_.read != with_interrupt) {
		log::error<"%s: %u vectors for %u queues">(name(), with_interrupt, counts_.submit + counts_.read);
		return EIO;
	}
	return counts_.total();
}

Result<void> Controller::create_io_queue(u32 id)
{
	const bool is_polled = id > counts_.submit + counts_.read;
	Queue& queue = queues_[id];
	TRY(queue.allocate(dma(), io_depth_, limits_.most_bytes, lists_at()));
	queue.data().allow_sgl(has_sgl_);
	TRY(queue.reset(window(), cap_.get<Cap::DoorbellStride>(), is_polled ? Notice::Poll : Notice::Interrupt));
	TRY(admin_->create_cq(queue, vectors_.count() > 1 ? id : 0));
	const Result<void> sq = admin_->create_sq(queue, has(Quirk::MediumPriority) ? kMediumPriority : 0);
	if (!sq.ok())
		admin_->delete_queue(AdminOp::DeleteCq, id).ignore("the next one to be created fails, too, if so");
	return sq;
}

u32 Controller::create_io_queues(u32 count)
{
	for (u32 made = 0; made < count; ++made) {
		if (!create_io_queue(made + 1).ok())
			return made;
	}
	return count;
}

void Controller::delete_io_queues(u32 count)
{
	// A completion queue goes after the submission queues that use it.
	constexpr AdminOp order[] = {AdminOp::DeleteSq, AdminOp::DeleteCq};
	for (AdminOp op : order) {
		for (u32 id = 1; id <= count; ++id) {
			if (!admin_->delete_queue(op, id).ok())
				return;
		}
	}
}

Result<void> Controller::start_io_queues()
{
	write_queues_ = params::write_queues();
	// Ids that are shared are enough for one.
	const u32 wanted = has(Quirk::SharedTags) ? 1 : possible_cpus() + write_queues_ + params::poll_queues();
	u32 queues = 0;
	if (most_queues_ != 0)
		queues = TRY(admin_->set_queue_count(wanted < most_queues_ ? wanted : most_queues_, name()));
	u32 total = 0;
	while (queues != 0) {
		total = TRY(divide_vectors(queues));
		const u32 made = create_io_queues(total);
		if (made == total)
			break;
		if (!admin_queue().is_live())
			return EIO;
		log::warn<"%s: %u of %u queues could be created">(name(), made, total);
		delete_io_queues(made);
		queues = made;
	}
	if (queues == 0) {
		log::warn<"%s: IO queues not created">(name());
		counts_ = {.submit = 0};
		total = 0;
	}
	use_shadow_doorbells(total);
	shown_queues_.store_relaxed(total);
	TRY(use_io_queues(total));
	log::info<"%s: %u/%u/%u default/read/poll queues">(name(), counts_.submit, counts_.read, counts_.poll);
	return {};
}

void Controller::use_shadow_doorbells(u32 count)
{
	if (!has_shadow_doorbells_ || !params::shadow_doorbells() || count == 0)
		return;
	const u32 stride = cap_.get<Cap::DoorbellStride>();
	// Each buffer is one page.
	if (regs::doorbells_end(count + 1, stride) - regs::sq_doorbell(0, stride) > regs::kPage)
		return;
	const Result<void> used = configure_shadow_doorbells();
	if (!used.ok()) {
		log::warn<"%s: unable to set dbbuf (%d)">(name(), used.to_c());
		return;
	}
	const auto word = [&](const dma::Coherent<ShadowDoorbells[]>& page, u64 doorbell) {
		const u32 at = u32(doorbell - regs::sq_doorbell(0, stride));
		return page.word(at / sizeof(ShadowDoorbells),
				 at % sizeof(ShadowDoorbells) == 0 ? &ShadowDoorbells::low : &ShadowDoorbells::high);
	};
	for (u32 id = 1; id <= count; ++id) {
		queues_[id].use_shadow({
			.sq = word(shadow_, regs::sq_doorbell(id, stride)),
			.cq = word(shadow_, regs::cq_doorbell(id, stride)),
			.sq_seen = word(shadow_seen_, regs::sq_doorbell(id, stride)),
			.cq_seen = word(shadow_seen_, regs::cq_doorbell(id, stride)),
		});
	}
}

Result<void> Controller::configure_shadow_doorbells()
{
	constexpr u32 items = regs::kPage / sizeof(ShadowDoorbells);
	if (!shadow_)
		shadow_ = TRY(dma::Coherent<ShadowDoorbells[]>::alloc(dma(), items, Gfp::Kernel));
	if (!shadow_seen_)
		shadow_seen_ = TRY(dma::Coherent<ShadowDoorbells[]>::alloc(dma(), items, Gfp::Kernel));
	// Queues begin at 0 after a reset, too.
	shadow_.clear();
	shadow_seen_.clear();
	return admin_->configure_doorbells(shadow_.addr(), shadow_seen_.addr());
}

Result<void> Controller::use_io_queues(u32 count)
{
	if (count == 0)
		return {};
	if (!io_tags_) {
		const blk::TagSetConfig config{
			.depth = io_depth_ - 1,
			// So that no id is with both queues.
			.reserved = has(Quirk::SharedTags) ? Admin::kDepth : 0,
			.queues = counts_,
			.node = dma().node(),
			.timeout_ms = params::io_timeout_ms(),
			.may_poll = true,
		};
		io_tags_ = TRY(blk::TagSet::create(IoPath::table(), config, *this));
		mapped_ = counts_;
	}
	const u32 before = io_tags_->queue_count();
	{
		Guard guard{stop_lock_};
		if (!up_)
			return ECANCELED;
		io_queues_ = count;
		// Nothing waits for queues that are no more.
		for (u32 i = count; i < before; ++i)
			io_queue(i).give_up();
		TRY(start_io_queues_from(0, count < before ? count : before));
		if (counts_ == mapped_)
			return {};
		// What comes before all have their new kinds may be for a queue that has no interrupt any more, and is found
		// by its timeout then.
		resume_io();
	}
	// Waits for requests, whose timeouts take the lock.
	TRY(io_tags_->resize(count));
	mapped_ = counts_;
	Guard guard{stop_lock_};
	if (!up_)
		return ECANCELED;
	return start_io_queues_from(before, count);
}

Result<void> Controller::start_io_queues_from(u32 first, u32 end)
{
	for (u32 i = first; i < end; ++i) {
		Queue& queue = io_queue(i);
		queue.set_tags(io_tags_->tags_of(i));
		const bool has_own = queue.notice() == Notice::Interrupt && vectors_.count() > 1;
		const irq::Line line = TRY(vectors_.line(has_own ? queue.id() : 0));
		TRY(queue.start(line, irq_names_[queue.id()].c_str()));
	}
	return {};
}

void Controller::resume_io()
{
	if (exchange(io_quiesced_, false))
		io_tags_->resume();
}

void Controller::stop_queues(Down how)
{
	const Csts csts = window().read<Csts>();
	const bool is_alive = !csts.is_gone() && csts.get<Csts::Ready>() && !csts.get<Csts::Fatal>();
	if (io_tags_ && !exchange(io_quiesced_, true))
		io_tags_->quiesce();
	const bool in_order = how == Down::Shutdown || how == Down::Sleep;
	const bool comes_back = how == Down::Reset || how == Down::Sleep;
	if (is_alive && in_order) {
		if (io_tags_) {
			const Deadline deadline = Deadline::in_ms(params::io_timeout_ms());
			while (io_tags_->in_flight() != 0 && !deadline.has_passed())
				sleep_ms(2);
		}
		// From here on, what the device does not end is ended without it: timed_out() must not wait for us.
		stopping_.store_release(1);
		delete_io_queues(io_queues_);
		stopping_.store_release(0);
	}
	if (is_alive)
		(in_order ? notify_shutdown() : disable()).ignore("it says so itself; DMA is turned off");
	if (admin_ && !exchange(admin_quiesced_, true))
		admin_->tags().quiesce();
	for (Queue& queue : queues_)
		queue.stop(comes_back ? QueueState::Down : QueueState::Dead);
	vectors_.release();
	parts_.enabled.stop_dma();
	for (Queue& queue : queues_)
		queue.drain();
	if (io_tags_)
		io_tags_->cancel<Command, &note_cancelled>();
	if (admin_)
		admin_->tags().cancel<Command, &note_cancelled>();
	events_.forget();
	io_queues_ = 0;
}

void Controller::bring_down(Down how)
{
	Guard guard{stop_lock_};
	if (exchange(up_, false))
		stop_queues(how);
	if (how == Down::Reset || how == Down::Sleep)
		return;
	// Nothing waits for ever.
	for (Queue& queue : queues_)
		queue.give_up();
	resume_io();
	if (exchange(admin_quiesced_, false))
		admin_->tags().resume();
}

void Controller::reset()
{
	if (state_.get() != State::Resetting)
		return;
	bring_down(Down::Reset);
	if (!state_.change(State::Connecting))
		return;
	const Result<void> up = bring_up();
	if (!up.ok() || !state_.change(State::Live)) {
		fail_everything(up.ok() ? ECANCELED : up.error());
		return;
	}
	{
		Guard guard{stop_lock_};
		resume_io();
	}
	events_.start(events_known_);
	device::notify_change(node_.device(), "NVME_EVENT=connected");
	// Not here: it does I/O, and if that has to be reset, it is from here.
	(void)scan_work_.schedule_long();
}

Result<void> Controller::reset_now()
{
	if (!state_.change(State::Resetting))
		return EBUSY;
	(void)reset_work_.schedule_long();
	reset_work_.flush();
	return state_.get() == State::Live ? Result<void>{} : ENETRESET;
}

Result<void> Controller::reset_subsystem()
{
	if (version_ < regs::version(1, 1) || !cap_.get<Cap::SubsystemReset>())
		return ENOTTY;
	// Nobody takes the registers away meanwhile.
	Guard guard{stop_lock_};
	if (!up_)
		return ENODEV;
	if (!state_.change(State::Resetting))
		return EBUSY;
	window().write(regs::Nssr::of(regs::Nssr::kReset));
	// As if nothing was: whoever recovers the link, or the first command that is late, resets the controller.
	if (state_.change(State::Connecting) && state_.change(State::Live))
		(void)window().read<Csts>();
	return {};
}

void Controller::rescan()
{
	if (state_.get() == State::Live)
		(void)scan_work_.schedule_long();
}

void Controller::request_reset()
{
	if (state_.change(State::Resetting))
		(void)reset_work_.schedule_long();
}

void Controller::send_event_request()
{
	// Nobody takes the queue away meanwhile.
	Guard guard{stop_lock_};
	if (up_ && state_.get() == State::Live && events_.begin())
		admin_queue().send({.opcode = u8(AdminOp::EventRequest), .command_id = u16(Events::kCommandId)});
}

void Controller::tell_event(u32 event)
{
	// Not Live, the node may be on its way out.
	if (state_.get() == State::Live)
		device::notify_change<"NVME_AEN=0x%06x">(node_.device(), event);
}

bool Controller::pause_for_firmware()
{
	{
		Guard guard{stop_lock_};
		if (!up_)
			return false;
		if (io_tags_ && !exchange(io_quiesced_, true))
			io_tags_->quiesce();
	}
	const Deadline deadline = Deadline::in_ms(firmware_ms_);
	while (window().read<Csts>().get<Csts::Paused>()) {
		if (state_.get() != State::Resetting)
			return false;
		if (deadline.has_passed()) {
			log::warn<"%s: Fw activation timeout, reset controller">(name());
			(void)reset_work_.schedule_long();
			return false;
		}
		sleep_ms(100);
	}
	if (!state_.change(State::Connecting) || !state_.change(State::Live))
		return false;
	{
		Guard guard{stop_lock_};
		resume_io();
	}
	// Reading it is what ends the event.
	auto slots = admin_->log_page<FirmwareSlots>(LogPage::FirmwareSlots);
	if (!slots.ok()) {
		log::warn<"%s: Get FW SLOT INFO log error">(name());
		return true;
	}
	const Box<FirmwareSlots> found = slots.take();
	if (found->slot() == 0) {
		log::info<"%s: Firmware is activated after next Controller Level Reset">(name());
	} else if (kSince6_12) {
		const auto& revision = found->revisions[found->slot() - 1];
		Guard guard{about_lock_};
		about_.firmware.assign(revision, sizeof(revision));
	}
	return true;
}

void Controller::rescan_now()
{
	rescan();
	scan_work_.flush();
}

Result<chardev::Call> Controller::enter_only_namespace(NamespaceNode*& space)
{
	Guard guard{scan_lock_};
	u32 count = 0;
	for (Namespace& ns : namespaces_) {
		space = &ns.node();
		++count;
	}
	if (count == 0)
		return ENOTTY;
	if (count > 1) {
		if (user_limit_.allows())
			log::warn<"%s: NVME_IOCTL_IO_CMD not supported when multiple namespaces present!">(name());
		return EINVAL;
	}
	chardev::Call call = space->enter();
	if (!call)
		return ENXIO;
	return call;
}

void Controller::note_changed()
{
	if (changed_.swap(1) == 0)
		log::info<"%s: controller capabilities changed, reset may be required to take effect.">(name());
}

void Controller::mark_namespaces_dead()
{
	Guard guard{scan_lock_};
	for (Namespace& ns : namespaces_)
		ns.mark_dead();
}

void Controller::fail_everything(Error why)
{
	log::warn<"%s: Disabling device after reset failure: %d">(name(), why.to_c());
	(void)state_.change(State::Deleting);
	bring_down(Down::GiveUp);
	mark_namespaces_dead();
	(void)state_.change(State::Dead);
}

void Controller::aborted(Command& cmd)
{
	// The command says whose it was: there is one such queue for each controller.
	Controller& controller = Request::of(cmd).hw_queue<Queue>().controller();
	log::warn<"%s: Abort status: 0x%x">(controller.name(), cmd.status.bits());
	(void)controller.aborts_left_.fetch_add(1);
}

blk::TimeoutResult Controller::abort(Queue& queue, Request rq)
{
	if (aborts_left_.fetch_add(-1) <= 0) {
		(void)aborts_left_.fetch_add(1);
		return blk::TimeoutResult::Restart;
	}
	rq.pdu().aborted = true;
	const u32 id = Queue::current_id(rq);
	log::warn<"%s: I/O tag %u (%x) opcode 0x%x QID %u timeout, aborting">(name(), rq.tag(), id, opcode_of(rq.op()),
									      queue.id());
	if (!admin_->try_abort<&Controller::aborted>({.opcode = u8(AdminOp::Abort), .cdw10 = queue.id() | id << 16})) {
		rq.pdu().aborted = false;
		(void)aborts_left_.fetch_add(1);
	}
	return blk::TimeoutResult::Restart;
}

blk::TimeoutResult Controller::timed_out(Queue& queue, Request rq)
{
	using blk::TimeoutResult;
	if (stopping_.load_acquire() != 0 && queue.id() == 0) {
		queue.abandon(rq);
		return TimeoutResult::Done;
	}
	const pci::Device dev = parts_.enabled.device();
	const Csts csts = window().read<Csts>();
	// Who recovers the link does not want to be disturbed.
	if (!csts.is_gone() && dev.is_offline())
		return TimeoutResult::Restart;
	const bool is_broken = csts.is_gone() || csts.get<Csts::Fatal>();
	if (!is_broken) {
		{
			// Nobody takes the interrupt away meanwhile.
			Guard guard{stop_lock_};
			if (queue.is_live())
				(void)queue.reap_now();
		}
		if (!rq.is_in_flight()) {
			log::warn<"%s: I/O tag %u QID %u timeout, completion polled">(name(), rq.tag(), queue.id());
			return TimeoutResult::Done;
		}
	}
	const State state = state_.get();
	if (state == State::Resetting)
		return TimeoutResult::Restart;
	if (state != State::Live) {
		log::warn<"%s: I/O tag %u QID %u timeout, disable controller">(name(), rq.tag(), queue.id());
		(void)state_.change(State::Deleting);
		bring_down(Down::GiveUp);
		return TimeoutResult::Done;
	}
	if (!is_broken && queue.id() != 0 && !rq.pdu().aborted)
		return abort(queue, rq);
	if (is_broken)
		log::warn<"%s: controller is down; will reset: CSTS=0x%x, PCI_STATUS=0x%x">(name(), csts.bits,
											    dev.status());
	else
		log::warn<"%s: I/O tag %u QID %u timeout, reset controller">(name(), rq.tag(), queue.id());
	if (state_.change(State::Resetting)) {
		bring_down(Down::Reset);
		(void)reset_work_.schedule_long();
	}
	return TimeoutResult::Done;
}

void Controller::remove_namespaces(u32 first, u32 last)
{
	Namespace::List gone;
	Namespace::List kept;
	while (Namespace* ns = namespaces_.pop_front()) {
		if (ns->nsid() >= first && ns->nsid() <= last)
			gone.push_back(*ns);
		else
			kept.push_back(*ns);
	}
	kept.splice_to(namespaces_);
	while (Namespace* ns = gone.pop_front())
		(void)Box<Namespace>::adopt(ns);
}

void Controller::validate(u32 nsid)
{
	Result<Box<Geometry>> described = describe(nsid);
	if (!described.ok()) {
		const Error why = described.error();
		if (why != ENODEV)
			log::warn<"%s: namespace %u: Identify failed (%d)">(name(), nsid, why.to_c());
		// It is kept if the device may say more of it another time.
		if (why == ENODEV || why == ENOENT || why == EINVAL)
			remove_namespaces(nsid, nsid);
		return;
	}
	Box<Geometry> geometry = described.take();
	for (Namespace& ns : namespaces_) {
		if (ns.nsid() != nsid)
			continue;
		ns.node().set_format(geometry->format);
		if (ns.revalidate(*geometry))
			return;
		log::info<"%s: identifiers changed for nsid %u">(name(), nsid);
		break;
	}
	remove_namespaces(nsid, nsid);
	auto claim = Box<Claim>::make(Gfp::Kernel, nodes_.subsystems());
	if (!claim.ok())
		return;
	Box<Claim> ids = claim.take();
	if (!claim_ids(*ids, nsid, *geometry).ok())
		return;
	tell_oddities(nsid, *geometry);
	auto number = namespace_numbers_.allocate(Gfp::Kernel);
	if (!number.ok())
		return;
	auto made = Namespace::create(*this, *io_tags_, *geometry, nsid, number.take(), move(ids));
	if (!made.ok()) {
		log::warn<"%s: namespace %u: no disk (%d)">(name(), nsid, made.error().to_c());
		return;
	}
	namespaces_.push_back(*made.take().leak());
}

Result<void> Controller::scan_list()
{
	u32 before = 0;
	for (;;) {
		const Box<ActiveList> list = TRY(admin_->identify<ActiveList>(Cns::ActiveList, before));
		for (const le32 entry : list->ids) {
			const u32 nsid = entry.get();
			if (nsid != 0 && nsid <= before) {
				log::warn<"%s: namespace %u comes after %u in the list">(name(), nsid, before);
				return EIO;
			}
			if (nsid > namespace_count_) {
				log::warn<"%s: namespace %u is in the list, but the last there can be is %u">(
					name(), nsid, namespace_count_);
				remove_namespaces(before + 1, ~0u);
				return {};
			}
			// Those between two are not there any more.
			remove_namespaces(before + 1, nsid - 1);
			if (nsid == 0)
				return {};
			validate(nsid);
			before = nsid;
			if (state_.get() != State::Live)
				return ECANCELED;
		}
	}
}

void Controller::scan()
{
	Guard guard{scan_lock_};
	if (state_.get() != State::Live || !io_tags_)
		return;
	if (events_.take_namespace_change()) {
		log::info<"%s: rescanning namespaces.">(name());
		// What it says is of no use: user space may have read it first. Reading it is what ends the event.
		auto changed = admin_->log_page<ChangedNamespaces>(LogPage::ChangedNamespaces);
		if (!changed.ok())
			log::warn<"%s: reading changed ns log failed: %d">(name(), changed.error().to_c());
	}
	const bool has_list = version_ >= regs::version(1, has(Quirk::IdentifyOnlyOld) ? 2 : 1);
	if (has_list && scan_list().ok())
		return;
	if (state_.get() != State::Live)
		return;
	if (namespace_count_ > kMostSequential)
		log::warn<"%s: only %u of %u namespaces are looked for">(name(), kMostSequential, namespace_count_);
	const u32 last = namespace_count_ < kMostSequential ? namespace_count_ : kMostSequential;
	for (u32 nsid = 1; nsid <= last && state_.get() == State::Live; ++nsid)
		validate(nsid);
	remove_namespaces(last + 1, ~0u);
}

}  // namespace nvme
