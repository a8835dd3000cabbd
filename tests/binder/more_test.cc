// SPDX-License-Identifier: GPL-2.0
/// \file
/// BD-41 and BD-45 to BD-72: freezing, priorities, poll, fork and exec, memory, what debugfs shows; and four bugs of the Rust driver.
#include <poll.h>
#include <sched.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <map>
#include <random>

#include "peer.hpp"

namespace binder {
namespace {

using Names = std::vector<std::string>;

int freeze(const Peer& by, const Peer& whom, bool enable, u32 timeout_ms = 0)
{
	FreezeInfo info = {static_cast<u32>(whom.pid()), enable ? 1u : 0u, timeout_ms};
	return by.io.ioctl(kFreeze, info);
}

FrozenStatus frozen(const Peer& by, const Peer& whom)
{
	FrozenStatus status = {.pid = static_cast<u32>(whom.pid())};
	EXPECT_EQ(by.io.ioctl(kGetFrozenInfo, status), 0);
	return status;
}

/// What an accepted oneway to a frozen process is answered with.
Br pending_code() { return has_freeze_notifications() ? kBrTransactionPendingFrozen : kBrTransactionComplete; }

TEST_F(Binder, Bd45FrozenProcessesTakeNoCalls)
{
	Peer client;
	Peer owner;
	u32 handle = hand_over(owner, 0x1000, 0);
	ASSERT_EQ(freeze(client, owner, true), 0);
	FrozenStatus status = frozen(client, owner);
	EXPECT_EQ(status.sync_recv, 0u);
	EXPECT_EQ(status.async_recv, 0u);
	send(*manager, handle, 1);
	manager->want(kBrFrozenReply);
	EXPECT_EQ(manager->error().param, 0);
	EXPECT_EQ(frozen(client, owner).sync_recv, 1u);
	// Oneways wait.
	send(*manager, handle, 2, {}, kOneWay);
	manager->want(pending_code());
	status = frozen(client, owner);
	EXPECT_EQ(status.async_recv, 1u);
	EXPECT_EQ(status.sync_recv, 3u);
	// Freezing again clears the bits, but not what waits.
	EXPECT_EQ(freeze(client, owner, true), -EAGAIN);
	EXPECT_EQ(freeze(client, owner, false), 0);
	status = frozen(client, owner);
	EXPECT_EQ(status.async_recv, 0u);
	TransactionData call = owner.want_call();
	EXPECT_EQ(call.code, 2u);
	owner.write(Commands().free_buffer(call.buffer));
	EXPECT_EQ(frozen(client, owner).sync_recv, 0u);
	send(*manager, handle, 3);
	reply(owner, owner.want_call());
	want_reply(*manager);
}

TEST_F(Binder, Bd45RepliesPass)
{
	Peer owner;
	send(owner, 0, 1);
	TransactionData call = manager->want_call();
	// The owner waits for a reply: it is busy.
	EXPECT_EQ(freeze(*manager, owner, true), -EAGAIN);
	EXPECT_EQ(frozen(*manager, owner).sync_recv, 2u);
	reply(*manager, call);
	// Until it has read it.
	EXPECT_EQ(freeze(*manager, owner, true, 10), -EAGAIN);
	want_reply(owner);
	EXPECT_EQ(freeze(*manager, owner, true), 0);
	// It may call others.
	send(owner, 0, 2);
	reply(*manager, manager->want_call());
	want_reply(owner);
	EXPECT_EQ(freeze(*manager, owner, false), 0);
}

TEST_F(Binder, Bd45FreezingWaitsForWork)
{
	Peer owner;
	u32 handle = hand_over(owner, 0x1000, 0);
	send(*manager, handle, 1);
	manager->pending();
	auto begin = std::chrono::steady_clock::now();
	EXPECT_EQ(freeze(*manager, owner, true, 200), -EAGAIN);
	EXPECT_GE(std::chrono::steady_clock::now() - begin, std::chrono::milliseconds(150));
	// An attempt that failed leaves it as it was.
	send(*manager, handle, 2, {}, kOneWay);
	manager->want(kBrTransactionComplete);
	int done = 1;
	std::thread waits([&] { done = freeze(*manager, owner, true, 15000); });
	sleep_ms(50);
	TransactionData call = owner.want_call();
	reply(owner, call);
	TransactionData oneway = owner.want_call();
	owner.write(Commands().free_buffer(oneway.buffer));
	waits.join();
	EXPECT_EQ(done, 0);
	EXPECT_EQ(freeze(*manager, owner, false), 0);
	want_reply(*manager);
}

TEST_F(Binder, Bd45SignalEndsTheWait)
{
	Peer owner;
	u32 handle = hand_over(owner, 0x1000, 0);
	send(*manager, handle, 1, {}, kOneWay);
	struct sigaction action = {};
	action.sa_handler = [](int) {};
	sigaction(SIGUSR1, &action, nullptr);
	std::atomic<pid_t> tid = 0;
	int done = 1;
	std::thread waits([&] {
		tid = static_cast<pid_t>(syscall(SYS_gettid));
		done = freeze(*manager, owner, true, 60000);
	});
	wait_until([&] { return tid != 0; });
	sleep_ms(50);
	syscall(SYS_tgkill, getpid(), tid.load(), SIGUSR1);
	waits.join();
	EXPECT_EQ(done, -EINTR);
	EXPECT_EQ(freeze(*manager, owner, false), 0);
	TransactionData call = owner.want_call();
	owner.write(Commands().free_buffer(call.buffer));
}

TEST_F(Binder, Bd46AllOpensOfAProcessAndUnknownPids)
{
	Child both([](int socket) {
		auto first = Connection::open(device());
		auto second = Connection::open(device());
		manage(*second, kAcceptsFds);
		if (!say_ready(socket))
			return 1;
		pause();
		return 0;
	});
	manager.reset();
	both.get<u8>();
	Peer client;
	FreezeInfo info = {static_cast<u32>(both.pid()), 1, 0};
	EXPECT_EQ(client.io.ioctl(kFreeze, info), 0);
	send(client, 0, 1);
	client.want(kBrFrozenReply);
	info.enable = 0;
	EXPECT_EQ(client.io.ioctl(kFreeze, info), 0);
	for (u32 pid : {0u, 1u, 0xffffffffu}) {
		info = {pid, 1, 0};
		EXPECT_EQ(client.io.ioctl(kFreeze, info), -EINVAL);
		FrozenStatus status = {.pid = pid};
		EXPECT_EQ(client.io.ioctl(kGetFrozenInfo, status), -EINVAL);
	}
}

TEST_F(Binder, Bd47SendersToAFrozenProcessAreTold)
{
	Peer owner;
	u32 handle = hand_over(owner, 0x1000, 0);
	ASSERT_EQ(freeze(*manager, owner, true), 0);
	for (int count = 0; count < 3; ++count) {
		send(*manager, handle, 1, {}, kOneWay);
		manager->want(pending_code());
	}
	ASSERT_EQ(freeze(*manager, owner, false), 0);
	send(*manager, handle, 1, {}, kOneWay);
	manager->want(kBrTransactionComplete);
}

TEST_F(Binder, Bd41UpdatesSupersedeOnlyWhereFrozen)
{
	Peer owner;
	u32 handle = hand_over(owner, 0x1000, 0);
	constexpr u32 kFlags = kOneWay | kUpdateTxn;
	auto take_all = [&] {
		std::string seen;
		for (;;) {
			Event event = owner.next(100);
			if (event.code == 0)
				return seen;
			TransactionData call = event.transaction();
			seen += owner.text(call);
			owner.write(Commands().free_buffer(call.buffer));
		}
	};
	send(*manager, handle, 1, Parcel("a"), kFlags);
	send(*manager, handle, 1, Parcel("b"), kFlags);
	send(*manager, handle, 1, Parcel("c"), kFlags);
	EXPECT_EQ(take_all(), "abc");
	ASSERT_EQ(freeze(*manager, owner, true), 0);
	// The first runs, as it were, and is not among those that wait.
	send(*manager, handle, 1, Parcel("0"), kFlags);
	send(*manager, handle, 1, Parcel("a"), kFlags);
	send(*manager, handle, 1, Parcel("b"), kFlags);
	send(*manager, handle, 2, Parcel("other code"), kFlags);
	send(*manager, handle, 1, Parcel("other flags"), kOneWay);
	send(*manager, handle, 1, Parcel("c"), kFlags);
	ASSERT_EQ(freeze(*manager, owner, false), 0);
	EXPECT_EQ(take_all(), "0other codeother flagsc");
	manager->pending();
	EXPECT_EQ(frozen(*manager, owner).sync_recv, 0u);
}

TEST_F(Binder, Bd48FreezeNotifications)
{
	if (!has_freeze_notifications())
		GTEST_SKIP() << "\nskip: this kernel's driver has no freeze notifications";
	Peer owner;
	u32 handle = hand_over(owner, 0x1000, 0);
	auto with = [&](Bc command, u32 target, u64 cookie) {
		return manager->io.write(Commands().add(command, HandleCookie{target, cookie})).error;
	};
	auto done = [&](u64 cookie) { return manager->io.write(Commands().add(kBcFreezeDone, cookie)).error; };
	auto want = [&](u64 cookie, u32 is_frozen) {
		auto state = manager->want(kBrFrozenBinder).as<FrozenState>();
		EXPECT_EQ(state.cookie, cookie);
		EXPECT_EQ(state.is_frozen, is_frozen);
		EXPECT_EQ(state.reserved, 0u);
	};
	EXPECT_EQ(with(kBcRequestFreeze, 99, 5), -EINVAL);
	EXPECT_EQ(with(kBcClearFreeze, 99, 5), -EINVAL);
	EXPECT_EQ(with(kBcClearFreeze, handle, 5), -EINVAL);
	EXPECT_EQ(done(5), -EINVAL);
	// The state as it is comes at once.
	EXPECT_EQ(with(kBcRequestFreeze, handle, 5), 0);
	EXPECT_EQ(with(kBcRequestFreeze, handle, 6), -EINVAL);
	want(5, 0);
	EXPECT_EQ(done(6), -EINVAL);
	EXPECT_EQ(done(5), 0);
	EXPECT_EQ(done(5), -EINVAL);
	EXPECT_TRUE(manager->idle());
	ASSERT_EQ(freeze(*manager, owner, true), 0);
	want(5, 1);
	// Delivered, not acknowledged: it comes again if the state is another by then.
	ASSERT_EQ(freeze(*manager, owner, false), 0);
	EXPECT_TRUE(manager->idle());
	EXPECT_EQ(done(5), 0);
	want(5, 0);
	EXPECT_EQ(done(5), 0);
	// Queued: the state changes in place.
	ASSERT_EQ(freeze(*manager, owner, true), 0);
	ASSERT_EQ(freeze(*manager, owner, false), 0);
	want(5, 0);
	EXPECT_EQ(done(5), 0);
	EXPECT_TRUE(manager->idle());
	// Cleared while idle.
	EXPECT_EQ(with(kBcClearFreeze, handle, 6), -EINVAL);
	EXPECT_EQ(with(kBcClearFreeze, handle, 5), 0);
	EXPECT_EQ(manager->want(kBrClearFreezeDone).as<u64>(), 5u);
	EXPECT_EQ(with(kBcClearFreeze, handle, 5), -EINVAL);
	// While queued: only that it is cleared is told.
	EXPECT_EQ(with(kBcRequestFreeze, handle, 7), 0);
	EXPECT_EQ(with(kBcClearFreeze, handle, 7), 0);
	EXPECT_EQ(manager->want(kBrClearFreezeDone).as<u64>(), 7u);
	EXPECT_TRUE(manager->idle());
	// While delivered: after the acknowledgement.
	EXPECT_EQ(with(kBcRequestFreeze, handle, 8), 0);
	want(8, 0);
	EXPECT_EQ(with(kBcClearFreeze, handle, 8), 0);
	EXPECT_TRUE(manager->idle());
	EXPECT_EQ(done(8), 0);
	EXPECT_EQ(manager->want(kBrClearFreezeDone).as<u64>(), 8u);
}

TEST_F(Binder, Bd48NotificationsOfTheDead)
{
	if (!has_freeze_notifications())
		GTEST_SKIP() << "\nskip: this kernel's driver has no freeze notifications";
	auto owner = std::make_unique<Peer>();
	u32 handle = hand_over(*owner, 0x1000, 0);
	manager->write(Commands().add(kBcRequestFreeze, HandleCookie{handle, 5}));
	manager->want(kBrFrozenBinder);
	owner.reset();
	ASSERT_TRUE(wait_until([&] { return active(read_file(debugfs() + "/stats"), "proc") < 2; }));
	manager->write(Commands().add(kBcFreezeDone, u64{5}).add(kBcClearFreeze, HandleCookie{handle, 5}));
	EXPECT_EQ(manager->want(kBrClearFreezeDone).as<u64>(), 5u);
	// No state of one that is dead.
	manager->write(Commands().add(kBcRequestFreeze, HandleCookie{handle, 6}));
	EXPECT_TRUE(manager->idle());
	manager->write(Commands().release(handle));
}

int nice_of(pid_t tid)
{
	errno = 0;
	return getpriority(PRIO_PROCESS, static_cast<id_t>(tid));
}

/// Nice values of a thread of the server: before, during and after a call.
struct NiceFacts {
	int before, during, after;
};

NiceFacts serve_with_nice(Peer& server, Peer& client, u32 handle, int client_nice, int server_nice, u32 flags)
{
	NiceFacts facts = {};
	std::thread([&] {
		setpriority(PRIO_PROCESS, 0, client_nice);
		send(client, handle, 1, {}, flags);
	}).join();
	std::thread([&] {
		setpriority(PRIO_PROCESS, 0, server_nice);
		facts.before = nice_of(0);
		TransactionData call = server.want_call();
		facts.during = nice_of(0);
		Commands commands;
		commands.free_buffer(call.buffer);
		if (!(flags & kOneWay))
			commands.reply(Parcel());
		server.write(commands);
		facts.after = nice_of(0);
	}).join();
	return facts;
}

TEST_F(Binder, Bd49NiceOfTheCallerDownToTheNodes)
{
	// A thread that is to wait for any work takes the nice value of who opened.
	setpriority(PRIO_PROCESS, 0, 15);
	Peer owner;
	setpriority(PRIO_PROCESS, 0, 0);
	u32 lowest10 = hand_over(owner, 0x1000, 0, kAcceptsFds | 10);
	u32 lowest18 = hand_over(owner, 0x2000, 0, kAcceptsFds | 18);
	struct {
		u32 handle, flags;
		int client, during;
	} const rows[] = {
		{lowest10, 0, 5, 5},   {lowest10, 0, 12, 10},	   {lowest10, 0, 19, 10},      {lowest18, 0, 17, 17},
		{lowest18, 0, 19, 18}, {lowest10, kOneWay, 5, 10}, {lowest18, kOneWay, 5, 15},
	};
	for (const auto& row : rows) {
		SCOPED_TRACE(std::to_string(row.handle) + " " + std::to_string(row.flags) + " " +
			     std::to_string(row.client));
		NiceFacts facts = serve_with_nice(owner, *manager, row.handle, row.client, 3, row.flags);
		EXPECT_EQ(facts.before, 3);
		EXPECT_EQ(facts.during, row.during);
		if (!(row.flags & kOneWay)) {
			EXPECT_EQ(facts.after, 15);
		}
	}
}

TEST_F(Binder, Bd49NiceThatIsNotPermitted)
{
	manager.reset();
	Child server([](int socket) {
		auto connection = open_as_manager(19);
		// To nice 2 and no better.
		rlimit limit = {18, 18};
		setrlimit(RLIMIT_NICE, &limit);
		if (setresuid(1234, 1234, 1234) != 0)
			return 1;
		if (!say_ready(socket))
			return 1;
		wait_for_call(*connection);
		return nice_of(0);
	});
	server.get<u8>();
	Peer client;
	std::thread([&] {
		setpriority(PRIO_PROCESS, 0, -5);
		send(client, 0, 1);
	}).join();
	EXPECT_EQ(server.wait(), 2);
}

TEST_F(Binder, Bd50SecurityContexts)
{
	manager.reset();
	manager = make_manager(kAcceptsFds | kWantsSecctx, 0x1234, 0x5678);
	Peer client;
	send(client, 0, 1, Parcel("abc"));
	std::string modules = read_file("/sys/kernel/security/lsm") + read_file("/proc/self/attr/current");
	Event event = client.next(100);
	if (event.code != 0) {
		// No module has contexts.
		EXPECT_EQ(name_of(event.code), "BR_FAILED_REPLY");
		ExtendedError error = client.error();
		EXPECT_EQ(error.command, u32{kBrFailedReply});
		EXPECT_LT(error.param, 0) << modules;
		return;
	}
	event = manager->next();
	EXPECT_EQ(name_of(event.code), "BR_TRANSACTION_SEC_CTX");
	auto call = event.as<TransactionDataSecctx>();
	EXPECT_EQ(call.data.target, 0x1234u);
	Bytes context = manager->memory(call.secctx, 64);
	EXPECT_GT(strnlen(reinterpret_cast<char*>(context.data()), 64), 0u);
	EXPECT_LT(strnlen(reinterpret_cast<char*>(context.data()), 64), 64u);
	reply(*manager, call.data);
	want_reply(client);
}

/// What poll() says of a Peer's file now.
short polled(const Peer& peer, int timeout_ms = 0)
{
	pollfd waits = {peer.io.fd(), POLLIN, 0};
	poll(&waits, 1, timeout_ms);
	return waits.revents;
}

TEST_F(Binder, Bd52PollTellsOfWork)
{
	Peer client;
	s32 version = 0;
	manager->io.ioctl(kVersion, version);
	client.io.ioctl(kVersion, version);
	EXPECT_EQ(polled(*manager), 0);
	send(client, 0, 1);
	EXPECT_EQ(polled(*manager), POLLIN);
	EXPECT_EQ(polled(client), 0);
	TransactionData call = manager->want_call();
	EXPECT_EQ(polled(*manager), 0);
	reply(*manager, call);
	EXPECT_EQ(polled(client), POLLIN);
	want_reply(client);
	EXPECT_EQ(polled(client), 0);
}

TEST_F(Binder, Bd52PollersAreWoken)
{
	Peer client;
	std::atomic<int> woken = 0;
	std::vector<std::thread> threads;
	for (int number = 0; number < 3; ++number)
		threads.emplace_back([&] {
			s32 version = 0;
			manager->io.ioctl(kVersion, version);
			manager->io.write(Commands().enter_looper());
			woken += polled(*manager, kPatienceMs) == POLLIN ? 1 : 0;
		});
	sleep_ms(100);
	EXPECT_EQ(woken, 0);
	send(client, 0, 1);
	for (std::thread& thread : threads)
		thread.join();
	EXPECT_EQ(woken, 3);
	reply(*manager, manager->want_call());
	want_reply(client);
}

TEST_F(Binder, Bd52EpollKnowsOfWorkToOneself)
{
	Peer owner;
	Peer client;
	int epoll = epoll_create1(EPOLL_CLOEXEC);
	epoll_event event = {.events = EPOLLIN};
	ASSERT_EQ(epoll_ctl(epoll, EPOLL_CTL_ADD, owner.io.fd(), &event), 0);
	u32 handle = hand_over(owner, 0x1000, 0);
	owner.write(Commands().enter_looper());
	while (owner.next(10).code != 0)
		;
	EXPECT_EQ(epoll_wait(epoll, &event, 1, 0), 0);
	// Death notifications that are cleared are answered to the thread itself.
	u32 theirs = share(handle, client);
	(void)theirs;
	owner.write(Commands().acquire(0).request_death(0, 1).clear_death(0, 1));
	EXPECT_EQ(epoll_wait(epoll, &event, 1, kPatienceMs), 1);
	owner.want(kBrClearDeathDone);
	close(epoll);
}

TEST_F(Binder, Bd53CloseOfADuplicateMakesWaitersReturn)
{
	manager->write(Commands().enter_looper());
	fcntl(manager->io.fd(), F_SETFL, 0);
	Outcome outcome;
	std::atomic<pid_t> tid = 0;
	std::thread thread([&] {
		s32 version = 0;
		manager->io.ioctl(kVersion, version);
		tid = static_cast<pid_t>(syscall(SYS_gettid));
		outcome = manager->io.read();
	});
	wait_until([&] { return tid != 0; });
	sleep_ms(50);
	close(dup(manager->io.fd()));
	thread.join();
	EXPECT_EQ(outcome.error, 0);
	ASSERT_EQ(outcome.events().size(), 1u);
	EXPECT_EQ(name_of(outcome.events()[0].code), "BR_NOOP");
	fcntl(manager->io.fd(), F_SETFL, O_NONBLOCK);
}

TEST_F(Binder, Bd54ForkedChildHasTheFileButNoMapping)
{
	Child parent([](int socket) {
		auto connection = Connection::open(device(), kMap, O_RDWR);
		s32 facts[3] = {};
		pid_t child = fork();
		if (child == 0) {
			s32 version = 0;
			facts[0] = connection->ioctl(kVersion, version);
			facts[1] = mmap(nullptr, kMap, PROT_READ, MAP_PRIVATE, connection->fd(), 0) == MAP_FAILED
					   ? -errno
					   : 0;
			if (write(socket, facts, sizeof(facts)) != sizeof(facts))
				_exit(9);
			_exit(*reinterpret_cast<volatile u8*>(static_cast<uintptr_t>(connection->base())));
		}
		int status = 0;
		waitpid(child, &status, 0);
		return WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV ? 0 : 1;
	});
	struct {
		s32 version, map, unused;
	} facts = parent.get<decltype(facts)>();
	EXPECT_EQ(facts.version, 0);
	EXPECT_EQ(facts.map, -EINVAL);
	EXPECT_EQ(parent.wait(), 0);
}

TEST_F(Binder, Bd54ExecKeepsTheFileAndLosesTheMapping)
{
	Peer client;
	manager.reset();
	Child server([](int socket) {
		auto connection = open_as_manager(0, O_RDWR);
		if (!say_ready(socket))
			return 1;
		// A program that keeps the file and waits.
		execl("/bin/sleep", "sleep", "60", nullptr);
		return 1;
	});
	server.get<u8>();
	EXPECT_TRUE(
		wait_until([&] { return read_file("/proc/" + std::to_string(server.pid()) + "/comm") == "sleep\n"; }));
	send(client, 0, 1);
	expect_failure(client, kBrDeadReply, ESRCH);
}

TEST_F(Binder, Bd55UnmappedReceiversAreDead)
{
	Peer client;
	send(client, 0, 1, Parcel("unread"), kOneWay);
	EXPECT_EQ(manager->unmap(), 0);
	client.want(kBrTransactionComplete);
	send(client, 0, 1);
	expect_failure(client, kBrDeadReply, ESRCH);
	send(client, 0, 1, {}, kOneWay);
	expect_failure(client, kBrDeadReply, ESRCH);
	EXPECT_EQ(manager->map_again(), -EBUSY);
	// It can still call.
	Peer other;
	send(client, 0, 1);
	expect_failure(client, kBrDeadReply, ESRCH);
}

TEST_F(Binder, Bd55UnmappedBetweenCallAndReply)
{
	Peer client;
	send(client, 0, 1, Parcel("call"));
	TransactionData call = manager->want_call();
	EXPECT_EQ(client.unmap(), 0);
	EXPECT_EQ(manager->unmap(), 0);
	manager->write(Commands().reply(Parcel("x")));
	manager->want(kBrTransactionComplete);
	client.want(kBrTransactionComplete);
	client.want(kBrDeadReply);
	EXPECT_EQ(client.error().param, -ESRCH);
	manager->write(Commands().free_buffer(call.buffer));
}

TEST_F(Binder, Bd56MemoryIsReclaimedAndComesBack)
{
	Peer client;
	std::mt19937 random(1);
	std::atomic<bool> stop = false;
	std::thread shrinks([&] {
		while (!stop) {
			write_file("/proc/sys/vm/drop_caches", "2");
			sleep_ms(1);
		}
	});
	for (int round = 0; round < 150; ++round) {
		Parcel parcel{Bytes(random() % 100000)};
		for (size_t at = 0; at < parcel.data.size(); at += 61)
			parcel.data[at] = static_cast<u8>(random());
		send(client, 0, 1, parcel);
		TransactionData call = manager->want_call();
		ASSERT_EQ(manager->memory(call.buffer, call.data_size), parcel.data);
		reply(*manager, call, parcel);
		TransactionData answer = want_reply(client);
		ASSERT_EQ(client.memory(answer.buffer, answer.data_size), parcel.data);
		client.write(Commands().free_buffer(answer.buffer));
	}
	stop = true;
	shrinks.join();
}

/// "pages: a:b:c" of a process's statistics.
std::vector<int> pages_of(const Peer& peer)
{
	std::string text = read_file(debugfs() + "/proc/" + std::to_string(peer.pid()));
	if (text.find("pages:") == std::string::npos) {
		text = read_file(debugfs() + "/stats");
		size_t at = text.find("proc " + std::to_string(peer.pid()) + "\n");
		text = at == std::string::npos ? "" : text.substr(at);
	}
	std::vector<int> numbers(3, -1);
	size_t at = text.find("pages:");
	if (at != std::string::npos)
		std::sscanf(text.c_str() + at, "pages: %d:%d:%d", numbers.data(), &numbers[1], &numbers[2]);
	return numbers;
}

TEST_F(Binder, Bd57PagesAreCounted)
{
	Peer client;
	int all = kMap / 4096;
	EXPECT_EQ(pages_of(*manager), (std::vector<int>{0, 0, all}));
	send(client, 0, 1, Parcel(Bytes(4 * 4096)));
	TransactionData call = manager->want_call();
	EXPECT_EQ(pages_of(*manager), (std::vector<int>{4, 0, all - 4}));
	reply(*manager, call);
	EXPECT_EQ(pages_of(*manager), (std::vector<int>{0, 4, all - 4}));
	write_file("/proc/sys/vm/drop_caches", "2");
	EXPECT_TRUE(wait_until([&] {
		write_file("/proc/sys/vm/drop_caches", "2");
		return pages_of(*manager) == std::vector<int>{0, 0, all};
	}));
	want_reply(client);
	round_trip(client, *manager);
}

TEST_F(Binder, Bd58BuffersAreBestFitsAndMerge)
{
	Peer client;
	Peer owner;
	u32 handle = hand_over(owner, 0x1000, 0);
	u64 base = owner.io.base();
	// The reply of hand_over() has gone; the mapping is one free piece. Calls that are replied to leave their buffers.
	auto allocate = [&](u64 size) {
		send(*manager, handle, 1, Parcel(Bytes(size)));
		TransactionData call = owner.want_call();
		owner.write(Commands().reply(Parcel()));
		owner.want(kBrTransactionComplete);
		manager->write(Commands().free_buffer(want_reply(*manager).buffer));
		return call.buffer - base;
	};
	auto release = [&](u64 at) { owner.write(Commands().free_buffer(base + at)); };
	EXPECT_EQ(allocate(1000), 0u);
	EXPECT_EQ(allocate(64), 1000u);
	EXPECT_EQ(allocate(200), 1064u);
	EXPECT_EQ(allocate(64), 1264u);
	EXPECT_EQ(allocate(500), 1328u);
	EXPECT_EQ(allocate(8), 1832u);
	release(0);
	release(1064);
	release(1328);
	// 1000, 200 and 504 bytes are free, and the rest.
	EXPECT_EQ(allocate(150), 1064u);
	EXPECT_EQ(allocate(300), 1328u);
	EXPECT_EQ(allocate(505), 0u);
	EXPECT_EQ(allocate(196), 1632u);
	EXPECT_EQ(allocate(480), 512u);
	release(1328);
	release(1632);
	// Both are one again.
	EXPECT_EQ(allocate(504), 1328u);
	(void)client;
}

TEST_F(Binder, Bd58AllLayoutsOfFiveBuffers)
{
	// The C driver's own test has 5 buffers that end before, at and after pages' ends, freed in every order. Here: from outside.
	Peer owner;
	u32 handle = hand_over(owner, 0x1000, 0);
	u64 base = owner.io.base();
	std::mt19937 random(7);
	const u64 kEnds[] = {4096 - 8, 4096, 4096 + 8, 8192 - 8, 8192};
	for (int round = 0; round < 60; ++round) {
		std::vector<u64> order;
		u64 end = 0;
		for (int number = 0; number < 5; ++number) {
			u64 size = kEnds[random() % 5];
			send(*manager, handle, 1, Parcel(Bytes(size, static_cast<u8>(number + 1))));
			TransactionData call = owner.want_call();
			ASSERT_EQ(call.buffer, base + end);
			end += size;
			owner.write(Commands().reply(Parcel()));
			owner.want(kBrTransactionComplete);
			manager->write(Commands().free_buffer(want_reply(*manager).buffer));
			order.push_back(call.buffer);
		}
		std::shuffle(order.begin(), order.end(), random);
		for (u64 buffer : order)
			owner.write(Commands().free_buffer(buffer));
	}
}

TEST_F(Binder, Bd59LowestHandleIsUsedAgain)
{
	Peer owner;
	constexpr u32 kMany = 200;
	for (u32 number = 1; number <= kMany; ++number)
		ASSERT_EQ(hand_over(owner, number * 16, 0), number);
	for (u32 number : {150u, 7u, 64u, 65u, 199u})
		manager->write(Commands().release(number));
	owner.pending();
	for (u32 number : {7u, 64u, 65u, 150u, 199u})
		ASSERT_EQ(hand_over(owner, 0x100000 + number * 16, 0), number);
	// Most go, so that tables shrink; then they grow again.
	for (u32 number = kMany; number > 3; --number)
		manager->write(Commands().release(number));
	owner.pending();
	for (u32 number = 4; number <= kMany; ++number)
		ASSERT_EQ(hand_over(owner, 0x200000 + number * 16, 0), number);
}

TEST_F(Binder, Bd60ReferencesToTheDeadAreReleasedLater)
{
	auto owner = std::make_unique<Peer>();
	u32 handle = hand_over(*owner, 0x1000, 0);
	Peer client;
	u32 theirs = share(handle, client);
	owner.reset();
	ASSERT_TRUE(wait_until([&] { return active(read_file(debugfs() + "/stats"), "proc") < 3; }));
	send(client, theirs, 1);
	expect_failure(client, kBrDeadReply, EINVAL);
	// The handle of a dead node can be sent on.
	Peer third;
	share(handle, third);
	manager->write(Commands().release(handle).increfs(handle).decrefs(handle));
	client.write(Commands().release(theirs));
	EXPECT_TRUE(wait_until([&] { return active(read_file(debugfs() + "/stats"), "node") <= 2; }));
}

TEST_F(Binder, Bd61FailuresClimbToALivingCaller)
{
	auto middle = std::make_unique<Peer>();
	Peer last;
	Peer client;
	u32 node = hand_over(*middle, 0x1000, 0);
	u32 to_last = hand_over(last, 0x2000, 0);
	u32 middle_to_last = share(to_last, *middle);
	u32 client_to_middle = share(node, client);
	send(client, client_to_middle, 1);
	middle->want_call();
	send(*middle, middle_to_last, 2);
	TransactionData call = last.want_call();
	middle.reset();
	// The call it waited in goes on; what comes of that call climbs to who waits for the dead.
	EXPECT_TRUE(client.idle());
	reply(last, call);
	client.want(kBrTransactionComplete);
	client.want(kBrDeadReply);
}

TEST_F(Binder, Bd61ChainOfThreeEndsWithTheLast)
{
	Peer middle;
	auto last = std::make_unique<Peer>();
	u32 to_last = hand_over(*last, 0x2000, 0);
	u32 middle_to_last = share(to_last, middle);
	u32 node = hand_over(middle, 0x1000, 0);
	send(*manager, node, 1);
	TransactionData call = middle.want_call();
	send(middle, middle_to_last, 2);
	last->want_call();
	last.reset();
	middle.want(kBrTransactionComplete);
	middle.want(kBrDeadReply);
	reply(middle, call);
	want_reply(*manager);
}

TEST_F(Binder, Bd62StopOnUserError)
{
	std::string file = "/sys/module/" + module_name() + "/parameters/stop_on_user_error";
	if (!write_file(file, "1"))
		GTEST_SKIP() << "\nskip: no such parameter";
	Peer peer;
	std::atomic<int> returned = 0;
	// The one who made the error is parked as well as those who come later.
	std::thread first([&] {
		peer.io.write(Commands().free_buffer(12345));
		++returned;
	});
	EXPECT_TRUE(wait_until([&] { return read_file(file) == "2\n"; }));
	std::thread second([&] {
		s32 version = 0;
		peer.io.ioctl(kVersion, version);
		++returned;
	});
	sleep_ms(100);
	EXPECT_EQ(returned, 0);
	EXPECT_TRUE(write_file(file, "0"));
	first.join();
	second.join();
}

TEST_F(Binder, Bd64StateNamesWhatThereIs)
{
	Peer owner;
	u32 handle = hand_over(owner, 0x4711000, 0x815);
	manager->write(Commands().request_death(handle, 0x77));
	send(*manager, handle, 0x42, Parcel("abcdefgh"));
	std::string own = "proc " + std::to_string(owner.pid()) + "\n";
	std::string state = read_file(debugfs() + "/state");
	EXPECT_EQ(state.rfind("binder state:\n", 0), 0u);
	EXPECT_NE(state.find(own), std::string::npos);
	EXPECT_NE(state.find("\n  node "), std::string::npos);
	EXPECT_NE(state.find("u0000000004711000 c0000000000000815 "), std::string::npos) << state;
	EXPECT_NE(state.find("\n  ref "), std::string::npos);
	EXPECT_NE(state.find(" desc " + std::to_string(handle) + " node "), std::string::npos);
	EXPECT_NE(state.find("outgoing transaction "), std::string::npos);
	EXPECT_NE(state.find("pending transaction "), std::string::npos);
	EXPECT_NE(state.find(" code 42 flags 0 pri 0 r1"), std::string::npos);
	std::string transactions = read_file(debugfs() + "/transactions");
	EXPECT_EQ(transactions.rfind("binder transactions:\n", 0), 0u);
	EXPECT_NE(transactions.find(own), std::string::npos);
	EXPECT_EQ(read_file(debugfs() + "/stats").rfind("binder stats:\n", 0), 0u);
	reply(owner, owner.want_call());
	want_reply(*manager);
	for (const char* name : {"state", "stats", "transactions", "transaction_log", "failed_transaction_log"}) {
		struct stat status = {};
		EXPECT_EQ(stat((debugfs() + "/" + name).c_str(), &status), 0);
		EXPECT_EQ(status.st_mode & 0777, 0444u) << name;
	}
}

TEST_F(Binder, Bd65FileOfAProcess)
{
	std::string path;
	{
		Peer owner;
		hand_over(owner, 0x1000, 0);
		path = debugfs() + "/proc/" + std::to_string(owner.pid());
		std::string text = read_file(path);
		EXPECT_EQ(text.rfind("binder proc state:\n", 0), 0u) << text;
		EXPECT_NE(text.find("proc " + std::to_string(owner.pid()) + "\n"), std::string::npos);
		EXPECT_NE(text.find("context "), std::string::npos);
	}
	EXPECT_TRUE(wait_until([&] { return access(path.c_str(), F_OK) != 0; }));
}

TEST_F(Binder, Bd66LogsOfTransactions)
{
	Peer client;
	for (int count = 0; count < 40; ++count)
		round_trip(client, *manager);
	send(client, 4711, 1, Parcel("x"));
	client.want(kBrFailedReply);
	std::string log = read_file(debugfs() + "/transaction_log");
	EXPECT_EQ(std::count(log.begin(), log.end(), '\n'), 32);
	std::string ids = "from " + std::to_string(client.pid()) + ":" + std::to_string(syscall(SYS_gettid)) + " to " +
			  std::to_string(manager->pid()) + ":";
	EXPECT_NE(log.find("call  " + ids), std::string::npos) << log;
	EXPECT_NE(log.find("reply from "), std::string::npos);
	EXPECT_NE(log.find(" size 4:0 ret 0/0 l=0"), std::string::npos);
	std::string failed = read_file(debugfs() + "/failed_transaction_log");
	std::string code = std::to_string(u32{kBrFailedReply});
	EXPECT_NE(failed.find(" handle 4711 size 1:0 ret " + code + "/-22 l="), std::string::npos) << failed;
}

TEST_F(Binder, Bd67StatisticsByName)
{
	auto count = [](const std::string& name) {
		std::string stats = read_file(debugfs() + "/stats");
		size_t at = stats.find("\n" + name + ": ");
		return at == std::string::npos ? 0 : std::atoi(stats.c_str() + at + name.size() + 3);
	};
	Peer client;
	round_trip(client, *manager);
	std::vector<std::string> names = {"BC_TRANSACTION", "BC_REPLY", "BC_FREE_BUFFER",
					  "BR_TRANSACTION", "BR_REPLY", "BR_TRANSACTION_COMPLETE"};
	std::vector<int> before;
	for (const std::string& name : names)
		before.push_back(count(name));
	for (int number = 0; number < 10; ++number)
		round_trip(client, *manager);
	std::vector<int> grown;
	for (size_t at = 0; at < names.size(); ++at)
		grown.push_back(count(names[at]) - before[at]);
	EXPECT_EQ(grown, (std::vector<int>{10, 10, 20, 10, 10, 20}));
	std::string stats = read_file(debugfs() + "/stats");
	size_t at = stats.find("proc " + std::to_string(manager->pid()) + "\n");
	ASSERT_NE(at, std::string::npos);
	for (const char* line : {"context ", "  threads: 1\n", "  requested threads: 0+0/0\n", "  ready threads 0\n",
				 "  free async space ", "  nodes: 1\n", "  refs: 0 s 0 w 0\n", "  buffers: 0\n",
				 "  pages: ", "  pages high watermark: ", "  pending transactions: 0\n"})
		EXPECT_NE(stats.find(line, at), std::string::npos) << line;
}

TEST_F(Binder, Bd72FreezerDoesNotMakeWaitersReturn)
{
	// Suspend, as far as all tasks are frozen, and back.
	if (!write_file("/sys/power/pm_test", "freezer"))
		GTEST_SKIP() << "\nskip: this kernel cannot test a suspend";
	write_file("/sys/module/suspend/parameters/pm_test_delay", "1");
	manager.reset();
	Child server([](int socket) {
		auto connection = open_as_manager();
		if (!say_ready(socket))
			return 1;
		Outcome outcome = connection->write_read(Commands().enter_looper(), 256);
		for (const Event& event : outcome.events()) {
			if (event.code == kBrTransaction)
				return 0;
		}
		return 2;
	});
	server.get<u8>();
	EXPECT_TRUE(wait_until([&] { return server.state() == 'S'; }));
	EXPECT_TRUE(write_file("/sys/power/state", "freeze"));
	write_file("/sys/power/pm_test", "none");
	sleep_ms(100);
	EXPECT_EQ(server.state(), 'S');
	Peer client;
	send(client, 0, 1, Parcel("after the night"), kOneWay);
	EXPECT_EQ(server.wait(), 0);
}

TEST_F(Binder, Bd75NoAddressesOfTheKernelAreShown)
{
	Peer client;
	hand_over(client, 0x1000, 0x2000);
	send(client, 0, 1, Parcel("unread"));
	std::string all;
	for (const char* name :
	     {"state", "stats", "transactions", "transaction_log", "failed_transaction_log", "proc/"}) {
		std::string path = debugfs() + "/" + name;
		all += read_file(path.back() == '/' ? path + std::to_string(client.pid()) : path);
	}
	EXPECT_NE(all.find("node "), std::string::npos);
	for (size_t at = all.find("ffff"); at != std::string::npos; at = all.find("ffff", at + 1)) {
		size_t digits = all.find_first_not_of("0123456789abcdef", at) - at;
		EXPECT_LT(digits, 16u) << all.substr(at, 16);
	}
}

TEST_F(Binder, Bd71ContextsAreApart)
{
	const char* other = std::getenv("BINDER_DEVICE_B");
	if (other == nullptr)
		GTEST_SKIP() << "\nskip: one device";
	auto second = make_manager(kAcceptsFds, 0, 0, {.device = other});
	Peer owner;
	EXPECT_EQ(hand_over(owner, 0x1000, 0), 1u);
	Peer there({.device = other});
	send(there, 0, 5);
	EXPECT_TRUE(manager->idle());
	TransactionData call = second->want_call();
	EXPECT_EQ(call.code, 5u);
	reply(*second, call);
	want_reply(there);
	send(*second, 1, 1);
	expect_failure(*second, kBrFailedReply, EINVAL);
}

template <typename Body> u64 ns_of(const Body& body)
{
	auto begin = std::chrono::steady_clock::now();
	body();
	return static_cast<u64>((std::chrono::steady_clock::now() - begin).count());
}

/// The shortest of several times: what else runs here only makes them longer.
template <typename Body> u64 least_ns(int rounds, const Body& body)
{
	u64 least = ~u64{0};
	for (int round = 0; round < rounds; ++round)
		least = std::min(least, ns_of(body));
	return least;
}

/// Nodes `first` to `first + count - 1` of an owner, as many handles of a manager, which has no others above them, and a call that took them there.
u64 hand_over_many(Peer& owner, Peer& manager, u32 first, u32 count)
{
	Parcel parcel;
	Commands acquire;
	for (u32 number = first; number < first + count; ++number) {
		parcel.binder(u64{number} << 4, number);
		acquire.acquire(number);
	}
	u64 took = ns_of([&] { send(owner, 0, 1, parcel); });
	TransactionData call = manager.want_call();
	EXPECT_EQ(manager.object<FlatObject>(call, count - 1).binder, first + count - 1);
	manager.write(acquire);
	reply(manager, call);
	owner.write(Commands().free_buffer(want_reply(owner).buffer));
	return took;
}

/// A one-way call to a handle: where its data are in the owner.
u64 send_small(Peer& manager, Peer& owner, u32 handle, u64 size)
{
	send(manager, handle, 1, Parcel(Bytes(size)), kOneWay);
	manager.want(kBrTransactionComplete);
	return owner.want_call().buffer;
}

/// A process that has 100,000 handles gets the next one, and finds any, as fast as one that has few; so is a buffer freed of many.
TEST_F(Binder, Bd83ManyAreAsFastAsFew)
{
	constexpr u32 kBatch = 1000;
	constexpr u32 kBatches = 100;
	constexpr u32 kEnds = 20;
	if (module_name() == "binder_linux")
		GTEST_SKIP() << "the C driver needs minutes";
	Peer owner;
	std::vector<u64> given;
	u64 found[2] = {};
	for (u32 batch = 0; batch < kBatches; ++batch) {
		given.push_back(hand_over_many(owner, *manager, (batch * kBatch) + 1, kBatch));
		Commands both;
		for (u32 number = 1; number <= kBatch; ++number)
			both.acquire((batch * kBatch) + number).release((batch * kBatch) + number);
		if (batch == 0 || batch == kBatches - 1)
			found[batch != 0] = least_ns(10, [&] { manager->write(both); });
	}
	u64 first = *std::min_element(given.begin(), given.begin() + kEnds);
	u64 last = *std::min_element(given.end() - kEnds, given.end());

	constexpr u32 kFreed = 100;
	constexpr u32 kMany = 3000;
	u64 freed[2] = {~u64{0}, ~u64{0}};
	for (int round = 0; round < 6; ++round) {
		bool many = round % 2 != 0;
		std::vector<u64> addresses;
		for (u32 number = 1; number <= (many ? kMany : kFreed); ++number)
			addresses.push_back(send_small(*manager, owner, number, 128));
		// All over the mapping, not those that came last.
		Commands some;
		Commands others;
		for (u32 number = 0; number < addresses.size(); ++number)
			(number % (addresses.size() / kFreed) == 0 ? some : others).free_buffer(addresses[number]);
		freed[many] = std::min(freed[many], ns_of([&] { owner.write(some); }));
		owner.write(others);
	}
	auto print = [](const char* what, u64 few, u64 many) {
		std::printf("%s: %llu ns with few, %llu ns with many\n", what, static_cast<unsigned long long>(few),
			    static_cast<unsigned long long>(many));
		EXPECT_LT(many, few * 3) << what;
	};
	print("1000 new handles", first, last);
	print("2000 handles looked up", found[0], found[1]);
	print("100 buffers freed", freed[0], freed[1]);
}

/// Work for a process that polls costs its sender no more if 3,000 threads of that process have made a call of the driver's.
TEST_F(Binder, Bd88ManyThreadsThatDoNotPoll)
{
	constexpr int kMany = 3000;
	if (module_name() == "binder_linux")
		GTEST_SKIP() << "\nskip: the C driver looks at each thread";
	Peer owner;
	u32 handle = hand_over(owner, 0x1000, 0);
	int epoll = epoll_create1(EPOLL_CLOEXEC);
	epoll_event event = {.events = EPOLLIN};
	ASSERT_EQ(epoll_ctl(epoll, EPOLL_CTL_ADD, owner.io.fd(), &event), 0);
	auto least = [&] {
		u64 found = ~u64{0};
		for (int round = 0; round < 100; ++round) {
			found = std::min(found, ns_of([&] { send(*manager, handle, 1, {}, kOneWay); }));
			EXPECT_EQ(epoll_wait(epoll, &event, 1, kPatienceMs), 1);
			manager->want(kBrTransactionComplete);
			owner.write(Commands().free_buffer(owner.want_call().buffer));
		}
		return found;
	};
	u64 few = least();
	s32 version = 0;
	for (int number = 0; number < kMany; ++number)
		std::thread([&] { owner.io.ioctl(kVersion, version); }).join();
	u64 many = least();
	close(epoll);
	std::printf("a oneway: %llu ns with few threads, %llu ns with many\n", static_cast<unsigned long long>(few),
		    static_cast<unsigned long long>(many));
	EXPECT_LT(many, few * 2);
}

/// Buffers of random sizes, of which random ones are freed, are where best fit has them: in one of the smallest holes that they fit into.
TEST_F(Binder, Bd95BuffersAgainstAModel)
{
	constexpr u32 kNodes = 150;
	constexpr u64 kSpace = 256 << 10;
	Peer::Options options;
	options.map = kSpace;
	Peer owner(options);
	hand_over_many(owner, *manager, 1, kNodes);
	std::map<u64, u64> holes{{owner.io.base(), kSpace}};  // Address to size.
	struct Live {
		u32 handle;
		u64 address, size;
	};
	std::vector<Live> live;
	std::vector<u32> unused;
	for (u32 handle = 1; handle <= kNodes; ++handle)
		unused.push_back(handle);
	u64 used = 0;
	u32 seed = std::random_device()();
	std::printf("seed %u\n", seed);
	std::mt19937 random(seed);
	for (int round = 0; round < 4000; ++round) {
		constexpr u64 kSizes[] = {1, 24, 300, 2000, 5000};
		u64 bytes = random() % (kSizes[random() % std::size(kSizes)] + 1);
		u64 size = std::max<u64>((bytes + 7) & ~u64{7}, 8);
		// What calls that nobody waits for may take is half.
		if (!unused.empty() && used + size < kSpace / 2 - 32768 && random() % 100 < 52) {
			u32 handle = unused.back();
			unused.pop_back();
			u64 address = send_small(*manager, owner, handle, bytes);
			auto hole = holes.find(address);
			ASSERT_NE(hole, holes.end()) << std::hex << address << " is not where a hole begins";
			u64 least = ~u64{0};
			for (auto [where, room] : holes)
				least = room >= size ? std::min(least, room) : least;
			ASSERT_EQ(hole->second, least) << "for " << size << " bytes in round " << round;
			if (hole->second > size)
				holes[address + size] = hole->second - size;
			holes.erase(hole);
			live.push_back({handle, address, size});
			used += size;
		} else if (!live.empty()) {
			std::swap(live[random() % live.size()], live.back());
			Live gone = live.back();
			live.pop_back();
			owner.write(Commands().free_buffer(gone.address));
			unused.push_back(gone.handle);
			used -= gone.size;
			auto hole = holes.emplace(gone.address, gone.size).first;
			if (auto after = std::next(hole);
			    after != holes.end() && hole->first + hole->second == after->first) {
				hole->second += after->second;
				holes.erase(after);
			}
			if (hole != holes.begin()) {
				auto before = std::prev(hole);
				if (before->first + before->second == hole->first) {
					before->second += hole->second;
					holes.erase(hole);
				}
			}
		}
	}
	while (!live.empty()) {
		owner.write(Commands().free_buffer(live.back().address));
		live.pop_back();
	}
}

/// First of the Rust driver's bugs (CVE-2025-68260): a death record was unlinked from a list that another thread, without the
/// list's lock, had taken over and walked.
TEST_F(Binder, Bd22Bd60RustDeathListRace)
{
	auto end = std::chrono::steady_clock::now() + std::chrono::seconds(6);
	for (int round = 0; round < 2000 && std::chrono::steady_clock::now() < end; ++round) {
		constexpr u64 kNodes = 12;
		auto owner = std::make_unique<Peer>();
		Commands request;
		std::vector<u32> handles;
		for (u64 number = 1; number <= kNodes; ++number)
			handles.push_back(hand_over(*owner, number << 12, number));
		for (u64 number = 0; number < kNodes; ++number)
			request.request_death(handles[number], number);
		manager->write(request);
		// The owner's release walks its nodes while their references and their notifications go.
		std::atomic<bool> go = false;
		std::vector<std::thread> threads;
		for (int who = 0; who < 2; ++who)
			threads.emplace_back([&, who] {
				while (!go)
					;
				for (u64 number = who; number < kNodes; number += 2) {
					Commands commands;
					if (number % 3 != 0)
						commands.clear_death(handles[number], number);
					commands.release(handles[number]);
					manager->io.write(commands);
				}
			});
		std::thread dies([&] {
			while (!go)
				;
			owner.reset();
		});
		go = true;
		for (std::thread& thread : threads)
			thread.join();
		dies.join();
		for (Event event = manager->next(1); event.code != 0; event = manager->next(1)) {
			if (event.code == kBrDeadBinder)
				manager->write(Commands().dead_binder_done(event.as<u64>()));
		}
	}
}

/// Second: errors of a failed reply did not reach the caller's extended error.
TEST_F(Binder, Bd27RustExtendedErrorOfAReply)
{
	Peer client;
	for (int round = 0; round < 3; ++round) {
		send(client, 0, 1);
		TransactionData call = manager->want_call();
		manager->write(Commands().free_buffer(call.buffer).reply(Parcel(Bytes(2 << 20))));
		manager->want(kBrTransactionComplete);
		client.want(kBrTransactionComplete);
		client.want(kBrFailedReply);
		ExtendedError error = client.error();
		EXPECT_EQ(error.command, u32{kBrFailedReply});
		EXPECT_EQ(error.param, -ENOSPC);
		EXPECT_NE(error.id, 0u);
		// What the server's own thread has is about its last transaction, which got through to nobody.
		EXPECT_EQ(manager->error().command, u32{kBrOk});
	}
}

/// Third: detection of spam got lost for all but the first who sent too much.
TEST_F(Binder, Bd44RustSpamOfASecondSender)
{
	Peer client;
	u32 enable = 1;
	EXPECT_EQ(client.io.ioctl(kEnableOnewaySpamDetection, enable), 0);
	for (int round = 0; round < 3; ++round) {
		Parcel parcel{Bytes(16384)};
		int told = 0;
		int sent = 0;
		for (;; ++sent) {
			send(client, 0, 1, parcel, kOneWay);
			Event event = client.next();
			told += event.code == kBrOnewaySpamSuspect ? 1 : 0;
			if (event.code == kBrFailedReply)
				break;
		}
		EXPECT_EQ(told, 1);
		for (; sent > 0; --sent)
			manager->write(Commands().free_buffer(manager->want_call().buffer));
	}
}

/// Fourth: the acknowledgement of a death took the process's lock twice when it queued what comes next.
TEST_F(Binder, Bd22RustDeadlockInDeathAcknowledgement)
{
	for (bool looper : {false, true}) {
		for (bool cleared : {false, true}) {
			auto owner = std::make_unique<Peer>();
			u32 handle = hand_over(*owner, 0x1000, 0);
			manager->write(Commands().request_death(handle, 5));
			owner.reset();
			std::thread([&] {
				if (looper)
					manager->write(Commands().enter_looper());
				EXPECT_EQ(manager->want(kBrDeadBinder).as<u64>(), 5u);
				if (cleared)
					manager->write(Commands().clear_death(handle, 5));
				manager->write(Commands().dead_binder_done(5));
				if (cleared)
					EXPECT_EQ(manager->want(kBrClearDeathDone).as<u64>(), 5u);
				else
					EXPECT_TRUE(manager->idle());
			}).join();
			manager->write(Commands().release(handle));
		}
	}
}

}  // namespace
}  // namespace binder
