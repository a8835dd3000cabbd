// SPDX-License-Identifier: GPL-2.0
/// \file
/// Sends packets between two network namespaces of one machine, and says how long it took.
///
///   netload LOAD BYTES COUNT SECONDS SERVER CLIENT ADDRESS [BEFORE]
///
/// LOAD: tcp_rr, udp_rr       BYTES go from the client to the server and back, one after the other
///       tcp_stream           the client writes BYTES at a time
///       udp_stream           datagrams of BYTES; the server says how many it has got, so that none has to be dropped
///       pktgen, pktgen_burst the kernel's packet generator (the module pktgen) sends frames of BYTES, without their check
///                            sequence, one or 32 at a time, to a socket that nobody reads; the client has to know
///                            the server's link address
/// COUNT operations, or as many as there are in SECONDS if COUNT is 0. SERVER and CLIENT are files that name the
/// namespaces (/run/netns/...), "-" for the present one; ADDRESS is the server's, IPv4. When both sides are connected,
/// the command BEFORE is run, and as soon as all has arrived the plugin that counts instructions, if there is one, is told
/// that the sample ends: so what a connection costs is not measured, nor a program that would have to be started.
///
/// Prints one line of JSON: operations, ns that they took, and percentiles of one in ns, of the loads that wait for
/// answers. Of pktgen's frames those are operations that have arrived; it prints how many were sent, too. Exit code 1 and
/// a line on stderr if anything fails; nothing waits for longer than 10 s.
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <future>
#include <sstream>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "../insn/mark.h"

namespace {

using Clock = std::chrono::steady_clock;

constexpr uint16_t kPort = 5201;
constexpr time_t kPatience = 10;
constexpr size_t kLargest = 1 << 20;
// Frames on their way at most: fewer than a ring or a socket has place for.
constexpr size_t kFrames = 64;
constexpr size_t kFrameBytes = 1448;
// A port where packets are thrown away (RFC 863), and what pktgen sends at a time.
constexpr uint16_t kDiscard = 9;
constexpr unsigned kBurst = 32;

[[noreturn]] void die(const char* what)
{
	std::fprintf(stderr, "netload: %s: %s\n", what, std::strerror(errno));
	std::_Exit(1);
}

void require(bool holds, const char* what)
{
	if (!holds)
		die(what);
}

uint64_t number(const char* text, uint64_t most)
{
	uint64_t value = 0;
	const char* end = text + std::strlen(text);
	auto [stop, error] = std::from_chars(text, end, value);
	if (error != std::errc{} || stop != end || value > most) {
		std::fprintf(stderr, "netload: %s is no number up to %llu\n", text,
			     static_cast<unsigned long long>(most));
		std::_Exit(1);
	}
	return value;
}

/// A file descriptor, closed with its owner.
class Fd {
public:
	explicit Fd(int fd) : fd_(fd) {}
	Fd(Fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
	Fd& operator=(Fd&&) = delete;
	~Fd()
	{
		if (fd_ >= 0)
			close(fd_);
	}
	operator int() const { return fd_; }

private:
	int fd_;
};

/// What a system call returns when no signal disturbs it: those on sockets with timeouts do not go on by themselves.
ssize_t whole(auto&& call)
{
	ssize_t result;
	do {
		result = call();
	} while (result < 0 && errno == EINTR);
	return result;
}

/// Moves the calling thread to a network namespace.
void enter(std::string_view name)
{
	if (name == "-")
		return;
	Fd file{open(std::string{name}.c_str(), O_RDONLY | O_CLOEXEC)};
	require(file >= 0 && setns(file, CLONE_NEWNET) == 0, "cannot enter the namespace");
}

Fd make_socket(int type)
{
	Fd fd{socket(AF_INET, type | SOCK_CLOEXEC, 0)};
	require(fd >= 0, "socket");
	const timeval patience{kPatience, 0};
	require(!setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience), "SO_RCVTIMEO");
	require(!setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience), "SO_SNDTIMEO");
	const int yes = 1;
	if (type == SOCK_STREAM)
		require(!setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes), "TCP_NODELAY");
	require(!setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes), "SO_REUSEADDR");
	return fd;
}

void send_all(int fd, const char* data, size_t bytes)
{
	while (bytes) {
		const ssize_t sent = whole([&] { return send(fd, data, bytes, MSG_NOSIGNAL); });
		require(sent > 0, "send");
		data += sent;
		bytes -= static_cast<size_t>(sent);
	}
}

/// Receives `bytes`, or fewer if the peer has ended; how many.
size_t receive_all(int fd, char* data, size_t bytes)
{
	size_t got = 0;
	while (got < bytes) {
		const ssize_t part = whole([&] { return recv(fd, data + got, bytes - got, 0); });
		require(part >= 0, "receive");
		if (!part)
			break;
		got += static_cast<size_t>(part);
	}
	return got;
}

struct Load {
	std::string_view name;
	size_t bytes;
	uint64_t count;
	std::chrono::seconds time;
	in_addr address;
	const char* before;

	bool is_stream() const { return name.starts_with("tcp"); }
	/// Datagrams on their way at most, and after how many the server says what it has got.
	uint64_t window() const { return std::clamp<uint64_t>(kFrames / (bytes / kFrameBytes + 1), 1, 64); }
	uint64_t report() const { return std::max<uint64_t>(window() / 4, 1); }
	bool answers() const { return name.ends_with("_rr"); }
	bool is_generated() const { return name.starts_with("pktgen"); }
};

/// What happens on the server's side of a connection, until the client ends it.
void serve(int fd, const Load& load)
{
	std::vector<char> data(std::max<size_t>(load.bytes, 16));
	if (load.is_stream()) {
		if (load.answers()) {
			while (receive_all(fd, data.data(), load.bytes) == load.bytes)
				send_all(fd, data.data(), load.bytes);
			return;
		}
		data.resize(kLargest);
		ssize_t got = 0;
		while ((got = whole([&] { return recv(fd, data.data(), data.size(), 0); })) > 0)
			;
		require(!got, "receive");
		send_all(fd, "", 1);
		return;
	}
	for (uint64_t seen = 0;;) {
		sockaddr_in peer{};
		socklen_t length = sizeof peer;
		const ssize_t got = whole([&] {
			return recvfrom(fd, data.data(), data.size(), 0, reinterpret_cast<sockaddr*>(&peer), &length);
		});
		require(got >= 0, "receive");
		if (!got)
			return;
		++seen;
		const bool reports = !load.answers() && seen % load.report() == 0;
		if (reports)
			std::memcpy(data.data(), &seen, sizeof seen);
		if (load.answers() || reports)
			require(sendto(fd, data.data(), reports ? sizeof seen : static_cast<size_t>(got), 0,
				       reinterpret_cast<sockaddr*>(&peer), length) > 0,
				"answer");
	}
}

/// The client's side: connects, does the operations, ends the connection.
class Client {
public:
	Client(int fd, const Load& load) : fd_(fd), load_(load), data_(std::max<size_t>(load.bytes, 16)) {}

	void run()
	{
		if (load_.answers())
			exchange(data_);  // Addresses are known to both sides from here on.
		if (load_.before)
			require(std::system(load_.before) == 0, load_.before);
		const auto start = Clock::now();
		const auto end = start + load_.time;
		uint64_t done = 0;
		for (; load_.count ? done < load_.count : Clock::now() < end; done++)
			one(done);
		finish(done);
		const auto took = Clock::now() - start;
		mark_send("end\n");
		if (!load_.is_stream())
			require(send(fd_, data_.data(), 0, 0) == 0, "end");
		print(done, took);
	}

private:
	void one(uint64_t done)
	{
		if (load_.answers()) {
			const auto sent = Clock::now();
			exchange(data_);
			times_.push_back(static_cast<uint64_t>((Clock::now() - sent).count()));
		} else {
			if (!load_.is_stream() && done - arrived_ >= load_.window())
				hear();
			send_all(fd_, data_.data(), load_.bytes);
		}
	}

	void exchange(std::vector<char>& data)
	{
		send_all(fd_, data.data(), load_.bytes);
		// A stream's answer comes in pieces, a datagram's as a whole.
		const size_t got = receive_all(fd_, data.data(), load_.bytes);
		require(got == load_.bytes, "no answer");
	}

	/// Waits for the server's word of what has arrived.
	void hear()
	{
		require(whole([&] { return recv(fd_, &arrived_, sizeof arrived_, 0); }) == sizeof arrived_,
			"no word of what has arrived");
	}

	void finish(uint64_t done)
	{
		if (load_.answers())
			return;
		if (load_.is_stream()) {
			char word = 0;
			require(!shutdown(fd_, SHUT_WR) && whole([&] { return recv(fd_, &word, 1, 0); }) == 1,
				"the end was not seen");
			return;
		}
		while (arrived_ < done / load_.report() * load_.report())
			hear();
	}

	void print(uint64_t done, Clock::duration took)
	{
		std::printf("{\"operations\": %llu, \"ns\": %lld", static_cast<unsigned long long>(done),
			    static_cast<long long>(took.count()));
		std::sort(times_.begin(), times_.end());
		for (auto [name, share] : {std::pair{"p50", 0.5}, {"p99", 0.99}, {"p999", 0.999}})
			if (!times_.empty())
				std::printf(", \"%s\": %llu", name,
					    static_cast<unsigned long long>(times_[static_cast<size_t>(
						    static_cast<double>(times_.size() - 1) * share)]));
		std::printf("}\n");
	}

	const int fd_;
	const Load& load_;
	std::vector<char> data_;
	std::vector<uint64_t> times_;
	uint64_t arrived_ = 0;
};

/// The packet generator of the namespace that the process is in.
class Generator {
public:
	explicit Generator(const Load& load) : load_(load) {}
	Generator(const Generator&) = delete;
	Generator& operator=(const Generator&) = delete;
	~Generator() { tell("kpktgend_0", "rem_device_all"); }

	/// Says what to send, and from which interface: the one on which the server's link address is known.
	void prepare()
	{
		char text[INET_ADDRSTRLEN];
		require(inet_ntop(AF_INET, &load_.address, text, sizeof text), "address");
		std::ifstream known{"/proc/net/arp"};
		std::string line;
		std::string link;
		while (link.empty() && std::getline(known, line)) {
			std::istringstream words{line};
			std::string address;
			std::string skipped;
			std::string found;
			words >> address >> skipped >> skipped >> found >> skipped >> device_;
			if (address == text)
				link = found;
		}
		errno = ENOENT;
		require(!link.empty(), "link address of the server");
		tell("kpktgend_0", "rem_device_all");
		tell("kpktgend_0", "add_device " + device_);
		for (const std::string& what :
		     {"count " + std::to_string(load_.count), "pkt_size " + std::to_string(load_.bytes),
		      "burst " + std::to_string(load_.name == "pktgen" ? 1 : kBurst), std::string{"delay 0"},
		      "dst_mac " + link, std::string{"dst_min "} + text, std::string{"dst_max "} + text,
		      "udp_dst_min " + std::to_string(kDiscard), "udp_dst_max " + std::to_string(kDiscard)})
			tell(device_, what);
	}

	/// Sends, until all has gone or the time is over.
	void run()
	{
		const auto sending = std::async(std::launch::async, [] { tell("pgctrl", "start"); });
		if (sending.wait_for(load_.count ? std::chrono::seconds{kPatience} : load_.time) !=
		    std::future_status::ready)
			tell("pgctrl", "stop");
		sending.wait();
	}

	struct Result {
		uint64_t frames;
		std::chrono::microseconds took;
	};

	/// What was done. The generator's own time: whoever starts it sleeps for tenths of seconds at a time.
	Result result() const
	{
		std::ifstream file{"/proc/net/pktgen/" + device_};
		std::stringstream text;
		text << file.rdbuf();
		const std::string said = text.str();
		const auto value = [&](const char* name) -> uint64_t {
			const size_t at = said.find(name);
			errno = EPROTO;
			require(at != said.npos, said.c_str());
			return std::strtoull(said.c_str() + at + std::strlen(name), nullptr, 10);
		};
		const uint64_t errors = value("errors: ");
		errno = EIO;
		require(!errors, "pktgen");
		return {value("pkts-sofar: "), std::chrono::microseconds{value("Result: OK: ")}};
	}

private:
	static void tell(const std::string& who, const std::string& what)
	{
		const std::string line = what + "\n";
		const Fd file{open(("/proc/net/pktgen/" + who).c_str(), O_WRONLY | O_CLOEXEC)};
		require(file >= 0 && write(file, line.data(), line.size()) == static_cast<ssize_t>(line.size()),
			what.c_str());
	}

	const Load& load_;
	std::string device_;
};

/// Frames that interfaces of the calling thread's namespace have received.
uint64_t received()
{
	std::ifstream file{"/proc/thread-self/net/dev"};
	uint64_t sum = 0;
	for (std::string line; std::getline(file, line);)
		if (const size_t name = line.find(':'); name != line.npos) {
			std::istringstream words{line.substr(name + 1)};
			uint64_t bytes = 0;
			uint64_t packets = 0;
			words >> bytes >> packets;
			sum += packets;
		}
	return sum;
}

/// As run(), for loads that no process sends.
int generate(const Load& load, const char* server, const char* client)
{
	sockaddr_in address{};
	address.sin_family = AF_INET;
	address.sin_port = htons(kDiscard);
	address.sin_addr = load.address;
	Fd home{open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC)};
	require(home >= 0, "namespace");
	enter(server);
	const Fd taker = make_socket(SOCK_DGRAM);
	const int least = 1;
	require(!setsockopt(taker, SOL_SOCKET, SO_RCVBUF, &least, sizeof least), "SO_RCVBUF");
	require(!bind(taker, reinterpret_cast<const sockaddr*>(&address), sizeof address), "bind");
	const uint64_t before = received();
	require(setns(home, CLONE_NEWNET) == 0, "namespace");
	enter(client);
	Generator generator{load};
	generator.prepare();
	if (load.before)
		require(std::system(load.before) == 0, load.before);
	generator.run();
	mark_send("end\n");
	const auto [sent, took] = generator.result();
	require(setns(home, CLONE_NEWNET) == 0, "namespace");
	enter(server);
	uint64_t arrived = received() - before;
	for (int tries = 0; arrived < sent && tries < 10; tries++) {
		std::this_thread::sleep_for(std::chrono::milliseconds{10});
		arrived = received() - before;
	}
	std::printf("{\"operations\": %llu, \"ns\": %lld, \"sent\": %llu}\n", static_cast<unsigned long long>(arrived),
		    static_cast<long long>(std::chrono::nanoseconds{took}.count()),
		    static_cast<unsigned long long>(sent));
	require(setns(home, CLONE_NEWNET) == 0, "namespace");
	enter(client);	// Where the generator is told to forget the interface.
	return 0;
}

int run(const Load& load, const char* server, const char* client)
{
	if (load.is_generated())
		return generate(load, server, client);
	const int type = load.is_stream() ? SOCK_STREAM : SOCK_DGRAM;
	sockaddr_in address{};
	address.sin_family = AF_INET;
	address.sin_port = htons(kPort);
	address.sin_addr = load.address;
	const auto* name = reinterpret_cast<const sockaddr*>(&address);

	enter(server);
	const Fd listener = make_socket(type);
	require(!bind(listener, name, sizeof address), "bind");
	require(!load.is_stream() || !listen(listener, 1), "listen");
	std::thread serving{[&] {
		if (!load.is_stream())
			return serve(listener, load);
		Fd peer{static_cast<int>(whole([&] { return accept4(listener, nullptr, nullptr, SOCK_CLOEXEC); }))};
		require(peer >= 0, "accept");
		const int yes = 1;
		const timeval patience{kPatience, 0};
		require(!setsockopt(peer, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes), "TCP_NODELAY");
		require(!setsockopt(peer, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience), "SO_RCVTIMEO");
		serve(peer, load);
	}};
	enter(client);
	{
		const Fd fd = make_socket(type);
		require(!connect(fd, name, sizeof address), "connect");
		Client{fd, load}.run();
	}
	serving.join();
	return 0;
}

}  // namespace

int main(int argc, char** argv)
{
	if (argc != 8 && argc != 9) {
		std::fprintf(stderr, "usage: netload LOAD BYTES COUNT SECONDS SERVER CLIENT ADDRESS [BEFORE]\n");
		return 2;
	}
	Load load{argv[1],
		  number(argv[2], kLargest),
		  number(argv[3], 1'000'000'000),
		  std::chrono::seconds{number(argv[4], 3600)},
		  {},
		  nullptr};
	const std::string_view known[] = {"tcp_rr", "udp_rr", "tcp_stream", "udp_stream", "pktgen", "pktgen_burst"};
	if (std::find(std::begin(known), std::end(known), load.name) == std::end(known) || !load.bytes ||
	    inet_pton(AF_INET, argv[7], &load.address) != 1) {
		std::fprintf(stderr, "netload: %s %s %s: no such load, number of bytes, or address\n", argv[1], argv[2],
			     argv[7]);
		return 2;
	}
	if (argc == 9)
		load.before = argv[8];
	return run(load, argv[5], argv[6]);
}
