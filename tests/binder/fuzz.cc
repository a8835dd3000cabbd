// SPDX-License-Identifier: GPL-2.0
/// \file
/// A fuzzer of binder's protocol: processes that know it send each other commands, some of them spoiled, and are killed now and then.
///
/// usage: binder_fuzz [--seconds N] [--seed N] [--workers N] [--device /dev/binder] [--stats FILE]
///
/// A worker keeps what a well-behaved client would: buffers to free, handles, nodes, notifications, calls to reply to. Most of what it sends is
/// right, so that the driver's state gets deep; the rest has bits flipped, sizes, offsets, objects, handles or addresses made up, or
/// ends in unmapped memory. Fails if an ioctl says what no ioctl may, if a plain round trip does not work in the end, or if the
/// driver's statistics then show objects that are left. The seed makes each worker's choices; how they mix is the scheduler's.
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <random>
#include <sstream>
#include <thread>

#include "client.hpp"

namespace binder {
namespace {

constexpr int kMostWorkers = 16;
constexpr u64 kMap = 256 << 10;
constexpr int kErrnos = 200;

struct Shared {
	std::atomic<u64> ioctls, commands, spoiled, transactions, calls, replies, failures, opens, kills;
	std::atomic<u64> by_errno[kErrnos];
	std::atomic<pid_t> pids[kMostWorkers];
};

struct Options {
	double seconds = 10;
	u64 seed = 1;
	int workers = 4;
	std::string device = "/dev/binder";
	std::string stats = "/sys/kernel/debug/binder/stats";
};

template <typename T>
class Bag {
public:
	void add(const T& value)
	{
		if (values_.size() < 200)
			values_.push_back(value);
	}
	bool empty() const { return values_.empty(); }
	size_t size() const { return values_.size(); }
	const T& any(std::mt19937_64& random) const { return values_[random() % values_.size()]; }
	T take(std::mt19937_64& random)
	{
		std::swap(values_[random() % values_.size()], values_.back());
		T value = values_.back();
		values_.pop_back();
		return value;
	}
	void clear() { values_.clear(); }

private:
	std::vector<T> values_;
};

class Worker {
public:
	Worker(const Options& options, Shared& shared, u64 seed) : options_(options), shared_(shared), random_(seed)
	{
		bad_ = static_cast<u8*>(
			mmap(nullptr, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
		mprotect(bad_ + 4096, 4096, PROT_NONE);
	}

	[[noreturn]] void run()
	{
		rlimit files = {64, 64};
		setrlimit(RLIMIT_NOFILE, &files);
		for (;;) {
			if (connection_.fd() < 0 || one_in(2000))
				reopen();
			step();
			if (one_in(50))
				syscall(SYS_close_range, 20, ~0U, 0);
		}
	}

private:
	bool one_in(u64 number) { return random_() % number == 0; }
	u64 pick(std::initializer_list<u64> values) { return values.begin()[random_() % values.size()]; }
	u64 wild()
	{
		return pick({0, 1, 4, 7, 8, 24, 63, 4096, random_() % 8192, random_(), ~u64{0}, ~u64{7}, u64{1} << 63,
			     connection_.base(), connection_.base() + (random_() % kMap & ~u64{7}),
			     address(bad_ + 4092)});
	}
	static u64 address(const void* pointer) { return reinterpret_cast<uintptr_t>(pointer); }

	void reopen()
	{
		buffers_.clear();
		handles_.clear();
		nodes_.clear();
		deaths_.clear();
		replies_ = 0;
		connection_.close();
		auto opened = Connection::open(options_.device, one_in(20) ? 0 : kMap, O_RDWR | O_CLOEXEC | O_NONBLOCK);
		if (!opened)
			return;
		connection_ = std::move(*opened);
		++shared_.opens;
		u32 most = random_() % 4;
		ioctl(kSetMaxThreads, &most);
		if (one_in(2)) {
			u32 enable = 1;
			ioctl(kEnableOnewaySpamDetection, &enable);
		}
		// Without a manager nobody gets a call, nor a handle of anybody else.
		FlatObject node = {kTypeBinder, static_cast<u32>(random_() & 0x11ff) | kAcceptsFds, 0x1000, 0x1000};
		ioctl(kSetContextMgrExt, &node);
	}

	void ioctl(unsigned long command, void* argument)
	{
		++shared_.ioctls;
		int error = -connection_.ioctl(command, argument);
		if (error > 0 && error < kErrnos)
			++shared_.by_errno[error];
	}

	u32 some_handle()
	{
		if (one_in(20))
			return static_cast<u32>(wild());
		return handles_.empty() || one_in(3) ? 0 : handles_.any(random_);
	}

	/// Objects of all kinds, most of them right.
	Parcel parcel()
	{
		Parcel made{Bytes(8 + random_() % (one_in(10) ? 20000 : 200))};
		for (u64 count = random_() % 4; count > 0; --count) {
			switch (random_() % 8) {
			case 0:
			case 1: {
				u64 node = 0x1000 * (1 + random_() % 20);
				if (one_in(3))
					made.weak_binder(node, node + (one_in(20) ? 1 : 0), random_() & 0x1fff);
				else
					made.binder(node, node, 0x100 | (random_() % 20));
				break;
			}
			case 2:
				made.handle(some_handle());
				break;
			case 3:
				made.weak_handle(some_handle());
				break;
			case 4:
				made.fd(one_in(10) ? static_cast<int>(random_()) : static_cast<int>(random_() % 4));
				break;
			case 5:
				made.ptr(side_, 8 * (random_() % 64));
				break;
			case 6: {
				u64 parent = made.ptr(side_, 128);
				made.ptr_in(side_ + 256, 64, parent, 8 * (random_() % 8));
				break;
			}
			default: {
				u64 parent = made.ptr(side_, 64);
				made.fd_array(random_() % 4, parent, 4 * (random_() % 4));
				break;
			}
			}
		}
		while (one_in(8) && !made.data.empty())
			spoil(made);
		return made;
	}

	void spoil(Parcel& made)
	{
		++shared_.spoiled;
		switch (random_() % 5) {
		case 0:
			made.data[random_() % made.data.size()] ^= static_cast<u8>(1 << (random_() % 8));
			break;
		case 1:
			if (!made.offsets.empty())
				made.offsets[random_() % made.offsets.size()] = wild();
			break;
		case 2:
			made.offsets.push_back(random_() % made.data.size());
			break;
		case 3:
			if (!made.offsets.empty()) {
				// A field of an object.
				u64 at = made.offsets[random_() % made.offsets.size()] + 4 * (random_() % 10);
				u64 value = wild();
				if (at + 8 <= made.data.size() && at < made.data.size())
					std::memcpy(&made.data[at], &value, 8);
			}
			break;
		default:
			made.extra += one_in(2) ? 8 : wild();
		}
	}

	void add_command(Commands& to)
	{
		++shared_.commands;
		constexpr Bc kCounts[] = {kBcIncrefs, kBcAcquire, kBcRelease, kBcDecrefs};
		switch (random_() % 20) {
		case 0:
		case 1:
		case 2:
			++shared_.transactions;
			to.transaction(some_handle(), static_cast<u32>(random_() % 8), parcel(),
				       one_in(2) ? u32{kOneWay} | static_cast<u32>(random_() & 0x60) : u32{kAcceptFds});
			break;
		case 3:
		case 4:
		case 5:
			if (replies_ > 0 || one_in(30)) {
				replies_ -= replies_ > 0 ? 1 : 0;
				++shared_.replies;
				to.reply(parcel(), random_() & 0x30);
			}
			break;
		case 6:
		case 7:
		case 8:
			if (!buffers_.empty())
				to.free_buffer(one_in(30)   ? wild()
					       : one_in(20) ? buffers_.any(random_)
							    : buffers_.take(random_));
			break;
		case 9:
		case 10:
			to.add(kCounts[random_() % 4], some_handle());
			break;
		case 11:
			to.request_death(some_handle(), deaths());
			break;
		case 12:
			to.clear_death(some_handle(), deaths());
			break;
		case 13:
			to.dead_binder_done(deaths());
			break;
		case 14:
			to.add(one_in(2) ? kBcRequestFreeze : kBcClearFreeze, HandleCookie{some_handle(), deaths()});
			break;
		case 15:
			to.add(kBcFreezeDone, deaths());
			break;
		case 16:
			to.add(one_in(3) ? kBcRegisterLooper : one_in(5) ? kBcExitLooper : kBcEnterLooper);
			break;
		case 17:
			if (!nodes_.empty())
				to.add(one_in(2) ? kBcIncrefsDone : kBcAcquireDone, nodes_.any(random_));
			break;
		case 18: {
			TransactionDataSg made = {{wild(), 0, 0, static_cast<u32>(random_()), 0, 0, wild(), wild(),
						   wild(), wild()},
						  wild()};
			if (one_in(4))
				to.add(one_in(2) ? kBcTransactionSg : kBcReplySg, made);
			break;
		}
		default:
			if (one_in(20))
				to.add(static_cast<u32>(random_()), wild());
		}
	}
	u64 deaths() { return random_() % 6; }

	void step()
	{
		switch (random_() % 60) {
		case 0:
			odd_ioctl();
			return;
		case 1:
			std::this_thread::yield();
			break;
		default:
			break;
		}
		Commands commands;
		for (u64 count = random_() % 5; count > 0; --count)
			add_command(commands);
		Bytes stream = commands.bytes();
		if (one_in(25) && !stream.empty()) {
			++shared_.spoiled;
			stream[random_() % stream.size()] ^= static_cast<u8>(1 << (random_() % 8));
		}
		alignas(8) u8 returns[1024];
		size_t room = one_in(10) ? random_() % sizeof(returns) : sizeof(returns);
		WriteRead argument = {.write_size = stream.size(),
				      .write_buffer = address(stream.data()),
				      .read_size = one_in(4) ? 0 : room,
				      .read_buffer = address(returns)};
		if (one_in(40))
			argument.write_consumed = random_() % (stream.size() + 1);
		if (one_in(200))
			(one_in(2) ? argument.write_size : argument.read_size) = wild();
		if (one_in(200))
			(one_in(2) ? argument.write_buffer : argument.read_buffer) = wild();
		if (one_in(100))
			argument.read_consumed = random_() % (room + 1) & ~u64{3};
		bool plain = argument.read_buffer == address(returns) && argument.read_size <= sizeof(returns) &&
			     argument.read_consumed == 0;
		if (!plain)
			argument.read_size = std::min<u64>(argument.read_size, argument.read_buffer == address(returns)
										       ? sizeof(returns)
										       : argument.read_size);
		ioctl(kWriteRead, &argument);
		if (plain)
			take({returns, static_cast<size_t>(std::min<u64>(argument.read_consumed, sizeof(returns)))});
	}

	void take(std::span<const u8> stream)
	{
		for (const Event& event : parse(stream)) {
			switch (event.code) {
			case kBrTransaction:
			case kBrTransactionSecctx:
			case kBrReply: {
				TransactionData data = event.transaction();
				buffers_.add(data.buffer);
				++shared_.calls;
				if (event.code != kBrReply && !(data.flags & kOneWay))
					++replies_;
				for (u64 at = 0; at + 8 <= data.offsets_size; at += 8) {
					u64 offset = *reinterpret_cast<const u64*>(
						static_cast<uintptr_t>(data.offsets + at));
					FlatObject object;
					std::memcpy(&object,
						    reinterpret_cast<const void*>(
							    static_cast<uintptr_t>(data.buffer + offset)),
						    sizeof(object));
					if (object.type == kTypeHandle || object.type == kTypeWeakHandle)
						handles_.add(static_cast<u32>(object.binder));
				}
				break;
			}
			case kBrIncrefs:
			case kBrAcquire:
				nodes_.add(event.as<PtrCookie>());
				break;
			case kBrFailedReply:
			case kBrDeadReply:
			case kBrFrozenReply:
				++shared_.failures;
				break;
			default:
				break;
			}
		}
	}

	void odd_ioctl()
	{
		u64 room[8];
		for (u64& word : room)
			word = one_in(3) ? 0 : wild();
		constexpr unsigned long kAll[] = {kSetMaxThreads,    kSetContextMgr,
						  kSetContextMgrExt, kVersion,
						  kGetNodeDebugInfo, kGetNodeInfoForRef,
						  kFreeze,	     kGetFrozenInfo,
						  kGetExtendedError, kEnableOnewaySpamDetection,
						  kThreadExit,	     kSetIdleTimeout,
						  _IO('b', 90)};
		unsigned long command = kAll[random_() % std::size(kAll)];
		if (command == kFreeze || command == kGetFrozenInfo) {
			u32 words[3] = {static_cast<u32>(shared_.pids[random_() % options_.workers].load()),
					one_in(3) ? 1u : 0u, static_cast<u32>(random_() % 5)};
			std::memcpy(room, words, sizeof(words));
		}
		if (command == kSetContextMgrExt) {
			FlatObject node = {kTypeBinder, static_cast<u32>(random_() & 0x11ff), 0x1000 * (random_() % 3),
					   0};
			std::memcpy(room, &node, sizeof(node));
		}
		if (command == kThreadExit) {
			replies_ = 0;
			if (!one_in(4))
				return;
		}
		ioctl(command, one_in(20) ? reinterpret_cast<void*>(static_cast<uintptr_t>(wild())) : room);
	}

	const Options& options_;
	Shared& shared_;
	std::mt19937_64 random_;
	u8* bad_;
	u32 side_[512] = {1, 2, 0, 1, 2, 0};
	Connection connection_;
	Bag<u64> buffers_;
	Bag<u32> handles_;
	Bag<PtrCookie> nodes_;
	Bag<u64> deaths_;
	u64 replies_ = 0;
};

std::string left_in(const std::string& path)
{
	std::ifstream file(path);
	std::string line;
	std::string left;
	// What comes before the first process is of all.
	while (std::getline(file, line) && line.rfind("proc ", 0) != 0) {
		size_t at = line.find(": active ");
		if (at != std::string::npos && std::atoi(line.c_str() + at + 9) != 0)
			left += line + "; ";
	}
	return left;
}

/// A manager and a client in this process's children: does the driver still work?
bool still_works(const Options& options)
{
	pid_t server = fork();
	if (server == 0) {
		auto connection = Connection::open(options.device, kMap, O_RDWR | O_CLOEXEC);
		int any = 0;
		while (!connection || connection->ioctl(kSetContextMgr, any) != 0)
			usleep(1000);
		Commands commands;
		commands.enter_looper();
		for (;;) {
			Outcome outcome = connection->write_read(commands, 256);
			commands.clear();
			for (const Event& event : outcome.events()) {
				if (event.code == kBrTransaction)
					commands.free_buffer(event.transaction().buffer).reply(Parcel("pong"));
			}
		}
	}
	bool works = false;
	for (int round = 0; round < 200 && !works; ++round) {
		auto connection = Connection::open(options.device, kMap, O_RDWR | O_CLOEXEC);
		Commands commands;
		commands.transaction(0, 1, Parcel("ping"));
		for (bool done = false; connection && !done;) {
			Outcome outcome = connection->write_read(commands, 256);
			commands.clear();
			for (const Event& event : outcome.events()) {
				works |= event.code == kBrReply;
				done |= event.code == kBrReply || event.code == kBrDeadReply ||
					event.code == kBrFailedReply;
			}
		}
		usleep(20000);
	}
	kill(server, SIGKILL);
	waitpid(server, nullptr, 0);
	return works;
}

pid_t start(const Options& options, Shared& shared, u64 seed)
{
	pid_t parent = getpid();
	pid_t pid = fork();
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (getppid() != parent)
			_exit(1);
		Worker(options, shared, seed).run();
	}
	return pid;
}

int fuzz(const Options& options)
{
	auto* shared = static_cast<Shared*>(
		mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
	std::mt19937_64 random(options.seed);
	u64 next_seed = options.seed;
	for (int number = 0; number < options.workers; ++number)
		shared->pids[number] = start(options, *shared, ++next_seed);
	auto end = std::chrono::steady_clock::now() + std::chrono::duration<double>(options.seconds);
	int status = 0;
	bool died = false;
	while (std::chrono::steady_clock::now() < end) {
		usleep(static_cast<useconds_t>(random() % 200000));
		auto which = static_cast<int>(random() % static_cast<u64>(options.workers));
		kill(shared->pids[which], SIGKILL);
		waitpid(shared->pids[which], &status, 0);
		// Any end but ours is a bug of the fuzzer, or memory of the driver that it could not read.
		if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGKILL) {
			std::printf("worker ended with status %#x\n", status);
			died = true;
		}
		++shared->kills;
		shared->pids[which] = start(options, *shared, ++next_seed);
	}
	for (int number = 0; number < options.workers; ++number) {
		kill(shared->pids[number], SIGKILL);
		waitpid(shared->pids[number], nullptr, 0);
	}
	auto number = [](const std::atomic<u64>& count) { return static_cast<unsigned long long>(count.load()); };
	std::printf(
		"ioctls %llu, commands %llu, spoiled %llu, transactions %llu, replies %llu, received %llu, failures %llu, opens %llu, kills %llu\n",
		number(shared->ioctls), number(shared->commands), number(shared->spoiled), number(shared->transactions),
		number(shared->replies), number(shared->calls), number(shared->failures), number(shared->opens),
		number(shared->kills));
	bool odd = false;
	std::printf("errnos:");
	for (int error = 1; error < kErrnos; ++error) {
		if (shared->by_errno[error] == 0)
			continue;
		bool allowed = error == EINVAL || error == EFAULT || error == EAGAIN || error == EBUSY ||
			       error == EPERM || error == ENOMEM;
		std::printf(" %s%s %llu", strerrorname_np(error), allowed ? "" : " (NOT ALLOWED)",
			    number(shared->by_errno[error]));
		odd |= !allowed;
	}
	std::printf("\n");
	bool works = still_works(options);
	if (!works)
		std::printf("a plain round trip does not work any more\n");
	std::string left;
	for (int round = 0; round < 1000; ++round) {
		left = left_in(options.stats);
		if (left.empty())
			break;
		usleep(20000);
	}
	if (!left.empty())
		std::printf("left: %s\n", left.c_str());
	return odd || died || !works || !left.empty() ? 1 : 0;
}

}  // namespace
}  // namespace binder

int main(int count, char** words)
{
	binder::Options options;
	for (int at = 1; at + 1 < count; at += 2) {
		std::string name = words[at];
		const char* value = words[at + 1];
		if (name == "--seconds")
			options.seconds = std::atof(value);
		else if (name == "--seed")
			options.seed = std::strtoull(value, nullptr, 0);
		else if (name == "--workers")
			options.workers = std::min(std::atoi(value), binder::kMostWorkers);
		else if (name == "--device")
			options.device = value;
		else if (name == "--stats")
			options.stats = value;
	}
	std::printf("seed %llu\n", static_cast<unsigned long long>(options.seed));
	std::fflush(stdout);
	return binder::fuzz(options);
}
