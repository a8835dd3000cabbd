// SPDX-License-Identifier: GPL-2.0
/// \file
/// BD-01 to BD-22: ioctls, mmap, calls, nodes, references, death. Cases are called after the rows of the parity list.
#include <sched.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>

#include "peer.hpp"

namespace binder {
namespace {

using Names = std::vector<std::string>;

void* const kNull = nullptr;

TEST_F(Binder, Bd02VersionAndBadIoctls)
{
	Peer peer;
	s32 version = 0;
	EXPECT_EQ(peer.io.ioctl(kVersion, version), 0);
	EXPECT_EQ(version, kProtocolVersion);
	EXPECT_EQ(peer.ioctl(kVersion, kNull), -EINVAL);
	u64 any = 0;
	EXPECT_EQ(peer.io.ioctl(kSetIdleTimeout, any), -EINVAL);
	EXPECT_EQ(peer.io.ioctl(kSetIdlePriority, any), -EINVAL);
	EXPECT_EQ(peer.io.ioctl(_IO('b', 99), any), -EINVAL);
	EXPECT_EQ(peer.io.ioctl(0, any), -EINVAL);
	EXPECT_EQ(peer.ioctl(kWriteRead, kNull), -EFAULT);
	EXPECT_EQ(peer.ioctl(kSetMaxThreads, kNull), -EINVAL);
	EXPECT_EQ(peer.ioctl(kSetContextMgrExt, kNull), -EINVAL);
	EXPECT_EQ(peer.ioctl(kEnableOnewaySpamDetection, kNull), -EFAULT);
	EXPECT_EQ(peer.ioctl(kGetExtendedError, kNull), -EFAULT);
	EXPECT_EQ(peer.ioctl(kGetNodeDebugInfo, kNull), -EFAULT);
	EXPECT_EQ(peer.ioctl(kGetNodeInfoForRef, kNull), -EFAULT);
	EXPECT_EQ(peer.ioctl(kFreeze, kNull), -EFAULT);
	EXPECT_EQ(peer.ioctl(kGetFrozenInfo, kNull), -EFAULT);
}

/// What a child finds out about mmap, as errnos.
struct MapFacts {
	s32 writable, first, mprotect_write, second, after_munmap;
};

TEST_F(Binder, Bd03MmapRules)
{
	Child child([](int socket) {
		MapFacts facts = {};
		int fd = open(device().c_str(), O_RDWR | O_CLOEXEC);
		auto map = [&](int protection) { return mmap(nullptr, kMap, protection, MAP_PRIVATE, fd, 0); };
		auto error = [](bool failed) { return failed ? -errno : 0; };
		facts.writable = error(map(PROT_READ | PROT_WRITE) == MAP_FAILED);
		void* base = map(PROT_READ);
		facts.first = error(base == MAP_FAILED);
		facts.mprotect_write = error(mprotect(base, 4096, PROT_READ | PROT_WRITE) < 0);
		facts.second = error(map(PROT_READ) == MAP_FAILED);
		munmap(base, kMap);
		facts.after_munmap = error(map(PROT_READ) == MAP_FAILED);
		return write(socket, &facts, sizeof(facts)) == sizeof(facts) ? 0 : 1;
	});
	auto facts = child.get<MapFacts>();
	EXPECT_EQ(facts.writable, -EPERM);
	EXPECT_EQ(facts.first, 0);
	EXPECT_EQ(facts.mprotect_write, -EACCES);
	EXPECT_EQ(facts.second, -EBUSY);
	EXPECT_EQ(facts.after_munmap, -EBUSY);
}

TEST_F(Binder, Bd03OnlyTheOpenerMaps)
{
	Peer peer({.map = 0});
	EXPECT_EQ(mmap(nullptr, kMap, PROT_READ, MAP_PRIVATE, peer.io.fd(), 0), MAP_FAILED);
	EXPECT_EQ(errno, EINVAL);
}

TEST_F(Binder, Bd03UntouchedPagesRaiseSigbus)
{
	Child child([](int) {
		auto connection = Connection::open(device());
		if (!connection)
			return 1;
		return int(*reinterpret_cast<volatile u8*>(static_cast<uintptr_t>(connection->base()) + 8192));
	});
	EXPECT_EQ(child.wait(), -SIGBUS);
}

TEST_F(Binder, Bd03MappingsEndAt4MiB)
{
	manager.reset();
	manager = make_manager(kAcceptsFds, 0, 0, {.map = 8 << 20});
	Peer client;
	Parcel parcel(Bytes((4 << 20) + 8));
	send(client, 0, 1, parcel);
	expect_failure(client, kBrFailedReply, ENOSPC);
	parcel.data.resize(4 << 20);
	send(client, 0, 1, parcel);
	TransactionData call = manager->want_call();
	EXPECT_EQ(call.data_size, 4u << 20);
	reply(*manager, call);
	want_reply(client);
}

TEST_F(Binder, Bd04OneContextManager)
{
	Peer second;
	int any = 0;
	EXPECT_EQ(second.io.ioctl(kSetContextMgr, any), -EBUSY);
	FlatObject node = {kTypeBinder, 0, 1, 1};
	EXPECT_EQ(second.io.ioctl(kSetContextMgrExt, node), -EBUSY);
	EXPECT_EQ(manager->io.ioctl(kSetContextMgr, any), -EBUSY);
	manager.reset();
	EXPECT_TRUE(wait_until([&] { return second.io.ioctl(kSetContextMgr, any) == 0; }));
	Peer client;
	round_trip(client, second);
}

TEST_F(Binder, Bd04UidOfTheFirstManagerStays)
{
	Peer second;
	manager.reset();
	ASSERT_EQ(seteuid(12345), 0);
	int any = 0;
	int error = 0;
	EXPECT_TRUE(wait_until([&] {
		error = second.io.ioctl(kSetContextMgr, any);
		return error != -EBUSY;
	}));
	EXPECT_EQ(error, -EPERM);
	ASSERT_EQ(seteuid(0), 0);
	EXPECT_EQ(second.io.ioctl(kSetContextMgr, any), 0);
}

TEST_F(Binder, Bd05EmptyReadIsEagain)
{
	Peer peer;
	s32 version = 0;
	ASSERT_EQ(peer.io.ioctl(kVersion, version), 0);
	u32 words[64];
	std::memset(words, 0xa5, sizeof(words));
	WriteRead argument = {.read_size = sizeof(words), .read_buffer = reinterpret_cast<uintptr_t>(words)};
	EXPECT_EQ(peer.io.ioctl(kWriteRead, argument), -EAGAIN);
	EXPECT_EQ(argument.read_consumed, 0u);
	EXPECT_EQ(words[0], u32{kBrNoop});
	EXPECT_EQ(words[1], 0xa5a5a5a5u);
}

TEST_F(Binder, Bd05FirstReadReturnsANoop)
{
	Peer peer;
	Outcome outcome = peer.io.read();
	EXPECT_EQ(outcome.error, 0);
	EXPECT_EQ(outcome.read_consumed, 4u);
	ASSERT_EQ(outcome.events().size(), 1u);
	EXPECT_EQ(outcome.events()[0].code, u32{kBrNoop});
}

TEST_F(Binder, Bd05NothingToDoIsSuccess)
{
	Peer peer;
	Outcome outcome = peer.io.write_read(Commands(), 0);
	EXPECT_EQ(outcome.error, 0);
	EXPECT_EQ(outcome.read_consumed, 0u);
}

TEST_F(Binder, Bd06EnterLooperIsConsumed)
{
	Peer peer;
	Outcome outcome = peer.io.write(Commands().enter_looper());
	EXPECT_EQ(outcome.error, 0);
	EXPECT_EQ(outcome.write_consumed, 4u);
	outcome = peer.io.write(Commands().add(kBcExitLooper));
	EXPECT_EQ(outcome.error, 0);
	EXPECT_EQ(outcome.write_consumed, 4u);
}

TEST_F(Binder, Bd06WriteBeginsWhereItEnded)
{
	Peer peer;
	Commands commands;
	commands.enter_looper().add(0x12345678).add(kBcExitLooper);
	WriteRead argument = {.write_size = commands.bytes().size(),
			      .write_consumed = 8,
			      .write_buffer = reinterpret_cast<uintptr_t>(commands.bytes().data())};
	EXPECT_EQ(peer.io.ioctl(kWriteRead, argument), 0);
	EXPECT_EQ(argument.write_consumed, 12u);
}

TEST_F(Binder, Bd06CutOffCommandIsEfaultOrLeft)
{
	Peer peer;
	// The second command's payload is not there: what comes before it counts.
	size_t page = 4096;
	auto* memory = static_cast<u8*>(
		mmap(nullptr, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
	ASSERT_EQ(mprotect(memory + page, page, PROT_NONE), 0);
	u32 words[] = {kBcEnterLooper, kBcAcquire};
	std::memcpy(memory + page - sizeof(words), words, sizeof(words));
	WriteRead argument = {.write_size = 12,
			      .write_buffer = reinterpret_cast<uintptr_t>(memory + page - sizeof(words))};
	EXPECT_EQ(peer.io.ioctl(kWriteRead, argument), -EFAULT);
	EXPECT_EQ(argument.write_consumed, 4u);
	munmap(memory, 2 * page);
}

TEST_F(Binder, Bd07NoManagerIsADeadReply)
{
	Peer client;
	manager.reset();
	ASSERT_TRUE(wait_until([&] { return active(read_file(debugfs() + "/stats"), "proc") < 2; }));
	Commands commands;
	commands.transaction(0, 1, Parcel("x"));
	Outcome outcome = client.io.write_read(commands, 256);
	EXPECT_EQ(outcome.error, 0);
	auto events = outcome.events();
	ASSERT_EQ(events.size(), 2u);
	EXPECT_EQ(name_of(events[0].code), "BR_NOOP");
	EXPECT_EQ(name_of(events[1].code), "BR_DEAD_REPLY");
	ExtendedError error = client.error();
	EXPECT_EQ(name_of(error.command), "BR_DEAD_REPLY");
	EXPECT_EQ(error.param, -EINVAL);
	EXPECT_NE(error.id, 0u);
}

TEST_F(Binder, Bd08PingIsOneRead)
{
	Peer client;
	s32 version = 0;
	client.io.ioctl(kVersion, version);
	send(client, 0, 42, Parcel("hello"), kStatusCode | kRootObject);
	TransactionData call = manager->want_call();
	EXPECT_EQ(call.code, 42u);
	EXPECT_EQ(call.flags, u32{kStatusCode | kRootObject});
	EXPECT_EQ(call.data_size, 5u);
	EXPECT_EQ(call.offsets_size, 0u);
	EXPECT_EQ(call.sender_pid, client.pid());
	EXPECT_EQ(call.sender_euid, geteuid());
	EXPECT_EQ(manager->text(call), "hello");
	// The completion waits for the reply.
	EXPECT_EQ(client.io.read().error, -EAGAIN);
	Commands commands;
	commands.free_buffer(call.buffer);
	commands.reply(Parcel("bye"));
	Outcome server = manager->io.write_read(commands, 256);
	ASSERT_EQ(server.events().size(), 2u);
	EXPECT_EQ(name_of(server.events()[1].code), "BR_TRANSACTION_COMPLETE");
	Outcome outcome = client.io.read(256);
	EXPECT_EQ(outcome.error, 0);
	EXPECT_EQ(outcome.read_consumed, 4u + 4 + 4 + 64);
	auto events = outcome.events();
	ASSERT_EQ(events.size(), 3u);
	EXPECT_EQ(name_of(events[0].code), "BR_NOOP");
	EXPECT_EQ(name_of(events[1].code), "BR_TRANSACTION_COMPLETE");
	EXPECT_EQ(name_of(events[2].code), "BR_REPLY");
	TransactionData answer = events[2].transaction();
	EXPECT_EQ(answer.target, 0u);
	EXPECT_EQ(answer.cookie, 0u);
	EXPECT_EQ(answer.sender_pid, 0);
	EXPECT_EQ(client.text(answer), "bye");
	EXPECT_EQ(answer.buffer % 8, 0u);
	EXPECT_GE(answer.buffer, client.io.base());
	EXPECT_LT(answer.buffer, client.io.base() + client.io.size());
}

TEST_F(Binder, Bd09PayloadsOfManySizes)
{
	Peer client;
	for (u64 size : {u64{0}, u64{1}, u64{8}, u64{4095}, u64{4096}, u64{65536}, u64{kMap - 8}}) {
		Parcel parcel{Bytes(size)};
		for (u64 at = 0; at < size; ++at)
			parcel.data[at] = static_cast<u8>(at * 7 + (at >> 12) + size);
		send(client, 0, 1, parcel);
		TransactionData call = manager->want_call();
		ASSERT_EQ(call.data_size, size);
		EXPECT_EQ(manager->memory(call.buffer, size), parcel.data) << size;
		// A call and its reply are in different mappings.
		reply(*manager, call, parcel);
		TransactionData answer = want_reply(client);
		EXPECT_EQ(client.memory(answer.buffer, size), parcel.data) << size;
		client.write(Commands().free_buffer(answer.buffer));
	}
}

TEST_F(Binder, Bd09EmptyBuffersHaveAddressesOfTheirOwn)
{
	Peer first;
	Peer second;
	send(first, 0, 1);
	send(second, 0, 1);
	TransactionData one = manager->want_call();
	EXPECT_TRUE(manager->idle());
	// A thread takes one call at a time. Its buffer is kept.
	Commands commands;
	commands.reply(Parcel());
	manager->write(commands);
	manager->want(kBrTransactionComplete);
	TransactionData two = manager->want_call();
	EXPECT_NE(one.buffer, two.buffer);
	reply(*manager, two);
	manager->write(Commands().free_buffer(one.buffer));
	want_reply(first);
	want_reply(second);
}

TEST_F(Binder, Bd10FreesThatMatchNothingDoNoHarm)
{
	Peer client;
	send(client, 0, 1, Parcel("first"));
	// Not delivered yet: it stays.
	manager->write(Commands().free_buffer(manager->io.base()));
	TransactionData call = manager->want_call();
	EXPECT_EQ(call.buffer, manager->io.base());
	EXPECT_EQ(manager->text(call), "first");
	manager->write(Commands()
			       .free_buffer(0)
			       .free_buffer(call.buffer + 8)
			       .free_buffer(~u64{0})
			       .free_buffer(client.io.base())
			       .free_buffer(manager->io.base() + manager->io.size()));
	EXPECT_EQ(manager->text(call), "first");
	reply(*manager, call);
	want_reply(client);
	manager->write(Commands().free_buffer(call.buffer).free_buffer(call.buffer));
	round_trip(client, *manager);
}

TEST_F(Binder, Bd10BufferOfACallMayBeFreedLate)
{
	Peer client;
	send(client, 0, 1, Parcel("kept"));
	TransactionData call = manager->want_call();
	Commands commands;
	commands.reply(Parcel());
	manager->write(commands);
	manager->want(kBrTransactionComplete);
	want_reply(client);
	EXPECT_EQ(manager->text(call), "kept");
	round_trip(client, *manager);
	EXPECT_EQ(manager->text(call), "kept");
	manager->write(Commands().free_buffer(call.buffer));
}

TEST_F(Binder, Bd11OnewayCompletesAtOnce)
{
	Peer client;
	send(client, 0, 7, Parcel("news"), kOneWay);
	client.want(kBrTransactionComplete);
	TransactionData call = manager->want_call();
	EXPECT_EQ(call.flags & kOneWay, u32{kOneWay});
	EXPECT_EQ(call.sender_pid, 0);
	EXPECT_EQ(call.sender_euid, geteuid());
	EXPECT_EQ(manager->text(call), "news");
	// There is nothing to reply to.
	Commands commands;
	commands.free_buffer(call.buffer);
	commands.reply(Parcel());
	manager->write(commands);
	expect_failure(*manager, kBrFailedReply, EPROTO);
	EXPECT_TRUE(client.idle());
}

TEST_F(Binder, Bd12HandlesAreLowestAndOnePerNode)
{
	Peer owner;
	EXPECT_EQ(hand_over(owner, 0x1000, 0xc1), 1u);
	EXPECT_EQ(owner.increfs, 1);
	EXPECT_EQ(owner.acquires, 1);
	EXPECT_EQ(hand_over(owner, 0x2000, 0xc2), 2u);
	EXPECT_EQ(hand_over(owner, 0x1000, 0xc1), 1u);
	EXPECT_EQ(owner.increfs, 2);
	EXPECT_EQ(owner.acquires, 2);
	Peer other;
	EXPECT_EQ(hand_over(other, 0x1000, 0xc1), 3u);
}

TEST_F(Binder, Bd12NodeWorkReachesTheOwnerWithTheReply)
{
	Peer owner;
	owner.acks = false;
	Parcel parcel;
	parcel.binder(0x7000, 0x77);
	send(owner, 0, 1, parcel);
	TransactionData call = manager->want_call();
	auto object = manager->object<FlatObject>(call, 0);
	EXPECT_EQ(object.type, kTypeHandle);
	EXPECT_EQ(object.cookie, 0u);
	EXPECT_EQ(object.binder, 1u);
	manager->write(Commands().acquire(1));
	reply(*manager, call);
	PtrCookie weak = owner.want(kBrIncrefs).as<PtrCookie>();
	EXPECT_EQ(weak.ptr, 0x7000u);
	EXPECT_EQ(weak.cookie, 0x77u);
	EXPECT_EQ(owner.want(kBrAcquire).as<PtrCookie>().ptr, 0x7000u);
	owner.write(Commands().add(kBcIncrefsDone, weak).add(kBcAcquireDone, weak));
	want_reply(owner);
	manager->write(Commands().release(1));
	EXPECT_EQ(owner.want(kBrRelease).as<PtrCookie>().ptr, 0x7000u);
	EXPECT_EQ(owner.want(kBrDecrefs).as<PtrCookie>().ptr, 0x7000u);
}

TEST_F(Binder, Bd12NodeThatNobodyKeptIsNotToldOf)
{
	Peer owner;
	Parcel parcel;
	parcel.binder(0x7000, 0x77);
	send(owner, 0, 1, parcel);
	reply(*manager, manager->want_call());
	EXPECT_EQ(owner.pending(), (std::vector<std::string>{"BR_TRANSACTION_COMPLETE", "BR_REPLY"}));
}

TEST_F(Binder, Bd13HandleOfTheOwnerIsItsNode)
{
	Peer owner;
	u32 handle = hand_over(owner, 0x1000, 0xcafe);
	Parcel parcel;
	parcel.handle(handle);
	send(*manager, handle, 5, parcel);
	TransactionData call = owner.want_call();
	EXPECT_EQ(call.target, 0x1000u);
	EXPECT_EQ(call.cookie, 0xcafeu);
	auto object = owner.object<FlatObject>(call, 0);
	EXPECT_EQ(object.type, kTypeBinder);
	EXPECT_EQ(object.binder, 0x1000u);
	EXPECT_EQ(object.cookie, 0xcafeu);
	reply(owner, call);
	want_reply(*manager);
}

TEST_F(Binder, Bd13ThirdPartyGetsAHandleOfItsOwn)
{
	Peer owner;
	hand_over(owner, 0x1000, 1);
	u32 handle = hand_over(owner, 0x2000, 2);
	EXPECT_EQ(handle, 2u);
	Peer client;
	u32 theirs = share(handle, client);
	EXPECT_EQ(theirs, 1u);
	send(client, theirs, 9, Parcel("to the node"));
	TransactionData call = owner.want_call();
	EXPECT_EQ(call.target, 0x2000u);
	EXPECT_EQ(call.sender_pid, client.pid());
	reply(owner, call);
	want_reply(client);
}

TEST_F(Binder, Bd14LastReferenceIsTold)
{
	Peer owner;
	u32 handle = hand_over(owner, 0x1000, 0xc0);
	// Counted: three strong, one weak.
	manager->write(Commands().acquire(handle).acquire(handle).increfs(handle));
	manager->write(Commands().release(handle).release(handle));
	EXPECT_TRUE(owner.idle());
	manager->write(Commands().release(handle));
	PtrCookie gone = owner.want(kBrRelease).as<PtrCookie>();
	EXPECT_EQ(gone.ptr, 0x1000u);
	EXPECT_EQ(gone.cookie, 0xc0u);
	EXPECT_TRUE(owner.idle());
	// Only weak: no call, and none can make it strong.
	send(*manager, handle, 1);
	expect_failure(*manager, kBrFailedReply, EINVAL);
	manager->write(Commands().decrefs(handle));
	EXPECT_EQ(owner.want(kBrDecrefs).as<PtrCookie>().ptr, 0x1000u);
	// The number is free again.
	EXPECT_EQ(hand_over(owner, 0x3000, 0), handle);
}

TEST_F(Binder, Bd14UnderflowsAreIgnored)
{
	Peer owner;
	u32 handle = hand_over(owner, 0x1000, 0);
	manager->write(Commands().decrefs(handle).decrefs(handle).release(99).acquire(99).increfs(99).decrefs(99));
	manager->write(Commands().release(handle));
	owner.want(kBrRelease);
	owner.want(kBrDecrefs);
	manager->write(Commands().release(handle).decrefs(handle));
	EXPECT_TRUE(owner.idle());
}

TEST_F(Binder, Bd14ReferencesToTheManager)
{
	Peer client;
	client.write(Commands().increfs(0).acquire(0).release(0).decrefs(0));
	EXPECT_TRUE(client.idle());
	EXPECT_EQ(manager->io.write(Commands().acquire(0)).error, -EINVAL);
	EXPECT_EQ(manager->io.write(Commands().increfs(0)).error, -EINVAL);
	round_trip(client, *manager);
	EXPECT_TRUE(manager->idle());
}

TEST_F(Binder, Bd15NestedCallComesToTheBlockedThread)
{
	Peer owner;
	u32 handle = hand_over(owner, 0x1000, 0);
	send(owner, 0, 1, Parcel("outer"));
	TransactionData outer = manager->want_call();
	send(*manager, handle, 2, Parcel("inner"));
	// Another thread of the owner gets nothing.
	Outcome other;
	std::thread([&] {
		s32 version = 0;
		owner.io.ioctl(kVersion, version);
		owner.io.write(Commands().enter_looper());
		other = owner.io.read();
	}).join();
	EXPECT_EQ(other.error, -EAGAIN);
	owner.want(kBrTransactionComplete);
	TransactionData inner = owner.want_call();
	EXPECT_EQ(owner.text(inner), "inner");
	reply(owner, inner);
	want_reply(*manager);
	reply(*manager, outer);
	owner.want(kBrReply);
}

TEST_F(Binder, Bd15ThreeProcessesDeep)
{
	Peer a;
	Peer b;
	u32 node_a = hand_over(a, 0xa000, 0);
	u32 node_b = hand_over(b, 0xb000, 0);
	u32 b_to_a = share(node_a, b);
	// a calls the manager, that calls b, that calls a: in the thread that waits.
	send(a, 0, 1);
	TransactionData first = manager->want_call();
	send(*manager, node_b, 2);
	TransactionData second = b.want_call();
	send(b, b_to_a, 3);
	a.want(kBrTransactionComplete);
	TransactionData third = a.want_call();
	EXPECT_EQ(third.code, 3u);
	reply(a, third);
	want_reply(b);
	reply(b, second);
	want_reply(*manager);
	reply(*manager, first);
	a.want(kBrReply);
}

TEST_F(Binder, Bd16ServerDiesBeforeItReads)
{
	Peer client;
	send(client, 0, 1, Parcel("lost"));
	manager.reset();
	client.want(kBrTransactionComplete);
	client.want(kBrDeadReply);
}

TEST_F(Binder, Bd16ServerDiesAfterItRead)
{
	Peer client;
	send(client, 0, 1, Parcel("lost"));
	manager->want_call();
	manager.reset();
	client.want(kBrTransactionComplete);
	client.want(kBrDeadReply);
	send(client, 0, 1);
	expect_failure(client, kBrDeadReply, EINVAL);
}

TEST_F(Binder, Bd16ClientDiesBeforeTheCallIsRead)
{
	{
		Peer client;
		send(client, 0, 1, Parcel("orphan"));
	}
	Peer other;
	send(other, 0, 2, Parcel("next"));
	for (bool found = false; !found;) {
		TransactionData call = manager->want_call();
		found = call.code == 2;
		ASSERT_FALSE(HasFailure());
		reply(*manager, call);
	}
	want_reply(other);
}

TEST_F(Binder, Bd16ClientDiesBeforeTheReply)
{
	auto client = std::make_unique<Peer>();
	send(*client, 0, 1, Parcel("orphan"));
	TransactionData call = manager->want_call();
	client.reset();
	ASSERT_TRUE(wait_until([&] { return active(read_file(debugfs() + "/stats"), "proc") < 2; }));
	manager->error();
	reply(*manager, call, Parcel("nobody"));
	EXPECT_TRUE(manager->idle());
	EXPECT_EQ(manager->error().command, u32{kBrOk});
	Peer other;
	round_trip(other, *manager);
}

TEST_F(Binder, Bd16ClientDiesWithTheReplyUnread)
{
	{
		Peer client;
		send(client, 0, 1);
		reply(*manager, manager->want_call(), Parcel(Bytes(100000)));
	}
	Peer other;
	round_trip(other, *manager);
}

/// A client in a process of its own that blocks in its call, and says first that it begins.
int calls_and_blocks(int socket)
{
	auto connection = Connection::open(device());
	if (!connection)
		return 1;
	u8 begins = 1;
	if (write(socket, &begins, 1) != 1)
		return 1;
	Parcel parcel("from a child");
	Commands commands;
	commands.transaction(0, 1, parcel);
	for (;;) {
		Outcome outcome = connection->write_read(commands, 256);
		commands.clear();
		for (const Event& event : outcome.events()) {
			if (event.code == kBrReply || event.code == kBrDeadReply || event.code == kBrFailedReply)
				return static_cast<int>(event.code & 0xff);
		}
	}
}

TEST_F(Binder, Bd16KilledWhileItWaitsForTheCallToBeRead)
{
	Child client(calls_and_blocks);
	client.get<u8>();
	EXPECT_TRUE(wait_until([&] { return client.state() == 'S'; }));
	client.kill9();
	Peer other;
	send(other, 0, 2);
	TransactionData call = manager->want_call();
	if (call.code != 2) {
		reply(*manager, call);
		call = manager->want_call();
	}
	EXPECT_EQ(call.code, 2u);
	reply(*manager, call);
	want_reply(other);
}

TEST_F(Binder, Bd16KilledWhileItWaitsForTheReply)
{
	Child client(calls_and_blocks);
	client.get<u8>();
	TransactionData call = manager->want_call();
	EXPECT_EQ(manager->text(call), "from a child");
	client.kill9();
	reply(*manager, call, Parcel("too late"));
	Peer other;
	round_trip(other, *manager);
}

TEST_F(Binder, Bd16ServerKilledWhileAClientBlocks)
{
	Child client(calls_and_blocks);
	client.get<u8>();
	manager->want_call();
	manager.reset();
	EXPECT_EQ(client.wait(), static_cast<int>(kBrDeadReply & 0xff));
}

TEST_F(Binder, Bd16KilledAtAnyMoment)
{
	for (int round = 0; round < 60; ++round) {
		Child client([](int) {
			auto connection = Connection::open(device());
			for (;;) {
				Parcel parcel(Bytes(2000));
				parcel.binder(0x1000, 1);
				parcel.fd(3);
				Commands commands;
				commands.transaction(0, 1, parcel);
				for (bool done = false; !done;) {
					Outcome outcome = connection->write_read(commands, 512);
					commands.clear();
					for (const Event& event : outcome.events()) {
						if (event.code == kBrReply)
							commands.free_buffer(event.transaction().buffer);
						if (event.code == kBrIncrefs || event.code == kBrAcquire)
							commands.add(event.code == kBrIncrefs ? kBcIncrefsDone
											      : kBcAcquireDone,
								     event.as<PtrCookie>());
						done |= event.code == kBrReply || event.code == kBrFailedReply ||
							event.code == kBrDeadReply;
					}
				}
				connection->write(commands);
			}
			return 0;
		});
		auto end = std::chrono::steady_clock::now() + std::chrono::microseconds(200 * round);
		do {
			Event event = manager->next(1);
			if (event.code == kBrTransaction) {
				TransactionData call = event.transaction();
				auto object = manager->object<FdObject>(call, 1);
				close(static_cast<int>(object.fd));
				Commands commands;
				commands.free_buffer(call.buffer);
				commands.reply(Parcel("ok"));
				manager->io.write(commands);
			}
		} while (std::chrono::steady_clock::now() < end);
		client.kill9();
	}
	// Calls of the dead may be left: they are answered, too.
	Peer last;
	send(last, 0, 77);
	for (;;) {
		Event event = manager->next();
		ASSERT_NE(event.code, 0u);
		if (event.code != kBrTransaction)
			continue;
		TransactionData call = event.transaction();
		Commands commands;
		commands.free_buffer(call.buffer);
		commands.reply(Parcel());
		manager->write(commands);
		if (call.code == 77)
			break;
	}
	want_reply(last);
}

TEST_F(Binder, Bd17EverythingGoesWithItsProcesses)
{
	Peer a;
	Peer b;
	u32 node_a = hand_over(a, 1, 1);
	u32 b_to_a = share(node_a, b);
	hand_over(b, 2, 2);
	b.write(Commands().request_death(b_to_a, 5));
	manager->write(Commands().request_death(node_a, 6));
	send(b, b_to_a, 1, Parcel("unread"));
	send(a, 0, 1, Parcel("unread"), kOneWay);
	send(a, 0, 1, Parcel("unread, and waits for the first"), kOneWay);
	int pipes[2];
	ASSERT_EQ(pipe(pipes), 0);
	Parcel file;
	file.fd(pipes[0]);
	send(*manager, node_a, 1, file, kOneWay);
	close(pipes[0]);
	close(pipes[1]);
	std::string stats = read_file(debugfs() + "/stats");
	if (!stats.empty()) {
		EXPECT_EQ(active(stats, "proc"), 3);
		EXPECT_GE(active(stats, "node"), 3);
		EXPECT_EQ(active(stats, "death"), 2);
		EXPECT_EQ(active(stats, "transaction"), 4);
	}
	// The fixture looks for what is left.
}

TEST_F(Binder, Bd17FilesInUnreadTransactionsAreClosed)
{
	int pipes[2];
	ASSERT_EQ(pipe2(pipes, O_NONBLOCK), 0);
	{
		Peer client;
		Parcel parcel;
		parcel.fd(pipes[1]);
		send(client, 0, 1, parcel, kOneWay);
		close(pipes[1]);
		char byte = 0;
		EXPECT_EQ(read(pipes[0], &byte, 1), -1);
		EXPECT_EQ(errno, EAGAIN);
		manager.reset();
	}
	char byte = 0;
	EXPECT_TRUE(wait_until([&] { return read(pipes[0], &byte, 1) == 0; }));
	close(pipes[0]);
}

/// The C driver keeps such files, and all that their processes have, until the next boot.
bool keeps_files_in_circles() { return module_name() == "binder_linux"; }

/// A parcel with the file of a Peer.
Parcel file_of(const Peer& peer)
{
	Parcel parcel;
	parcel.fd(peer.io.fd());
	return parcel;
}

TEST_F(Binder, Bd17FileSentToItself)
{
	if (keeps_files_in_circles())
		GTEST_SKIP() << "\nskip: the C driver keeps it for ever";
	Peer client;
	// The second one waits at the node.
	for (int round = 0; round < 2; ++round)
		send(client, 0, 1, file_of(*manager), kOneWay);
	manager.reset();
	EXPECT_TRUE(wait_until([] { return make_manager() != nullptr; }));
	// The fixture looks for what is left.
}

TEST_F(Binder, Bd17FilesThatOnlyEachOthersCallsKeep)
{
	if (keeps_files_in_circles())
		GTEST_SKIP() << "\nskip: the C driver keeps them for ever";
	Peer a;
	Peer b;
	Peer c;
	u32 b_to_a = share(hand_over(a, 1, 1), b);
	u32 c_to_b = share(hand_over(b, 2, 2), c);
	u32 a_to_c = share(hand_over(c, 3, 3), a);
	send(b, b_to_a, 1, file_of(c));
	send(c, c_to_b, 1, file_of(a));
	send(a, a_to_c, 1, file_of(b));
}

TEST_F(Binder, Bd17FileInAReplyToItself)
{
	if (keeps_files_in_circles())
		GTEST_SKIP() << "\nskip: the C driver keeps it for ever";
	Peer client;
	send(client, 0, 1, {}, kAcceptFds);
	TransactionData call = manager->want_call();
	reply(*manager, call, file_of(client));
}

TEST_F(Binder, Bd17FilesForWhoUnmapsAreClosed)
{
	if (keeps_files_in_circles())
		GTEST_SKIP() << "\nskip: the C driver delivers them to who cannot know their numbers";
	int pipes[2];
	ASSERT_EQ(pipe2(pipes, O_NONBLOCK), 0);
	Parcel parcel;
	parcel.fd(pipes[1]);
	Peer client;
	Peer oneway;
	send(client, 0, 1, parcel);
	send(oneway, 0, 1, parcel, kOneWay);
	send(oneway, 0, 1, parcel, kOneWay);
	oneway.want(kBrTransactionComplete);
	oneway.want(kBrTransactionComplete);
	close(pipes[1]);
	EXPECT_EQ(manager->unmap(), 0);
	char byte = 0;
	EXPECT_TRUE(wait_until([&] { return read(pipes[0], &byte, 1) == 0; }));
	close(pipes[0]);
	// The calls are gone when they would be read: who waits is told.
	EXPECT_TRUE(manager->idle());
	client.want(kBrTransactionComplete);
	client.want(kBrFailedReply);
	EXPECT_TRUE(oneway.idle());
}

struct Sender {
	s32 pid;
	u32 euid;
};

/// A context manager in a process of its own that tells who called it. `before` may take it to other namespaces.
int tells_who_calls(int socket, const std::function<bool()>& before)
{
	if (!before())
		return 2;
	auto connection = open_as_manager(kAcceptsFds);
	if (!connection)
		return 3;
	if (!say_ready(socket))
		return 4;
	Commands commands;
	commands.enter_looper();
	for (;;) {
		Outcome outcome = connection->write_read(commands, 256);
		commands.clear();
		for (const Event& event : outcome.events()) {
			if (event.code != kBrTransaction)
				continue;
			TransactionData call = event.transaction();
			Sender sender = {call.sender_pid, call.sender_euid};
			if (write(socket, &sender, sizeof(sender)) != sizeof(sender))
				return 5;
			commands.free_buffer(call.buffer);
			Parcel empty;
			commands.reply(empty);
		}
	}
}

TEST_F(Binder, Bd18SenderIsTheOneWhoOpened)
{
	Peer client({.after = [] {
		if (setresuid(1234, 1234, 1234) != 0)
			_exit(9);
	}});
	send(client, 0, 1);
	TransactionData call = manager->want_call();
	EXPECT_EQ(call.sender_pid, client.pid());
	EXPECT_EQ(call.sender_euid, 1234u);
	reply(*manager, call);
	want_reply(client);
}

/// Calls the manager and expects that it told `pid` and `euid`; it is a Child's.
void expect_sender(Child& teller, s32 pid, u32 euid)
{
	teller.get<u8>();
	Peer client;
	send(client, 0, 1);
	auto sender = teller.get<Sender>();
	EXPECT_EQ(sender.pid, pid < 0 ? client.pid() : pid);
	EXPECT_EQ(sender.euid, euid);
	want_reply(client);
}

TEST_F(Binder, Bd18SenderInTheSameNamespaces)
{
	manager.reset();
	Child teller([](int socket) { return tells_who_calls(socket, [] { return true; }); });
	expect_sender(teller, -1, 0);
}

/// Goes on in a new process that is the first of a new pid namespace.
bool enter_pid_namespace()
{
	if (unshare(CLONE_NEWPID) != 0)
		return false;
	pid_t first = fork();
	if (first == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		return true;
	}
	int status = 0;
	waitpid(first, &status, 0);
	_exit(1);
}

TEST_F(Binder, Bd18SenderOutsideThePidNamespaceHasNoPid)
{
	manager.reset();
	Child teller([](int socket) { return tells_who_calls(socket, enter_pid_namespace); });
	expect_sender(teller, 0, 0);
}

TEST_F(Binder, Bd18SenderInAPidNamespaceHasThePidSeenHere)
{
	Child client([](int socket) { return enter_pid_namespace() ? calls_and_blocks(socket) : 1; });
	client.get<u8>();
	TransactionData call = manager->want_call();
	EXPECT_GT(call.sender_pid, 1);
	EXPECT_NE(call.sender_pid, client.pid());
	EXPECT_EQ(kill(call.sender_pid, 0), 0);
	reply(*manager, call);
}

TEST_F(Binder, Bd18UidsThatAreNotMappedAreMinusOne)
{
	manager.reset();
	Child teller([](int socket) { return tells_who_calls(socket, [] { return unshare(CLONE_NEWUSER) == 0; }); });
	expect_sender(teller, -1, ~0U);
}

TEST_F(Binder, Bd19ReplyWithoutACall)
{
	Peer peer;
	Commands commands;
	commands.reply(Parcel("to whom?"));
	peer.write(commands);
	expect_failure(peer, kBrFailedReply, EPROTO);
	// Of a call that another thread of the process has.
	send(peer, 0, 1);
	TransactionData call = manager->want_call();
	std::thread([&] {
		manager->write(commands);
		EXPECT_EQ(name_of(manager->next().code), "BR_FAILED_REPLY");
	}).join();
	reply(*manager, call);
	want_reply(peer);
}

TEST_F(Binder, Bd19ReplyToACallOneWaitsFor)
{
	Peer client;
	send(client, 0, 1);
	Commands commands;
	commands.reply(Parcel());
	client.write(commands);
	client.want(kBrTransactionComplete);
	client.want(kBrFailedReply);
	EXPECT_EQ(client.error().param, -EPROTO);
	// A second call over one that waits is none of a nested kind either.
	send(client, 0, 2);
	expect_failure(client, kBrFailedReply, EPROTO);
	reply(*manager, manager->want_call());
	client.want(kBrReply);
}

TEST_F(Binder, Bd20SignalEndsAWaitAndLosesNothing)
{
	struct sigaction action = {};
	action.sa_handler = [](int) {};
	sigaction(SIGUSR1, &action, nullptr);
	Peer server({.flags = O_RDWR | O_CLOEXEC});
	std::atomic<pid_t> reader = 0;
	Outcome interrupted;
	std::thread thread([&] {
		reader = static_cast<pid_t>(syscall(SYS_gettid));
		server.io.write(Commands().enter_looper());
		interrupted = server.io.read();
	});
	auto waits = [&] {
		std::string stat = read_file("/proc/self/task/" + std::to_string(reader.load()) + "/stat");
		return reader != 0 && stat.find(") S ") != std::string::npos;
	};
	EXPECT_TRUE(wait_until(waits));
	sleep_ms(20);
	syscall(SYS_tgkill, getpid(), reader.load(), SIGUSR1);
	thread.join();
	EXPECT_EQ(interrupted.error, -EINTR);
	EXPECT_EQ(interrupted.read_consumed, 0u);
}

TEST_F(Binder, Bd20SignalWhileAReplyIsAwaited)
{
	Child client([](int socket) {
		struct sigaction action = {};
		action.sa_handler = [](int) {};
		sigaction(SIGUSR1, &action, nullptr);
		auto connection = Connection::open(device());
		// A thread's first ioctl never waits.
		s32 version = 0;
		connection->ioctl(kVersion, version);
		Commands commands;
		commands.transaction(0, 1, Parcel("x"));
		s32 interrupted = 0;
		for (;;) {
			Outcome outcome = connection->write_read(commands, 256);
			commands.clear();
			if (outcome.error == -EINTR) {
				// What was written is not to be written again.
				if (outcome.write_consumed != (interrupted == 0 ? 68 : 0))
					return 1;
				++interrupted;
				if (write(socket, &interrupted, sizeof(interrupted)) != sizeof(interrupted))
					return 2;
			}
			for (const Event& event : outcome.events()) {
				if (event.code == kBrReply)
					return 0;
			}
		}
	});
	TransactionData call = manager->want_call();
	for (s32 round = 1; round <= 3; ++round) {
		EXPECT_TRUE(wait_until([&] { return client.state() == 'S'; }));
		kill(client.pid(), SIGUSR1);
		EXPECT_EQ(client.get<s32>(), round);
	}
	reply(*manager, call);
	EXPECT_EQ(client.wait(), 0);
}

/// Names of all returns of one read, NOOPs too.
Names names_of(const Outcome& outcome)
{
	Names names;
	for (const Event& event : outcome.events())
		names.push_back(name_of(event.code));
	return names;
}

TEST_F(Binder, Bd21SpawnLooperIsTheFirstWordOneAtATime)
{
	u32 most = 2;
	EXPECT_EQ(manager->io.ioctl(kSetMaxThreads, most), 0);
	manager->write(Commands().enter_looper());
	Peer client;
	auto take = [&] {
		send(client, 0, 1);
		Outcome outcome;
		wait_until([&] {
			outcome = manager->io.read();
			return outcome.events().size() > 1;
		});
		for (const Event& event : outcome.events()) {
			if (event.code == kBrTransaction)
				reply(*manager, event.transaction());
		}
		want_reply(client);
		return names_of(outcome);
	};
	// The first read of any kind asks for one; no other is asked for before it has come.
	EXPECT_EQ(take(), (Names{"BR_SPAWN_LOOPER", "BR_TRANSACTION"}));
	EXPECT_EQ(take(), (Names{"BR_NOOP", "BR_TRANSACTION"}));
	auto starts = [&] {
		std::thread([&] { EXPECT_EQ(manager->io.write(Commands().add(kBcRegisterLooper)).error, 0); }).join();
	};
	starts();
	EXPECT_EQ(take(), (Names{"BR_SPAWN_LOOPER", "BR_TRANSACTION"}));
	EXPECT_EQ(take(), (Names{"BR_NOOP", "BR_TRANSACTION"}));
	starts();
	// There are as many as there may be.
	EXPECT_EQ(take(), (Names{"BR_NOOP", "BR_TRANSACTION"}));
	most = 3;
	EXPECT_EQ(manager->io.ioctl(kSetMaxThreads, most), 0);
	EXPECT_EQ(take(), (Names{"BR_SPAWN_LOOPER", "BR_TRANSACTION"}));
}

TEST_F(Binder, Bd21OnlyLoopersAreAsked)
{
	u32 most = 5;
	EXPECT_EQ(manager->io.ioctl(kSetMaxThreads, most), 0);
	Peer client;
	send(client, 0, 1);
	Outcome outcome = manager->io.read();
	EXPECT_EQ(names_of(outcome), (Names{"BR_NOOP", "BR_TRANSACTION"}));
	reply(*manager, outcome.events()[1].transaction());
	want_reply(client);
	// Threads that registered without being asked are no trouble.
	EXPECT_EQ(client.io.write(Commands().add(kBcRegisterLooper).enter_looper()).error, 0);
}

TEST_F(Binder, Bd22DeathIsToldOnce)
{
	auto owner = std::make_unique<Peer>();
	u32 handle = hand_over(*owner, 0x1000, 0);
	manager->write(Commands().request_death(handle, 0xdead).request_death(handle, 0xbeef));
	EXPECT_TRUE(manager->idle());
	owner.reset();
	EXPECT_EQ(manager->want(kBrDeadBinder).as<u64>(), 0xdeadu);
	manager->write(Commands().dead_binder_done(0xbad).dead_binder_done(0xdead).dead_binder_done(0xdead));
	EXPECT_TRUE(manager->idle());
	send(*manager, handle, 1);
	expect_failure(*manager, kBrDeadReply, EINVAL);
	manager->write(Commands().release(handle));
}

TEST_F(Binder, Bd22DeathOfADeadNodeComesAtOnceToAnyThread)
{
	auto owner = std::make_unique<Peer>();
	u32 handle = hand_over(*owner, 0x1000, 0);
	owner.reset();
	ASSERT_TRUE(wait_until([&] { return active(read_file(debugfs() + "/stats"), "proc") < 2; }));
	manager->write(Commands().enter_looper().request_death(handle, 0xdead));
	// Queued for the process: a thread other than the one that asked can have it.
	std::thread([&] { EXPECT_EQ(manager->want(kBrDeadBinder).as<u64>(), 0xdeadu); }).join();
	manager->write(Commands().dead_binder_done(0xdead));
}

TEST_F(Binder, Bd22ClearOfAnIdleNotification)
{
	Peer owner;
	u32 handle = hand_over(owner, 0x1000, 0);
	manager->write(Commands().request_death(handle, 5).clear_death(handle, 6).clear_death(handle + 7, 5));
	EXPECT_TRUE(manager->idle());
	manager->write(Commands().clear_death(handle, 5));
	EXPECT_EQ(manager->want(kBrClearDeathDone).as<u64>(), 5u);
	manager->write(Commands().clear_death(handle, 5));
	EXPECT_TRUE(manager->idle());
	// Another can be asked for.
	manager->write(Commands().request_death(handle, 7));
	owner.die();
	EXPECT_EQ(manager->want(kBrDeadBinder).as<u64>(), 7u);
}

TEST_F(Binder, Bd22ClearGivesExactlyNoopAndDone)
{
	Peer owner;
	u32 handle = hand_over(owner, 0x1000, 0);
	EXPECT_TRUE(manager->idle());
	Outcome outcome = manager->io.write_read(Commands().enter_looper().request_death(handle, 5).clear_death(handle,
														5),
						 256);
	EXPECT_EQ(names_of(outcome), (Names{"BR_NOOP", "BR_CLEAR_DEATH_NOTIFICATION_DONE"}));
}

TEST_F(Binder, Bd22ClearOfAQueuedNotification)
{
	auto owner = std::make_unique<Peer>();
	u32 handle = hand_over(*owner, 0x1000, 0);
	manager->write(Commands().request_death(handle, 5));
	owner.reset();
	ASSERT_TRUE(wait_until([&] { return active(read_file(debugfs() + "/stats"), "proc") < 2; }));
	manager->write(Commands().clear_death(handle, 5));
	EXPECT_EQ(manager->want(kBrDeadBinder).as<u64>(), 5u);
	EXPECT_TRUE(manager->idle());
	manager->write(Commands().dead_binder_done(5));
	EXPECT_EQ(manager->want(kBrClearDeathDone).as<u64>(), 5u);
}

TEST_F(Binder, Bd22ClearOfADeliveredNotification)
{
	auto owner = std::make_unique<Peer>();
	u32 handle = hand_over(*owner, 0x1000, 0);
	manager->write(Commands().request_death(handle, 5));
	owner.reset();
	EXPECT_EQ(manager->want(kBrDeadBinder).as<u64>(), 5u);
	manager->write(Commands().clear_death(handle, 5));
	EXPECT_TRUE(manager->idle());
	manager->write(Commands().dead_binder_done(5));
	EXPECT_EQ(manager->want(kBrClearDeathDone).as<u64>(), 5u);
}

TEST_F(Binder, Bd22ClearOfAnAcknowledgedNotification)
{
	auto owner = std::make_unique<Peer>();
	u32 handle = hand_over(*owner, 0x1000, 0);
	manager->write(Commands().request_death(handle, 5));
	owner.reset();
	EXPECT_EQ(manager->want(kBrDeadBinder).as<u64>(), 5u);
	manager->write(Commands().dead_binder_done(5));
	EXPECT_TRUE(manager->idle());
	manager->write(Commands().clear_death(handle, 5));
	EXPECT_EQ(manager->want(kBrClearDeathDone).as<u64>(), 5u);
}

TEST_F(Binder, Bd22LastReferenceCancelsSilently)
{
	Peer owner;
	u32 handle = hand_over(owner, 0x1000, 0);
	manager->write(Commands().request_death(handle, 5).release(handle));
	owner.want(kBrRelease);
	owner.die();
	EXPECT_TRUE(manager->idle());
}

TEST_F(Binder, Bd22ManagerDeathIsTold)
{
	Peer client;
	client.write(Commands().acquire(0).request_death(0, 0x99));
	manager.reset();
	EXPECT_EQ(client.want(kBrDeadBinder).as<u64>(), 0x99u);
}

}  // namespace
}  // namespace binder
