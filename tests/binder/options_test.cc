// SPDX-License-Identifier: GPL-2.0
/// \file
/// BD-82, BD-92 and BD-93: what parameters switch on that the C driver does not have.
#include <sched.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <csignal>

#include "peer.hpp"

namespace binder {
namespace {

constexpr u32 kInheritsRt = 0x800;

/// A parameter that is on as long as this lives.
class Switched {
public:
	explicit Switched(const std::string& name) : file_("/sys/module/" + module_name() + "/parameters/" + name)
	{
		is_there_ = write_file(file_, "1");
	}
	Switched(const Switched&) = delete;
	Switched& operator=(const Switched&) = delete;
	~Switched()
	{
		if (is_there_)
			write_file(file_, "0");
	}
	bool is_there() const { return is_there_; }

private:
	std::string file_;
	bool is_there_;
};

// NOLINTNEXTLINE(cppcoreguidelines-macro-usage): it returns
#define NEED(option)              \
	if (!(option).is_there()) \
	GTEST_SKIP() << "\nskip: no such parameter"

/// The scheduling of the running thread: policy, and priority.
struct Scheduling {
	int policy = 0, priority = 0;
	friend bool operator==(const Scheduling&, const Scheduling&) = default;
	friend std::ostream& operator<<(std::ostream& out, const Scheduling& s)
	{
		return out << s.policy << ":" << s.priority;
	}
	static Scheduling current()
	{
		sched_param param = {};
		int policy = sched_getscheduler(0);
		sched_getparam(0, &param);
		return {policy, param.sched_priority};
	}
	bool set() const
	{
		sched_param param = {};
		param.sched_priority = priority;
		return sched_setscheduler(0, policy, &param) == 0;
	}
};
constexpr Scheduling kNormal = {SCHED_OTHER, 0};

struct Facts {
	Scheduling before, during, after;
};

/// A call by a thread with `client`'s scheduling, served by one that has `server`'s.
Facts serve_with(Peer& server, Peer& client, u32 handle, Scheduling client_has, Scheduling server_has, u32 flags = 0)
{
	Facts facts = {};
	std::thread([&] {
		EXPECT_TRUE(client_has.set());
		send(client, handle, 1, {}, flags);
	}).join();
	std::thread([&] {
		EXPECT_TRUE(server_has.set());
		facts.before = Scheduling::current();
		TransactionData call = server.want_call();
		facts.during = Scheduling::current();
		Commands commands;
		commands.free_buffer(call.buffer);
		if (!(flags & kOneWay))
			commands.reply(Parcel());
		server.write(commands);
		facts.after = Scheduling::current();
	}).join();
	return facts;
}

TEST_F(Binder, Bd92RealTimeGoesWithTheCall)
{
	Peer owner;
	u32 takes = hand_over(owner, 0x1000, 0, kAcceptsFds | kInheritsRt);
	u32 takes_not = hand_over(owner, 0x2000, 0, kAcceptsFds);
	const Scheduling fifo = {SCHED_FIFO, 20};
	const Scheduling rr = {SCHED_RR, 30};
	EXPECT_EQ(serve_with(owner, *manager, takes, fifo, kNormal).during, kNormal) << "it is off";
	Switched option("inherit_rt");
	NEED(option);
	struct {
		u32 handle;
		Scheduling client, server, during;
		u32 flags;
	} const rows[] = {
		{takes, fifo, kNormal, fifo, 0},
		{takes, rr, kNormal, rr, 0},
		{takes, rr, fifo, rr, 0},
		{takes, fifo, rr, rr, 0},
		{takes, kNormal, kNormal, kNormal, 0},
		{takes_not, fifo, kNormal, kNormal, 0},
		{takes, kNormal, fifo, fifo, 0},
		{takes, fifo, kNormal, kNormal, kOneWay},
	};
	int number = 0;
	for (const auto& row : rows) {
		SCOPED_TRACE(number++);
		Facts facts = serve_with(owner, *manager, row.handle, row.client, row.server, row.flags);
		EXPECT_EQ(facts.before, row.server);
		EXPECT_EQ(facts.during, row.during);
		EXPECT_EQ(facts.after, row.server);
	}
}

TEST_F(Binder, Bd92WhatIsKeptOfItWhenAThreadLeaves)
{
	Switched option("inherit_rt");
	NEED(option);
	Peer owner;
	u32 handle = hand_over(owner, 0x1000, 0, kAcceptsFds | kInheritsRt);
	std::thread([&] {
		EXPECT_TRUE((Scheduling{SCHED_FIFO, 20}).set());
		send(*manager, handle, 1);
	}).join();
	std::thread([&] {
		owner.want_call();
		EXPECT_EQ(Scheduling::current(), (Scheduling{SCHED_FIFO, 20}));
		s32 nothing = 0;
		EXPECT_EQ(owner.io.ioctl(kThreadExit, nothing), 0);
		EXPECT_EQ(Scheduling::current(), kNormal);
	}).join();
}

TEST_F(Binder, Bd92RealTimeThatIsNotPermitted)
{
	Switched option("inherit_rt");
	NEED(option);
	manager.reset();
	for (rlim_t limit : {0, 7}) {
		Child server([limit](int socket) {
			auto connection = open_as_manager(kAcceptsFds | kInheritsRt);
			rlimit allowed = {limit, limit};
			setrlimit(RLIMIT_RTPRIO, &allowed);
			if (setresuid(1234, 1234, 1234) != 0)
				return 1;
			if (!say_ready(socket))
				return 1;
			wait_for_call(*connection);
			return 100 + Scheduling::current().priority;
		});
		server.get<u8>();
		Peer client;
		std::thread([&] {
			EXPECT_TRUE((Scheduling{SCHED_FIFO, 20}).set());
			send(client, 0, 1);
		}).join();
		EXPECT_EQ(server.wait(), 100 + static_cast<int>(limit));
	}
}

/// What a server saw that replies and reads in one, until a signal comes.
struct Seen {
	u32 calls, completions, lone;
	bool was_interrupted;
};

/// Serves as manager; what it saw goes through the socket when it is sent SIGUSR1.
int serve_until_told(int socket)
{
	struct sigaction action = {};
	action.sa_handler = [](int) {};
	sigaction(SIGUSR1, &action, nullptr);
	auto connection = open_as_manager();
	if (!say_ready(socket))
		return 1;
	Seen seen = {};
	Commands commands;
	commands.enter_looper();
	while (!seen.was_interrupted) {
		Outcome outcome = connection->write_read(commands, 1024);
		commands = {};
		seen.was_interrupted = outcome.error == -EINTR;
		u32 calls = 0;
		u32 completions = 0;
		for (const Event& event : outcome.events()) {
			completions += event.code == kBrTransactionComplete ? 1 : 0;
			if (event.code == kBrTransaction) {
				++calls;
				commands.free_buffer(event.transaction().buffer).reply(Parcel());
			}
		}
		seen.calls += calls;
		seen.completions += completions;
		seen.lone += completions != 0 && calls == 0 ? 1 : 0;
	}
	return write(socket, &seen, sizeof(seen)) == sizeof(seen) ? 0 : 1;
}

/// What a server saw of so many calls; each was answered, and the server told of that.
Seen call_server(u32 calls)
{
	Child server(serve_until_told);
	server.get<u8>();
	Peer client;
	for (u32 i = 0; i < calls; ++i) {
		send(client, 0, 1);
		TransactionData answer = want_reply(client);
		client.write(Commands().free_buffer(answer.buffer));
	}
	// It sleeps: with what it was not told yet, or without.
	EXPECT_TRUE(wait_until([&] { return server.state() == 'S'; }));
	kill(server.pid(), SIGUSR1);
	sleep_ms(50);
	kill(server.pid(), SIGUSR1);
	Seen seen = server.get<Seen>();
	EXPECT_EQ(server.wait(), 0);
	EXPECT_EQ(seen.calls, calls);
	EXPECT_EQ(seen.completions, calls);
	return seen;
}

TEST_F(Binder, Bd93CompletionsComeAlone)
{
	manager.reset();
	EXPECT_EQ(call_server(20).lone, 20u);
}

TEST_F(Binder, Bd93CompletionsComeWithTheNextCall)
{
	Switched option("coalesce_completions");
	NEED(option);
	manager.reset();
	// The last one by the signal, before the one that a read without anything to tell returns for.
	EXPECT_EQ(call_server(20).lone, 1u);
}

TEST_F(Binder, Bd82WhoMayNotComeHereStays)
{
	Switched option("wake_here");
	NEED(option);
	// Nothing changes but where threads run: that calls pass, and that who must not come here stays where it is.
	Peer client;
	round_trip(client, *manager);
	manager.reset();
	cpu_set_t all;
	sched_getaffinity(0, sizeof(all), &all);
	if (CPU_COUNT(&all) < 2)
		GTEST_SKIP() << "\nskip: one CPU";
	Child server([](int socket) {
		cpu_set_t second;
		CPU_ZERO(&second);
		CPU_SET(1, &second);
		sched_setaffinity(0, sizeof(second), &second);
		auto connection = open_as_manager();
		if (!say_ready(socket))
			return -1;
		wait_for_call(*connection);
		return 10 + sched_getcpu();
	});
	server.get<u8>();
	std::thread([&] {
		cpu_set_t first;
		CPU_ZERO(&first);
		CPU_SET(0, &first);
		sched_setaffinity(0, sizeof(first), &first);
		wait_until([&] { return server.state() == 'S'; });
		send(client, 0, 1);
	}).join();
	EXPECT_EQ(server.wait(), 11);
}

}  // namespace
}  // namespace binder
