// SPDX-License-Identifier: GPL-2.0
/// \file
/// Programs that speak binder's raw protocol: a service manager, a service that echoes, clients that measure.
///
///   binder_tool manager [--device D]                        names services; one per device
///   binder_tool echo --name N                               replies with what it gets
///   binder_tool ping --name N [--size S] [--count C]        calls it one by one: percentiles of the time, as JSON
///   binder_tool oneway --name N [--size S] [--count C]      the same without waiting for replies
///   binder_tool list                                        names of services
///   binder_tool bench [--pairs P] [--size S] [--count C | --seconds T] [--ramp T] [--latency 1] [--mark CMD] [--end CMD]
///
/// `bench` needs no other: it has a manager, P services and P clients of its own, each a process. Every call and every reply has S bytes. All
/// begin together, after the command CMD has ended, and the other command is run when the last has ended. Latency is
/// recorded if it is asked for, or if the time is limited; else the clock is not read.
#include <pthread.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <map>
#include <memory>

#include "client.hpp"

namespace binder {
namespace {

constexpr u64 kNode = 0x1000;
constexpr u32 kMostPairs = 64;
constexpr u32 kKept = 1 << 16;	// Latencies of a client; later ones replace earlier ones.

/// What the manager is asked for. Names are the data; a service comes and goes as an object.
enum Code : u32 { kAdd = 1, kGet = 2, kList = 3, kEcho = 10 };

struct Options {
	std::string device = "/dev/binder";
	std::string name = "echo";
	std::string mark;
	std::string end;
	u64 size = 0;
	u64 count = 1000;
	u32 pairs = 1;
	double seconds = 0;
	double ramp = 0;
	bool latency = false;
};

u64 now_ns()
{
	timespec time = {};
	clock_gettime(CLOCK_MONOTONIC, &time);
	return static_cast<u64>(time.tv_sec) * 1000000000 + static_cast<u64>(time.tv_nsec);
}

[[noreturn]] void die(const char* what)
{
	std::fprintf(stderr, "binder_tool: %s: %s\n", what, std::strerror(errno));
	std::_Exit(1);
}

Connection open_or_die(const Options& options)
{
	auto connection = Connection::open(options.device);
	if (!connection)
		die(options.device.c_str());
	return std::move(*connection);
}

/// A transaction in this process's own mapping.
std::span<const u8> data_of(const TransactionData& data)
{
	return {reinterpret_cast<const u8*>(static_cast<uintptr_t>(data.buffer)), static_cast<size_t>(data.data_size)};
}
std::string text_of(const TransactionData& data)
{
	auto bytes = data_of(data);
	return {reinterpret_cast<const char*>(bytes.data()),
		strnlen(reinterpret_cast<const char*>(bytes.data()), bytes.size())};
}
/// The handle that a transaction's first object is; 0 if it is none.
u32 handle_in(const TransactionData& data)
{
	if (data.offsets_size < sizeof(u64))
		return 0;
	u64 offset = *reinterpret_cast<const u64*>(static_cast<uintptr_t>(data.offsets));
	FlatObject object;
	std::memcpy(&object, data_of(data).data() + offset, sizeof(object));
	return object.type == kTypeHandle ? static_cast<u32>(object.binder) : 0;
}

/// What a service does with a call: adds commands, among them what frees the call's buffer, and the reply if one is wanted.
template <typename Serve> [[noreturn]] void serve(const Connection& connection, Commands commands, const Serve& call)
{
	for (;;) {
		Outcome outcome = connection.write_read(commands, 4096);
		if (outcome.error != 0 && outcome.error != -EINTR)
			std::_Exit(1);
		commands.clear();
		for (const Event& event : outcome.events()) {
			switch (event.code) {
			case kBrTransaction:
				call(event.transaction(), commands);
				break;
			case kBrIncrefs:
				commands.add(kBcIncrefsDone, event.as<PtrCookie>());
				break;
			case kBrAcquire:
				commands.add(kBcAcquireDone, event.as<PtrCookie>());
				break;
			case kBrDeadBinder:
				call({.cookie = event.as<u64>(), .code = 0}, commands);
				commands.dead_binder_done(event.as<u64>());
				break;
			default:
				break;
			}
		}
	}
}

[[noreturn]] void manage(const Options& options)
{
	Connection connection = open_or_die(options);
	FlatObject node = {kTypeBinder, kAcceptsFds, 0, 0};
	for (int left = 1000; connection.ioctl(kSetContextMgrExt, node) != 0; --left) {
		if (left == 0)
			die("there is a context manager already");
		usleep(10000);
	}
	std::map<std::string, u32> services;
	serve(connection, Commands().enter_looper(), [&](const TransactionData& call, Commands& commands) {
		Parcel reply;
		std::string name = call.code == 0 ? "" : text_of(call);
		if (call.code == 0) {
			u32 handle = static_cast<u32>(call.cookie);
			std::erase_if(services, [&](const auto& service) { return service.second == handle; });
			commands.release(handle);
			return;
		}
		if (call.code == kAdd) {
			if (u32 handle = handle_in(call); handle != 0 && services.emplace(name, handle).second)
				commands.acquire(handle).request_death(handle, handle);
		} else if (call.code == kGet) {
			if (auto found = services.find(name); found != services.end())
				reply.handle(found->second);
		} else if (call.code == kList) {
			for (const auto& service : services)
				reply.append((service.first + "\n").data(), service.first.size() + 1);
		}
		commands.free_buffer(call.buffer);
		if (!(call.flags & kOneWay))
			commands.reply(reply);
	});
}

/// A call whose reply is awaited; false if it failed. The buffer is the caller's to free.
bool call(const Connection& connection, u32 handle, u32 code, Parcel parcel, TransactionData& answer)
{
	Commands commands;
	commands.transaction(handle, code, std::move(parcel), kAcceptFds);
	for (;;) {
		Outcome outcome = connection.write_read(commands, 4096);
		if (outcome.error != 0 && outcome.error != -EINTR)
			die("call");
		commands.clear();
		for (const Event& event : outcome.events()) {
			if (event.code == kBrReply) {
				answer = event.transaction();
				return true;
			}
			if (event.code == kBrDeadReply || event.code == kBrFailedReply || event.code == kBrFrozenReply)
				return false;
			if (event.code == kBrIncrefs || event.code == kBrAcquire)
				commands.add(event.code == kBrIncrefs ? kBcIncrefsDone : kBcAcquireDone,
					     event.as<PtrCookie>());
		}
		if (!commands.empty())
			connection.write(commands);
		commands.clear();
	}
}

/// Waits for the manager, and has it know a service of this process.
void add_service(const Connection& connection, const std::string& name)
{
	TransactionData answer;
	for (int left = 1000;; --left) {
		Parcel parcel(name + '\0');
		parcel.binder(kNode, 0, kAcceptsFds);
		if (call(connection, 0, kAdd, parcel, answer))
			break;
		if (left == 0)
			die("no service manager");
		usleep(10000);
	}
	connection.write(Commands().free_buffer(answer.buffer));
}

/// Waits for a service: its handle.
u32 find_service(const Connection& connection, const std::string& name)
{
	for (int left = 1000; left > 0; --left) {
		TransactionData answer;
		if (call(connection, 0, kGet, Parcel(name + '\0'), answer)) {
			u32 handle = handle_in(answer);
			Commands commands;
			if (handle != 0)
				commands.acquire(handle);
			connection.write(commands.free_buffer(answer.buffer));
			if (handle != 0)
				return handle;
		}
		usleep(10000);
	}
	errno = ENOENT;
	die(name.c_str());
}

/// A stream that frees a buffer and sends a transaction, made once and sent often.
struct [[gnu::packed]] Exchange {
	u32 free = kBcFreeBuffer;
	u64 buffer = 0;
	u32 command = 0;
	TransactionData data = {};
};

/// Sends what is from `from` on, and reads until one of the returns is `wanted`: its transaction. Ends the process at a failure.
TransactionData exchange(int fd, const u8* from, size_t size, u32 wanted)
{
	alignas(8) u8 returns[256];
	WriteRead argument = {.write_size = size,
			      .write_buffer = reinterpret_cast<uintptr_t>(from),
			      .read_size = sizeof(returns),
			      .read_buffer = reinterpret_cast<uintptr_t>(returns)};
	for (;;) {
		if (::ioctl(fd, kWriteRead, &argument) < 0 && errno != EINTR)
			std::_Exit(2);
		for (size_t at = 0; at < argument.read_consumed;) {
			u32 code = 0;
			std::memcpy(&code, returns + at, sizeof(code));
			at += sizeof(code);
			if (code == wanted) {
				TransactionData data = {};
				if (wanted != kBrTransactionComplete)
					std::memcpy(&data, returns + at, sizeof(data));
				return data;
			}
			if (code == kBrDeadReply || code == kBrFailedReply || code == kBrError)
				std::_Exit(3);
			at += _IOC_SIZE(code);
		}
		argument.write_size = argument.write_consumed = 0;
		argument.read_consumed = 0;
	}
}

/// Echoes calls for ever.
[[noreturn]] void echo(const Connection& connection, u64 size)
{
	Bytes payload(size == ~u64{0} ? 0 : size);
	Exchange reply;
	reply.command = kBcReply;
	reply.data = {.data_size = payload.size(), .buffer = reinterpret_cast<uintptr_t>(payload.data())};
	Commands enter;
	enter.enter_looper();
	connection.write(enter);
	TransactionData incoming = exchange(connection.fd(), nullptr, 0, kBrTransaction);
	for (;;) {
		bool answer = !(incoming.flags & kOneWay);
		if (size == ~u64{0} || incoming.data_size != size) {
			// Of another size than was said: as it came.
			payload.assign(data_of(incoming).begin(), data_of(incoming).end());
			reply.data.data_size = payload.size();
			reply.data.buffer = reinterpret_cast<uintptr_t>(payload.data());
		}
		reply.buffer = incoming.buffer;
		auto* stream = reinterpret_cast<const u8*>(&reply);
		if (answer)
			exchange(connection.fd(), stream, sizeof(reply), kBrTransactionComplete);
		incoming = exchange(connection.fd(), stream, answer ? 0 : offsetof(Exchange, command), kBrTransaction);
	}
}

/// A client's calls, each of which frees the buffer of the last reply.
class Caller {
public:
	Caller(const Connection& connection, u32 handle, u64 size, u32 flags) : fd_(connection.fd()), payload_(size)
	{
		call_.command = kBcTransaction;
		call_.data = {.target = handle,
			      .code = kEcho,
			      .flags = flags,
			      .data_size = size,
			      .buffer = reinterpret_cast<uintptr_t>(payload_.data())};
	}
	void once()
	{
		const auto* stream = reinterpret_cast<const u8*>(&call_);
		size_t skip = first_ ? offsetof(Exchange, command) : 0;
		bool oneway = (call_.data.flags & kOneWay) != 0;
		TransactionData answer = exchange(fd_, stream + skip, sizeof(call_) - skip,
						  oneway ? kBrTransactionComplete : kBrReply);
		call_.buffer = answer.buffer;
		first_ = oneway;
	}

private:
	int fd_;
	Bytes payload_;
	Exchange call_;
	bool first_ = true;
};

struct Result {
	std::atomic<u64> done;
	std::atomic<u64> ns;
	u32 latencies[kKept];
};
struct Shared {
	pthread_barrier_t ready, go, done;
	std::atomic<bool> stop;
	Result results[kMostPairs];
};

void print(const Shared& shared, const Options& options)
{
	std::vector<u32> all;
	u64 done = 0;
	double per_second = 0;
	for (u32 pair = 0; pair < options.pairs; ++pair) {
		const Result& result = shared.results[pair];
		done += result.done;
		if (result.ns != 0)
			per_second += static_cast<double>(result.done) * 1e9 / static_cast<double>(result.ns);
		all.insert(all.end(), result.latencies, result.latencies + std::min<u64>(result.done, kKept));
	}
	std::sort(all.begin(), all.end());
	auto percentile = [&](double part) {
		return all.empty() ? 0
				   : all[std::min(all.size() - 1,
						  static_cast<size_t>(part * static_cast<double>(all.size())))];
	};
	std::printf(
		"{\"round_trips\": %llu, \"per_second\": %.1f, \"p50\": %u, \"p90\": %u, \"p99\": %u, \"p999\": %u, \"worst\": %u}\n",
		static_cast<unsigned long long>(done), per_second, percentile(0.5), percentile(0.9), percentile(0.99),
		percentile(0.999), all.empty() ? 0 : all.back());
}

void run_client(const Options& options, Shared& shared, u32 pair, u32 flags, const std::string& name)
{
	Connection connection = open_or_die(options);
	Caller caller(connection, find_service(connection, name), options.size, flags);
	Result& result = shared.results[pair];
	// What has to be made once, pages and threads, is made.
	for (int round = 0; round < 20; ++round)
		caller.once();
	bool timed = options.latency || options.seconds > 0;
	pthread_barrier_wait(&shared.ready);
	pthread_barrier_wait(&shared.go);
	u64 begin = now_ns();
	u64 from = begin + static_cast<u64>(options.ramp * 1e9);
	u64 until = options.seconds > 0 ? from + static_cast<u64>(options.seconds * 1e9) : ~u64{0};
	u64 done = 0;
	if (!timed) {
		for (; done < options.count; ++done)
			caller.once();
	} else {
		u64 before = begin;
		while (options.seconds > 0 ? before < until : done < options.count) {
			caller.once();
			u64 after = now_ns();
			if (before >= from || options.ramp == 0) {
				result.latencies[done % kKept] = static_cast<u32>(
					std::min<u64>(after - before, ~u32{0}));
				++done;
			} else {
				begin = after;
			}
			before = after;
		}
	}
	result.ns = now_ns() - begin;
	result.done = done;
	pthread_barrier_wait(&shared.done);
}

template <typename Body> pid_t start(const Body& body)
{
	pid_t parent = getpid();
	pid_t pid = fork();
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (getppid() != parent)
			std::_Exit(1);
		body();
		std::_Exit(0);
	}
	return pid;
}

int bench(const Options& options)
{
	auto* shared = static_cast<Shared*>(
		mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
	pthread_barrierattr_t attributes;
	pthread_barrierattr_init(&attributes);
	pthread_barrierattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED);
	for (pthread_barrier_t* barrier : {&shared->ready, &shared->go, &shared->done})
		pthread_barrier_init(barrier, &attributes, options.pairs + 1);
	std::vector<pid_t> pids;
	pids.push_back(start([&] { manage(options); }));
	for (u32 pair = 0; pair < options.pairs; ++pair) {
		std::string name = "bench" + std::to_string(pair);
		pids.push_back(start([&] {
			Connection connection = open_or_die(options);
			add_service(connection, name);
			echo(connection, options.size);
		}));
		pids.push_back(start([&] { run_client(options, *shared, pair, 0, name); }));
	}
	// A process that ends before all are ready would have the others wait for ever.
	static std::vector<pid_t>* all = &pids;
	all = &pids;
	struct sigaction action = {};
	action.sa_handler = [](int) {
		int status = 0;
		while (pid_t gone = waitpid(-1, &status, WNOHANG)) {
			if (gone < 0)
				break;
			if (status == 0 || std::find(all->begin(), all->end(), gone) == all->end())
				continue;
			const char text[] = "binder_tool: one of its processes failed\n";
			if (write(2, text, sizeof(text) - 1) < 0) {
			}
			for (pid_t pid : *all)
				kill(pid, SIGKILL);
			std::_Exit(1);
		}
	};
	action.sa_flags = SA_RESTART;
	sigaction(SIGCHLD, &action, nullptr);
	pthread_barrier_wait(&shared->ready);
	if (!options.mark.empty() && std::system(options.mark.c_str()) < -1)
		return 1;
	pthread_barrier_wait(&shared->go);
	pthread_barrier_wait(&shared->done);
	if (!options.end.empty() && std::system(options.end.c_str()) < -1)
		return 1;
	signal(SIGCHLD, SIG_DFL);
	for (pid_t pid : pids) {
		kill(pid, SIGKILL);
		waitpid(pid, nullptr, 0);
	}
	print(*shared, options);
	return 0;
}

int ping(const Options& options, u32 flags)
{
	auto shared = std::make_unique<Shared>();
	for (pthread_barrier_t* barrier : {&shared->ready, &shared->go, &shared->done})
		pthread_barrier_init(barrier, nullptr, 1);
	Options timed = options;
	timed.latency = true;
	run_client(timed, *shared, 0, flags, options.name);
	print(*shared, timed);
	return 0;
}

int list(const Options& options)
{
	Connection connection = open_or_die(options);
	TransactionData answer;
	if (!call(connection, 0, kList, Parcel(), answer))
		return 1;
	auto bytes = data_of(answer);
	std::fwrite(bytes.data(), 1, bytes.size(), stdout);
	return 0;
}

int run(int count, char** words)
{
	Options options;
	for (int at = 2; at + 1 < count; at += 2) {
		std::string name = words[at];
		const char* value = words[at + 1];
		if (name == "--device")
			options.device = value;
		else if (name == "--name")
			options.name = value;
		else if (name == "--mark")
			options.mark = value;
		else if (name == "--end")
			options.end = value;
		else if (name == "--size")
			options.size = std::strtoull(value, nullptr, 0);
		else if (name == "--count")
			options.count = std::strtoull(value, nullptr, 0);
		else if (name == "--pairs")
			options.pairs = std::clamp<u32>(static_cast<u32>(std::atoi(value)), 1, kMostPairs);
		else if (name == "--seconds")
			options.seconds = std::atof(value);
		else if (name == "--ramp")
			options.ramp = std::atof(value);
		else if (name == "--latency")
			options.latency = std::atoi(value) != 0;
		else
			std::fprintf(stderr, "binder_tool: unknown option %s\n", words[at]);
	}
	std::string what = count > 1 ? words[1] : "";
	if (what == "manager")
		manage(options);
	if (what == "echo") {
		Connection connection = open_or_die(options);
		add_service(connection, options.name);
		echo(connection, ~u64{0});
	}
	if (what == "ping" || what == "oneway")
		return ping(options, what == "ping" ? 0 : u32{kOneWay});
	if (what == "list")
		return list(options);
	if (what == "bench")
		return bench(options);
	std::fprintf(stderr, "usage: binder_tool manager|echo|ping|oneway|list|bench [--OPTION VALUE]...\n");
	return 2;
}

}  // namespace
}  // namespace binder

int main(int count, char** words) { return binder::run(count, words); }
