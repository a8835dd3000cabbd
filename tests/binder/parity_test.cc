// SPDX-License-Identifier: GPL-2.0
/// \file
/// BD-23 to BD-44: the rest of the ioctls, every failure of a transaction, objects with files and buffers, oneway budgets.
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "peer.hpp"

namespace binder {
namespace {

using Names = std::vector<std::string>;

/// Both ends of a pipe; closed with it.
struct Pipe {
	Pipe() { EXPECT_EQ(pipe2(ends, O_NONBLOCK | O_CLOEXEC), 0); }
	Pipe(const Pipe&) = delete;
	Pipe& operator=(const Pipe&) = delete;
	~Pipe()
	{
		close_end(0);
		close_end(1);
	}
	void close_end(int which)
	{
		if (ends[which] >= 0)
			close(std::exchange(ends[which], -1));
	}
	/// Says whether all writers are gone.
	bool ended() const
	{
		char byte = 0;
		return read(ends[0], &byte, 1) == 0;
	}
	int ends[2] = {-1, -1};
};

bool is_open(int fd) { return fcntl(fd, F_GETFD) >= 0; }

int open_files()
{
	int count = 0;
	for (int fd = 0; fd < 1024; ++fd)
		count += is_open(fd) ? 1 : 0;
	return count;
}

TEST_F(Binder, Bd23ManagersNodeIsAsItSays)
{
	manager.reset();
	manager = make_manager(kAcceptsFds, 0x1234, 0x5678);
	Peer client;
	send(client, 0, 1);
	TransactionData call = manager->want_call();
	EXPECT_EQ(call.target, 0x1234u);
	EXPECT_EQ(call.cookie, 0x5678u);
	reply(*manager, call);
	want_reply(client);
}

TEST_F(Binder, Bd23PlainManagerTakesNoFiles)
{
	manager.reset();
	manager = std::make_unique<Peer>();
	int any = 0;
	ASSERT_TRUE(wait_until([&] { return manager->io.ioctl(kSetContextMgr, any) == 0; }));
	Peer client;
	send(client, 0, 1);
	TransactionData call = manager->want_call();
	EXPECT_EQ(call.target, 0u);
	EXPECT_EQ(call.cookie, 0u);
	reply(*manager, call);
	want_reply(client);
	Pipe pipe;
	Parcel parcel;
	parcel.fd(pipe.ends[0]);
	send(client, 0, 1, parcel);
	expect_failure(client, kBrFailedReply, EPERM);
}

TEST_F(Binder, Bd24NodesInOrderOfTheirAddresses)
{
	Peer owner;
	hand_over(owner, 0x3000, 3);
	hand_over(owner, 0x1000, 1);
	hand_over(owner, 0x2000, 2);
	NodeDebugInfo info = {};
	for (u64 number = 1; number <= 3; ++number) {
		EXPECT_EQ(owner.io.ioctl(kGetNodeDebugInfo, info), 0);
		EXPECT_EQ(info.ptr, number * 0x1000);
		EXPECT_EQ(info.cookie, number);
		EXPECT_EQ(info.has_strong_ref, 1u);
		EXPECT_EQ(info.has_weak_ref, 1u);
	}
	EXPECT_EQ(owner.io.ioctl(kGetNodeDebugInfo, info), 0);
	EXPECT_EQ(info.ptr, 0u);
	EXPECT_EQ(info.cookie, 0u);
	EXPECT_EQ(info.has_strong_ref, 0u);
	// That of the manager is at 0, which nothing is greater than.
	EXPECT_EQ(manager->io.ioctl(kGetNodeDebugInfo, info), 0);
	EXPECT_EQ(info.ptr, 0u);
}

TEST_F(Binder, Bd25CountsOfANode)
{
	Peer owner;
	u32 handle = hand_over(owner, 0x1000, 0);
	NodeInfoForRef info = {.handle = handle};
	EXPECT_EQ(manager->io.ioctl(kGetNodeInfoForRef, info), 0);
	EXPECT_EQ(info.strong_count, 1u);
	EXPECT_EQ(info.weak_count, 0u);
	Peer client;
	share(handle, client);
	info = {.handle = handle};
	EXPECT_EQ(manager->io.ioctl(kGetNodeInfoForRef, info), 0);
	EXPECT_EQ(info.strong_count, 2u);
	// Wrong input, wrong caller, wrong handles.
	EXPECT_EQ(manager->io.ioctl(kGetNodeInfoForRef, info), -EINVAL);
	for (u32 at = 1; at < 6; ++at) {
		u32 words[6] = {handle};
		words[at] = 1;
		EXPECT_EQ(manager->io.ioctl(kGetNodeInfoForRef, words), -EINVAL) << at;
	}
	info = {.handle = 1};
	EXPECT_EQ(client.io.ioctl(kGetNodeInfoForRef, info), -EPERM);
	info = {.handle = 77};
	EXPECT_EQ(manager->io.ioctl(kGetNodeInfoForRef, info), -EINVAL);
	manager->write(Commands().increfs(handle).release(handle));
	info = {.handle = handle};
	EXPECT_EQ(manager->io.ioctl(kGetNodeInfoForRef, info), -EINVAL);
	manager->write(Commands().decrefs(handle));
}

TEST_F(Binder, Bd26ThreadsEndAndComeBack)
{
	Peer client;
	int any = 0;
	EXPECT_EQ(client.io.ioctl(kThreadExit, any), 0);
	s32 version = 0;
	EXPECT_EQ(client.io.ioctl(kVersion, version), 0);
	round_trip(client, *manager);
	// The one who serves a call goes: the caller is told.
	send(client, 0, 1);
	TransactionData call = manager->want_call();
	EXPECT_EQ(manager->io.ioctl(kThreadExit, any), 0);
	client.want(kBrTransactionComplete);
	client.want(kBrDeadReply);
	manager->write(Commands().free_buffer(call.buffer));
	// The caller goes: the reply goes nowhere.
	send(client, 0, 2);
	call = manager->want_call();
	EXPECT_EQ(client.io.ioctl(kThreadExit, any), 0);
	reply(*manager, call);
	EXPECT_TRUE(client.idle());
	round_trip(client, *manager);
}

TEST_F(Binder, Bd26PolledThreadsEnd)
{
	for (int round = 0; round < 20; ++round) {
		int epoll = epoll_create1(EPOLL_CLOEXEC);
		Peer peer;
		std::thread([&] {
			// A thread that has done no ioctl yet is one that has to return.
			s32 version = 0;
			EXPECT_EQ(peer.io.ioctl(kVersion, version), 0);
			epoll_event event = {.events = EPOLLIN};
			EXPECT_EQ(epoll_ctl(epoll, EPOLL_CTL_ADD, peer.io.fd(), &event), 0);
			EXPECT_EQ(epoll_wait(epoll, &event, 1, 0), 0);
			int any = 0;
			EXPECT_EQ(peer.io.ioctl(kThreadExit, any), 0);
		}).join();
		epoll_event event = {};
		epoll_wait(epoll, &event, 1, 0);
		if (round % 2 == 0) {
			EXPECT_EQ(epoll_ctl(epoll, EPOLL_CTL_DEL, peer.io.fd(), &event), 0);
		}
		round_trip(peer, *manager);
		close(epoll);
	}
}

TEST_F(Binder, Bd27ExtendedErrorsAreReadOnce)
{
	Peer client;
	EXPECT_EQ(client.error().command, u32{kBrOk});
	send(client, 99, 1);
	client.want(kBrFailedReply);
	ExtendedError error = client.error();
	EXPECT_EQ(error.command, u32{kBrFailedReply});
	EXPECT_EQ(error.param, -EINVAL);
	EXPECT_NE(error.id, 0u);
	error = client.error();
	EXPECT_EQ(error.id, 0u);
	EXPECT_EQ(error.command, u32{kBrOk});
	EXPECT_EQ(error.param, 0);
	// A transaction that goes well leaves none from before, but its number.
	send(client, 99, 1);
	client.want(kBrFailedReply);
	round_trip(client, *manager);
	error = client.error();
	EXPECT_EQ(error.command, u32{kBrOk});
	EXPECT_EQ(error.param, 0);
	// Each thread has its own.
	send(client, 99, 1);
	client.want(kBrFailedReply);
	std::thread([&] { EXPECT_EQ(client.error().command, u32{kBrOk}); }).join();
	EXPECT_EQ(client.error().command, u32{kBrFailedReply});
}

TEST_F(Binder, Bd27FailedRepliesTellTheClient)
{
	Peer client;
	send(client, 0, 1);
	TransactionData call = manager->want_call();
	Commands commands;
	Parcel parcel("x");
	parcel.fd(0);
	commands.free_buffer(call.buffer).reply(parcel);
	manager->write(commands);
	// The server is told that its reply is done.
	manager->want(kBrTransactionComplete);
	EXPECT_TRUE(manager->idle());
	client.want(kBrTransactionComplete);
	client.want(kBrFailedReply);
	ExtendedError error = client.error();
	EXPECT_EQ(error.command, u32{kBrFailedReply});
	EXPECT_EQ(error.param, -EPERM);
}

/// What a bad transaction to the manager is answered with.
struct Failure {
	const char* what;
	std::function<void(Commands&)> build;
	u32 code;
	int error;
};

TEST_F(Binder, Bd28Bd39BadOffsetsAndSizes)
{
	Peer client;
	u8 bytes[256] = {};
	auto data = [&](u64 data_size, std::vector<u64> offsets, u32 type, u64 object_at) {
		Parcel parcel(Bytes(bytes, bytes + data_size));
		if (object_at + 24 <= data_size) {
			FlatObject object = {type, 0, 0, 0};
			std::memcpy(parcel.data.data() + object_at, &object, sizeof(object));
		}
		parcel.offsets = std::move(offsets);
		return parcel;
	};
	std::vector<std::pair<const char*, Parcel>> cases;
	cases.emplace_back("unaligned", data(64, {2}, kTypeWeakBinder, 2));
	cases.emplace_back("past the end", data(64, {64}, kTypeWeakBinder, 0));
	cases.emplace_back("half past the end", data(64, {44}, kTypeBinder, 40));
	cases.emplace_back("unknown type", data(64, {0}, 0x12345678, 0));
	cases.emplace_back("type zero", data(64, {0}, 0, 0));
	cases.emplace_back("no room for a header", data(2, {0}, 0, 0));
	cases.emplace_back("no data", data(0, {0}, 0, 0));
	Parcel overlap;
	overlap.binder(0x1000, 0);
	overlap.binder(0x2000, 0);
	overlap.offsets[1] = 12;
	std::memcpy(overlap.data.data() + 12, overlap.data.data(), 4);
	cases.emplace_back("overlap", overlap);
	Parcel twice;
	twice.binder(0x1000, 0);
	twice.offsets.push_back(0);
	cases.emplace_back("twice the same", twice);
	Parcel descending;
	descending.binder(0x1000, 0);
	descending.binder(0x2000, 0);
	std::swap(descending.offsets[0], descending.offsets[1]);
	cases.emplace_back("descending", descending);
	for (auto& [what, parcel] : cases) {
		SCOPED_TRACE(what);
		send(client, 0, 1, parcel);
		client.want(kBrFailedReply);
		ExtendedError error = client.error();
		// An offset that is far out, or less than the last, is found by the copy up to it.
		EXPECT_TRUE(error.param == -EINVAL || error.param == -EFAULT) << error.param;
	}
	send(client, 0, 1, data(64, {2}, kTypeWeakBinder, 2));
	expect_failure(client, kBrFailedReply, EINVAL);
	send(client, 0, 1, data(64, {0}, 0x12345678, 0));
	expect_failure(client, kBrFailedReply, EINVAL);
	EXPECT_TRUE(manager->idle());
	round_trip(client, *manager);
}

TEST_F(Binder, Bd28SizesThatOverflowOrAreOdd)
{
	Peer client;
	u8 bytes[64] = {};
	auto with = [&](u64 data_size, u64 offsets_size, u64 buffers_size, bool sg) {
		TransactionData data = {.data_size = data_size,
					.offsets_size = offsets_size,
					.buffer = reinterpret_cast<uintptr_t>(bytes),
					.offsets = reinterpret_cast<uintptr_t>(bytes)};
		Commands commands;
		if (sg)
			commands.add(kBcTransactionSg, TransactionDataSg{data, buffers_size});
		else
			commands.add(kBcTransaction, data);
		client.write(commands);
	};
	with(16, 4, 0, false);
	expect_failure(client, kBrFailedReply, EINVAL);
	with(16, 0, 4, true);
	expect_failure(client, kBrFailedReply, EINVAL);
	// What overflows is wrong; what is only huge does not fit.
	struct {
		u64 data, offsets, buffers;
		int error;
	} const sizes[] = {
		{~u64{0}, 0, 0, EINVAL},      {~u64{7}, 0, 0, ENOSPC},
		{u64{1} << 63, 0, 0, ENOSPC}, {8, ~u64{7}, 0, EINVAL},
		{8, u64{1} << 63, 0, ENOSPC}, {8, 0, ~u64{7}, EINVAL},
		{8, 0, u64{1} << 63, ENOSPC}, {u64{1} << 63, u64{1} << 63, 0, EINVAL},
	};
	for (const auto& size : sizes) {
		SCOPED_TRACE(std::to_string(size.data) + " " + std::to_string(size.offsets) + " " +
			     std::to_string(size.buffers));
		with(size.data, size.offsets, size.buffers, true);
		expect_failure(client, kBrFailedReply, size.error);
	}
	with(2 << 20, 0, 0, false);
	expect_failure(client, kBrFailedReply, ENOSPC);
	with(8, 0, 2 << 20, true);
	expect_failure(client, kBrFailedReply, ENOSPC);
	round_trip(client, *manager);
}

TEST_F(Binder, Bd28UnreadableMemory)
{
	Peer client;
	auto* gap = static_cast<u8*>(mmap(nullptr, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
	ASSERT_EQ(mprotect(gap + 4096, 4096, PROT_NONE), 0);
	auto address = [](void* pointer) { return u64{reinterpret_cast<uintptr_t>(pointer)}; };
	for (bool offsets : {false, true}) {
		u64 bad = address(gap) + 4096 - 8;
		TransactionData data = {.data_size = 64,
					.offsets_size = offsets ? 16u : 0u,
					.buffer = offsets ? address(gap) : bad,
					.offsets = bad};
		client.write(Commands().add(kBcTransaction, data));
		expect_failure(client, kBrFailedReply, EFAULT);
	}
	TransactionData wild = {.data_size = 64, .buffer = ~u64{0} - 4096};
	client.write(Commands().add(kBcTransaction, wild));
	expect_failure(client, kBrFailedReply, EFAULT);
	// A buffer on the side: the C driver says so.
	Parcel parcel("padding.");
	parcel.ptr(gap + 4096 - 8, 64);
	send(client, 0, 1, parcel);
	expect_failure(client, kBrFailedReply, EINVAL);
	munmap(gap, 8192);
	round_trip(client, *manager);
}

TEST_F(Binder, Bd28HandlesOneDoesNotHave)
{
	Peer client;
	for (u32 handle : {1u, 2u, 0x7fffffffu, 0xffffffffu}) {
		send(client, handle, 1);
		expect_failure(client, kBrFailedReply, EINVAL);
		send(client, handle, 1, {}, kOneWay);
		expect_failure(client, kBrFailedReply, EINVAL);
		Parcel parcel;
		parcel.handle(handle);
		send(client, 0, 1, parcel);
		expect_failure(client, kBrFailedReply, EINVAL);
		parcel = {};
		parcel.weak_handle(handle);
		send(client, 0, 1, parcel);
		expect_failure(client, kBrFailedReply, EINVAL);
	}
}

TEST_F(Binder, Bd28ManagerCannotCallItself)
{
	send(*manager, 0, 1);
	expect_failure(*manager, kBrFailedReply, EINVAL);
	send(*manager, 0, 1, {}, kOneWay);
	expect_failure(*manager, kBrFailedReply, EINVAL);
}

TEST_F(Binder, Bd28TargetThatNeverMapped)
{
	manager.reset();
	manager = make_manager(kAcceptsFds, 0, 0, {.map = 0});
	Peer client;
	send(client, 0, 1);
	expect_failure(client, kBrDeadReply, ESRCH);
	send(client, 0, 1, {}, kOneWay);
	expect_failure(client, kBrDeadReply, ESRCH);
}

TEST_F(Binder, Bd28WrongParents)
{
	Peer client;
	u64 inner[4] = {};
	u64 outer[4] = {};
	auto fails = [&](const Parcel& parcel) {
		send(client, 0, 1, parcel);
		expect_failure(client, kBrFailedReply, EINVAL);
	};
	{
		SCOPED_TRACE("parent not before it");
		Parcel parcel("padding.");
		parcel.ptr(outer, sizeof(outer));
		parcel.ptr_in(inner, sizeof(inner), 1, 0);
		fails(parcel);
	}
	{
		SCOPED_TRACE("parent that is no buffer");
		Parcel parcel("padding.");
		parcel.binder(0x1000, 0);
		parcel.ptr_in(inner, sizeof(inner), 0, 0);
		fails(parcel);
	}
	{
		SCOPED_TRACE("pointer past the parent's end");
		Parcel parcel("padding.");
		parcel.ptr(outer, sizeof(outer));
		parcel.ptr_in(inner, sizeof(inner), 0, sizeof(outer) - 7);
		fails(parcel);
	}
	{
		SCOPED_TRACE("parent too small for a pointer");
		Parcel parcel("padding.");
		parcel.ptr(outer, 4);
		parcel.ptr_in(inner, sizeof(inner), 0, 0);
		fails(parcel);
	}
	{
		SCOPED_TRACE("more than was announced");
		Parcel parcel("padding.");
		parcel.ptr(outer, sizeof(outer));
		parcel.extra = 8;
		fails(parcel);
	}
	EXPECT_TRUE(manager->idle());
	round_trip(client, *manager);
}

TEST_F(Binder, Bd29WritingStopsAtAFailure)
{
	Peer client;
	Commands commands;
	commands.transaction(99, 1, Parcel("x"));
	u64 first = commands.bytes().size();
	commands.enter_looper().transaction(0, 1, Parcel("y"), kOneWay);
	Outcome outcome = client.io.write(commands);
	EXPECT_EQ(outcome.error, 0);
	EXPECT_EQ(outcome.write_consumed, first);
	EXPECT_TRUE(manager->idle());
	// Nothing more is taken until the failure has been read.
	outcome = client.io.write(Commands().enter_looper());
	EXPECT_EQ(outcome.write_consumed, 0u);
	client.want(kBrFailedReply);
	outcome = client.io.write(Commands().enter_looper());
	EXPECT_EQ(outcome.write_consumed, 4u);
}

TEST_F(Binder, Bd29FailureIsReadByTheSameIoctl)
{
	Peer client;
	Outcome outcome = client.io.write_read(Commands().transaction(99, 1, Parcel("x")).enter_looper(), 256);
	EXPECT_EQ(outcome.write_consumed, 68u);
	ASSERT_EQ(outcome.events().size(), 2u);
	EXPECT_EQ(name_of(outcome.events()[1].code), "BR_FAILED_REPLY");
}

TEST_F(Binder, Bd30RoomForTheLargestReturnOrNothing)
{
	Peer client;
	s32 version = 0;
	manager->io.ioctl(kVersion, version);
	send(client, 0, 1, Parcel("x"));
	for (size_t room : {75, 76, 79}) {
		Outcome outcome = manager->io.read(room);
		EXPECT_EQ(outcome.error, 0) << room;
		EXPECT_EQ(outcome.read_consumed, 4u) << room;
	}
	Outcome outcome = manager->io.read(80);
	ASSERT_EQ(outcome.events().size(), 2u);
	reply(*manager, outcome.events()[1].transaction());
	want_reply(client);
}

TEST_F(Binder, Bd30ReadBufferThatIsNotThere)
{
	Peer client;
	send(client, 0, 1, Parcel("x"));
	WriteRead argument = {.read_size = 256, .read_buffer = 16};
	EXPECT_EQ(manager->io.ioctl(kWriteRead, argument), -EFAULT);
	TransactionData call = manager->want_call();
	reply(*manager, call);
	want_reply(client);
}

TEST_F(Binder, Bd30OneCallPerRead)
{
	Peer first;
	Peer second;
	send(first, 0, 1, {}, kOneWay);
	send(second, 0, 2, Parcel("x"));
	Outcome outcome = manager->io.read();
	ASSERT_EQ(outcome.events().size(), 2u);
	manager->write(Commands().free_buffer(outcome.events()[1].transaction().buffer));
	reply(*manager, manager->want_call());
	want_reply(second);
}

TEST_F(Binder, Bd31CommandsThatNobodyKnows)
{
	Peer peer;
	for (u32 command :
	     {u32{kBcAttemptAcquire}, u32{kBcAcquireResult}, 0u, 0x12345678u, u32{_IO('c', 60)}, u32{kBrNoop}}) {
		Commands commands;
		commands.enter_looper().add(command, u64{0});
		Outcome outcome = peer.io.write_read(commands, 256);
		EXPECT_EQ(outcome.error, -EINVAL) << std::hex << command;
		EXPECT_EQ(outcome.write_consumed, 4u);
		EXPECT_EQ(outcome.read_consumed, 0u);
	}
	if (!has_freeze_notifications()) {
		for (Bc command : {kBcRequestFreeze, kBcClearFreeze, kBcFreezeDone})
			EXPECT_EQ(peer.io.write(Commands().add(command, HandleCookie{})).error, -EINVAL);
	}
}

TEST_F(Binder, Bd32AcknowledgementsThatDoNotMatch)
{
	Peer owner;
	u32 handle = hand_over(owner, 0x1000, 0xc0);
	for (Bc command : {kBcIncrefsDone, kBcAcquireDone}) {
		owner.write(Commands()
				    .add(command, PtrCookie{0x1000, 0xc0})
				    .add(command, PtrCookie{0x1000, 0xbad})
				    .add(command, PtrCookie{0x9999, 0xc0})
				    .add(command, PtrCookie{0, 0}));
	}
	send(*manager, handle, 1);
	reply(owner, owner.want_call());
	want_reply(*manager);
	manager->write(Commands().release(handle));
	owner.want(kBrRelease);
	owner.want(kBrDecrefs);
}

TEST_F(Binder, Bd33WeakHandles)
{
	Peer owner;
	Parcel parcel;
	parcel.weak_binder(0x1000, 0xc0);
	send(owner, 0, 1, parcel);
	TransactionData call = manager->want_call();
	auto object = manager->object<FlatObject>(call, 0);
	EXPECT_EQ(object.type, kTypeWeakHandle);
	u32 handle = static_cast<u32>(object.binder);
	manager->write(Commands().increfs(handle));
	reply(*manager, call);
	want_reply(owner);
	EXPECT_EQ(owner.increfs, 1);
	EXPECT_EQ(owner.acquires, 0);
	send(*manager, handle, 1);
	expect_failure(*manager, kBrFailedReply, EINVAL);
	// A strong handle cannot be made of it.
	manager->write(Commands().acquire(handle));
	send(*manager, handle, 1);
	expect_failure(*manager, kBrFailedReply, EINVAL);
	Peer client;
	send(client, 0, 1);
	call = manager->want_call();
	Parcel strong;
	strong.handle(handle);
	manager->write(Commands().reply(strong));
	manager->want(kBrTransactionComplete);
	client.want(kBrTransactionComplete);
	client.want(kBrFailedReply);
	manager->write(Commands().free_buffer(call.buffer));
	// Weak to weak is fine, and back to the owner.
	send(client, 0, 1);
	call = manager->want_call();
	Parcel weak;
	weak.weak_handle(handle);
	reply(*manager, call, weak);
	TransactionData answer = want_reply(client);
	EXPECT_EQ(client.object<FlatObject>(answer, 0).type, kTypeWeakHandle);
	client.write(Commands().free_buffer(answer.buffer));
	send(owner, 0, 1);
	call = manager->want_call();
	reply(*manager, call, weak);
	answer = want_reply(owner);
	EXPECT_EQ(owner.object<FlatObject>(answer, 0).type, kTypeWeakBinder);
	EXPECT_EQ(owner.object<FlatObject>(answer, 0).binder, 0x1000u);
	manager->write(Commands().decrefs(handle));
}

TEST_F(Binder, Bd34CookieOfANodeStays)
{
	Peer owner;
	u32 handle = hand_over(owner, 0x1000, 0xc0);
	Parcel parcel;
	parcel.binder(0x1000, 0xc1);
	send(owner, 0, 1, parcel);
	expect_failure(owner, kBrFailedReply, EINVAL);
	EXPECT_EQ(hand_over(owner, 0x1000, 0xc0), handle);
}

TEST_F(Binder, Bd35FilesArePinnedAndGetNumbersWhenRead)
{
	Peer client;
	Pipe pipe;
	Parcel parcel;
	parcel.fd(pipe.ends[1]);
	send(client, 0, 1, parcel);
	int sent = pipe.ends[1];
	pipe.close_end(1);
	EXPECT_FALSE(pipe.ended());
	int before = open_files();
	TransactionData call = manager->want_call();
	EXPECT_EQ(open_files(), before + 1);
	auto object = manager->object<FdObject>(call, 0);
	EXPECT_EQ(object.type, kTypeFd);
	EXPECT_EQ(object.pad, 0u);
	int fd = static_cast<int>(object.fd);
	EXPECT_EQ(fd, sent);
	EXPECT_EQ(fcntl(fd, F_GETFD), FD_CLOEXEC);
	EXPECT_EQ(write(fd, "x", 1), 1);
	char byte = 0;
	EXPECT_EQ(read(pipe.ends[0], &byte, 1), 1);
	// The driver never closes it.
	reply(*manager, call);
	EXPECT_TRUE(is_open(fd));
	close(fd);
	EXPECT_TRUE(pipe.ended());
	want_reply(client);
}

TEST_F(Binder, Bd35FilesAreRefusedWhereNotAccepted)
{
	Peer owner;
	Pipe pipe;
	Parcel parcel;
	parcel.fd(pipe.ends[0]);
	u32 takes_none = hand_over(owner, 0x1000, 0, 0);
	u32 takes = hand_over(owner, 0x2000, 0, kAcceptsFds);
	send(*manager, takes_none, 1, parcel);
	expect_failure(*manager, kBrFailedReply, EPERM);
	send(*manager, takes, 1, parcel);
	TransactionData call = owner.want_call();
	close(static_cast<int>(owner.object<FdObject>(call, 0).fd));
	// A reply's files are the caller's to accept, and it has not.
	owner.write(Commands().free_buffer(call.buffer).reply(parcel));
	owner.want(kBrTransactionComplete);
	manager->want(kBrTransactionComplete);
	manager->want(kBrFailedReply);
	EXPECT_EQ(manager->error().param, -EPERM);
	send(*manager, takes_none, 1, {}, kAcceptFds);
	reply(owner, owner.want_call(), parcel);
	TransactionData answer = want_reply(*manager);
	close(static_cast<int>(manager->object<FdObject>(answer, 0).fd));
}

TEST_F(Binder, Bd35FilesThatAreNotOpen)
{
	Peer client;
	for (int fd : {-1, 1000, 1 << 30}) {
		Parcel parcel;
		parcel.fd(fd);
		send(client, 0, 1, parcel);
		expect_failure(client, kBrFailedReply, EBADF);
	}
	// One before it was pinned, and is let go.
	Pipe pipe;
	Parcel parcel;
	parcel.fd(pipe.ends[1]);
	parcel.fd(1000);
	send(client, 0, 1, parcel);
	expect_failure(client, kBrFailedReply, EBADF);
	pipe.close_end(1);
	EXPECT_TRUE(pipe.ended());
}

/// Lets no new file be opened here while it lives.
struct NoMoreFiles {
	NoMoreFiles()
	{
		getrlimit(RLIMIT_NOFILE, &before);
		rlimit none = {0, before.rlim_max};
		setrlimit(RLIMIT_NOFILE, &none);
	}
	NoMoreFiles(const NoMoreFiles&) = delete;
	NoMoreFiles& operator=(const NoMoreFiles&) = delete;
	~NoMoreFiles() { setrlimit(RLIMIT_NOFILE, &before); }
	rlimit before = {};
};

TEST_F(Binder, Bd36NoNumberForAFileOfACall)
{
	Peer client;
	Pipe pipe;
	Parcel parcel;
	parcel.fd(pipe.ends[1]);
	send(client, 0, 1, parcel);
	{
		NoMoreFiles none;
		EXPECT_TRUE(manager->idle());
	}
	client.want(kBrTransactionComplete);
	client.want(kBrFailedReply);
	pipe.close_end(1);
	EXPECT_TRUE(pipe.ended());
	round_trip(client, *manager);
}

TEST_F(Binder, Bd36NoNumberForAFileOfAOneway)
{
	Peer client;
	Pipe pipe;
	Parcel parcel;
	parcel.fd(pipe.ends[1]);
	send(client, 0, 1, parcel, kOneWay);
	send(client, 0, 2, Parcel("next"), kOneWay);
	Event event;
	{
		NoMoreFiles none;
		event = manager->next();
	}
	// The first is dropped, and does not hold up the second.
	EXPECT_EQ(event.transaction().code, 2u);
	manager->write(Commands().free_buffer(event.transaction().buffer));
	pipe.close_end(1);
	EXPECT_TRUE(pipe.ended());
	client.want(kBrTransactionComplete);
	client.want(kBrTransactionComplete);
	EXPECT_TRUE(client.idle());
}

TEST_F(Binder, Bd36NoNumberForAFileOfAReply)
{
	Peer client;
	Pipe pipe;
	send(client, 0, 1, {}, kAcceptFds);
	TransactionData call = manager->want_call();
	Parcel parcel;
	parcel.fd(pipe.ends[1]);
	reply(*manager, call, parcel);
	{
		NoMoreFiles none;
		client.want(kBrTransactionComplete);
		client.want(kBrFailedReply);
	}
	pipe.close_end(1);
	EXPECT_TRUE(pipe.ended());
	round_trip(client, *manager);
}

/// Two files in an array in a buffer on the side.
struct FileArray {
	explicit FileArray(const Pipe& pipe)
		: words{900, static_cast<u32>(pipe.ends[0]), static_cast<u32>(pipe.ends[1]), 9}, parcel("padding.")
	{
		u64 parent = parcel.ptr(words, sizeof(words));
		parcel.fd_array(2, parent, 4);
	}
	u32 words[4];
	Parcel parcel;
};

TEST_F(Binder, Bd37FileArraysAreTranslatedAndClosedWithTheBuffer)
{
	Peer client;
	Pipe pipe;
	FileArray array(pipe);
	send(client, 0, 1, array.parcel);
	pipe.close_end(1);
	TransactionData call = manager->want_call();
	auto buffer = manager->object<PtrObject>(call, 0);
	EXPECT_EQ(buffer.length, 16u);
	EXPECT_EQ(buffer.buffer % 8, 0u);
	Bytes bytes = manager->memory(buffer.buffer, 16);
	u32 words[4];
	std::memcpy(words, bytes.data(), sizeof(words));
	EXPECT_EQ(words[0], 900u);
	EXPECT_EQ(words[3], 9u);
	EXPECT_TRUE(is_open(static_cast<int>(words[1])));
	EXPECT_TRUE(is_open(static_cast<int>(words[2])));
	EXPECT_EQ(fcntl(static_cast<int>(words[1]), F_GETFD), FD_CLOEXEC);
	EXPECT_FALSE(pipe.ended());
	reply(*manager, call);
	want_reply(client);
	EXPECT_FALSE(is_open(static_cast<int>(words[1])));
	EXPECT_FALSE(is_open(static_cast<int>(words[2])));
	EXPECT_TRUE(wait_until([&] { return pipe.ended(); }));
}

TEST_F(Binder, Bd37FileArraysThatAreWrong)
{
	Peer client;
	Pipe pipe;
	auto fails = [&](u64 count, u64 parent, u64 offset, int error) {
		FileArray array(pipe);
		auto object = FdArrayObject{kTypeFdArray, 0, count, parent, offset};
		std::memcpy(array.parcel.data.data() + array.parcel.offsets[1], &object, sizeof(object));
		send(client, 0, 1, array.parcel);
		expect_failure(client, kBrFailedReply, error);
	};
	fails(5, 0, 0, EINVAL);
	fails(2, 0, 12, EINVAL);
	fails(2, 0, 2, EINVAL);
	fails(2, 1, 4, EINVAL);
	fails(2, 9, 4, EINVAL);
	fails(~u64{0}, 0, 0, EINVAL);
	fails(u64{1} << 62, 0, 0, EINVAL);
	fails(1, 0, ~u64{3}, EINVAL);
	// The first word is no file.
	fails(2, 0, 0, EBADF);
	// An array of none is fine.
	FileArray array(pipe);
	auto object = FdArrayObject{kTypeFdArray, 0, 0, 0, 0};
	std::memcpy(array.parcel.data.data() + array.parcel.offsets[1], &object, sizeof(object));
	send(client, 0, 1, array.parcel);
	reply(*manager, manager->want_call());
	want_reply(client);
	pipe.close_end(1);
	EXPECT_TRUE(pipe.ended());
}

TEST_F(Binder, Bd37ArrayWithBindersOwnFile)
{
	// FREE_BUFFER closes the file that its own ioctl runs on.
	Peer client;
	u32 words[2] = {static_cast<u32>(manager->io.fd()), static_cast<u32>(client.io.fd())};
	Parcel parcel("padding.");
	parcel.fd_array(2, parcel.ptr(words, sizeof(words)), 0);
	send(client, 0, 1, parcel);
	TransactionData call = manager->want_call();
	Bytes bytes = manager->memory(manager->object<PtrObject>(call, 0).buffer, 8);
	std::memcpy(words, bytes.data(), sizeof(words));
	int own = static_cast<int>(words[0]);
	Commands commands;
	commands.free_buffer(call.buffer);
	Connection same(own, 0, 0, false);
	EXPECT_EQ(same.write(commands).error, 0);
	EXPECT_FALSE(is_open(own));
	EXPECT_FALSE(is_open(static_cast<int>(words[1])));
	manager->write(Commands().reply(Parcel("done")));
	manager->want(kBrTransactionComplete);
	want_reply(client);
}

TEST_F(Binder, Bd38ChainsOfBuffers)
{
	Peer client;
	u64 leaf[2] = {0x1111, 0x2222};
	u64 middle[3] = {reinterpret_cast<uintptr_t>(leaf), 5, 6};
	u64 root[4] = {1, reinterpret_cast<uintptr_t>(middle), 3, reinterpret_cast<uintptr_t>(leaf)};
	Parcel parcel("padding.");
	u64 top = parcel.ptr(root, sizeof(root));
	u64 below = parcel.ptr_in(middle, sizeof(middle), top, 8);
	parcel.ptr_in(leaf, sizeof(leaf), below, 0);
	parcel.ptr_in(leaf, 12, top, 24);
	send(client, 0, 1, parcel);
	TransactionData call = manager->want_call();
	auto words = [&](u64 address, size_t count) {
		Bytes bytes = manager->memory(address, count * 8);
		std::vector<u64> found(count);
		std::memcpy(found.data(), bytes.data(), bytes.size());
		return found;
	};
	auto object = manager->object<PtrObject>(call, 0);
	u64 begin = call.offsets + call.offsets_size;
	EXPECT_EQ(object.buffer, begin);
	auto found = words(object.buffer, 4);
	EXPECT_EQ(found[0], 1u);
	EXPECT_EQ(found[1], begin + sizeof(root));
	EXPECT_EQ(found[2], 3u);
	EXPECT_EQ(found[3], begin + sizeof(root) + sizeof(middle) + sizeof(leaf));
	EXPECT_EQ(words(found[1], 3), (std::vector<u64>{begin + sizeof(root) + sizeof(middle), 5, 6}));
	EXPECT_EQ(words(begin + sizeof(root) + sizeof(middle), 2), (std::vector<u64>{0x1111, 0x2222}));
	EXPECT_EQ(manager->object<PtrObject>(call, 1).buffer, found[1]);
	reply(*manager, call);
	want_reply(client);
}

TEST_F(Binder, Bd38FixupsOutOfOrder)
{
	Peer client;
	u64 leaf[2] = {};
	u64 root[4] = {};
	{
		SCOPED_TRACE("offsets that fall");
		Parcel parcel("padding.");
		u64 top = parcel.ptr(root, sizeof(root));
		parcel.ptr_in(leaf, 8, top, 16);
		parcel.ptr_in(leaf, 8, top, 8);
		send(client, 0, 1, parcel);
		expect_failure(client, kBrFailedReply, EINVAL);
	}
	{
		SCOPED_TRACE("a buffer that was left");
		Parcel parcel("padding.");
		u64 first = parcel.ptr(root, sizeof(root));
		parcel.ptr(root, sizeof(root));
		parcel.ptr_in(leaf, 8, first, 0);
		send(client, 0, 1, parcel);
		expect_failure(client, kBrFailedReply, EINVAL);
	}
	EXPECT_TRUE(manager->idle());
}

TEST_F(Binder, Bd38RepliesWithBuffers)
{
	Peer client;
	u64 leaf[2] = {0x3333, 0x4444};
	send(client, 0, 1);
	Parcel parcel("padding.");
	parcel.ptr(leaf, sizeof(leaf));
	reply(*manager, manager->want_call(), parcel);
	TransactionData answer = want_reply(client);
	Bytes bytes = client.memory(client.object<PtrObject>(answer, 0).buffer, 16);
	EXPECT_EQ(std::memcmp(bytes.data(), leaf, 16), 0);
}

TEST_F(Binder, Bd40ClearedBuffersLeaveZeroes)
{
	Peer client;
	Bytes secret(10000, 0x5c);
	for (u32 flags : {0u, u32{kClearBuf}}) {
		send(client, 0, 1, Parcel(secret), flags);
		TransactionData call = manager->want_call();
		reply(*manager, call);
		want_reply(client);
		// The next is larger in its first page only.
		u64 at = call.buffer;
		send(client, 0, 1, Parcel(Bytes(16, 1)));
		call = manager->want_call();
		ASSERT_EQ(call.buffer, at);
		Bytes rest = manager->memory(at + 16, 4000);
		EXPECT_EQ(std::count(rest.begin(), rest.end(), 0x5c), flags == 0 ? 4000 : 0);
		reply(*manager, call);
		want_reply(client);
	}
	// Of a reply.
	send(client, 0, 1);
	reply(*manager, manager->want_call(), Parcel(secret), kClearBuf);
	TransactionData answer = want_reply(client);
	client.write(Commands().free_buffer(answer.buffer));
	send(client, 0, 1);
	reply(*manager, manager->want_call(), Parcel(Bytes(16, 1)));
	TransactionData next = want_reply(client);
	ASSERT_EQ(next.buffer, answer.buffer);
	Bytes rest = client.memory(next.buffer + 16, 4000);
	EXPECT_EQ(std::count(rest.begin(), rest.end(), 0x5c), 0);
}

TEST_F(Binder, Bd42OnewaysOfANodeComeOneByOneInOrder)
{
	Peer owner;
	u32 first = hand_over(owner, 0x1000, 0);
	u32 second = hand_over(owner, 0x2000, 0);
	for (u32 code = 1; code <= 3; ++code)
		send(*manager, first, code, {}, kOneWay);
	send(*manager, second, 11, {}, kOneWay);
	TransactionData one = owner.want_call();
	EXPECT_EQ(one.code, 1u);
	TransactionData other = owner.want_call();
	EXPECT_EQ(other.code, 11u);
	EXPECT_TRUE(owner.idle());
	owner.write(Commands().free_buffer(one.buffer));
	TransactionData two = owner.want_call();
	EXPECT_EQ(two.code, 2u);
	EXPECT_TRUE(owner.idle());
	// Calls do not wait for oneways.
	send(*manager, first, 21);
	TransactionData call = owner.want_call();
	EXPECT_EQ(call.code, 21u);
	reply(owner, call);
	owner.write(Commands().free_buffer(two.buffer).free_buffer(other.buffer));
	TransactionData three = owner.want_call();
	EXPECT_EQ(three.code, 3u);
	owner.write(Commands().free_buffer(three.buffer));
	EXPECT_TRUE(owner.idle());
	EXPECT_EQ(manager->pending().size(), 6u);
}

TEST_F(Binder, Bd43OnewaysHaveHalfTheMapping)
{
	Peer client;
	u64 sent = 0;
	Parcel parcel{Bytes(16384)};
	for (;; ++sent) {
		ASSERT_LT(sent, 100u);
		send(client, 0, 1, parcel, kOneWay);
		Event event = client.next();
		if (event.code == kBrTransactionComplete)
			continue;
		EXPECT_EQ(name_of(event.code), "BR_FAILED_REPLY");
		EXPECT_EQ(client.error().param, -ENOSPC);
		break;
	}
	EXPECT_EQ(sent, kMap / 2 / 16384);
	// Calls have the other half.
	send(client, 0, 2, parcel);
	bool called = false;
	for (u64 count = 0; count < sent + 1; ++count) {
		TransactionData call = manager->want_call();
		if (call.code == 2) {
			reply(*manager, call);
			called = true;
		} else {
			manager->write(Commands().free_buffer(call.buffer));
		}
	}
	EXPECT_TRUE(called);
	want_reply(client);
	send(client, 0, 1, parcel, kOneWay);
	client.want(kBrTransactionComplete);
}

/// Sends oneways of a size until one is answered otherwise: how many were complete, and that answer.
std::pair<int, std::string> until_other(Peer& client, size_t size)
{
	Parcel parcel{Bytes(size)};
	for (int sent = 0; sent < 1000; ++sent) {
		send(client, 0, 1, parcel, kOneWay);
		Event event = client.next();
		if (event.code != kBrTransactionComplete)
			return {sent, name_of(event.code)};
	}
	return {-1, ""};
}

TEST_F(Binder, Bd44SpammersAreToldOnce)
{
	Peer client;
	u32 enable = 1;
	EXPECT_EQ(manager->io.ioctl(kEnableOnewaySpamDetection, enable), 0);
	EXPECT_EQ(client.io.ioctl(kEnableOnewaySpamDetection, enable), 0);
	// Less than a tenth of the mapping is free when four fifths of the half are taken.
	auto [sent, answer] = until_other(client, 8192);
	EXPECT_EQ(answer, "BR_ONEWAY_SPAM_SUSPECT");
	EXPECT_EQ(static_cast<u64>(sent), (kMap / 2 - kMap / 10) / 8192);
	auto [more, then] = until_other(client, 8192);
	EXPECT_EQ(then, "BR_FAILED_REPLY");
	EXPECT_GT(more, 5);
	// Armed again when there is room.
	for (int count = 0; count < sent + 1 + more; ++count)
		manager->write(Commands().free_buffer(manager->want_call().buffer));
	EXPECT_EQ(until_other(client, 8192).second, "BR_ONEWAY_SPAM_SUSPECT");
}

TEST_F(Binder, Bd44NotToldIfItIsOff)
{
	Peer client;
	EXPECT_EQ(until_other(client, 8192).second, "BR_FAILED_REPLY");
}

TEST_F(Binder, Bd44ManySmallOnes)
{
	// More than 50 buffers, when another sender took the room.
	Peer client;
	u32 enable = 1;
	EXPECT_EQ(client.io.ioctl(kEnableOnewaySpamDetection, enable), 0);
	Child other([](int socket) {
		auto connection = Connection::open(device());
		Parcel parcel{Bytes((kMap / 2) - (kMap / 10) + 1024)};
		Commands commands;
		commands.transaction(0, 1, parcel, kOneWay);
		u8 done = connection->write(commands).error == 0;
		if (write(socket, &done, 1) != 1)
			return 1;
		pause();
		return 0;
	});
	EXPECT_EQ(other.get<u8>(), 1);
	auto [sent, answer] = until_other(client, 8);
	EXPECT_EQ(answer, "BR_ONEWAY_SPAM_SUSPECT");
	EXPECT_EQ(sent, 51);
}

}  // namespace
}  // namespace binder
