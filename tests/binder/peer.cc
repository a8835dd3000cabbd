// SPDX-License-Identifier: GPL-2.0
#include "peer.hpp"

#include <poll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <sstream>

namespace binder {

namespace {

constexpr int kSilenceMs = 30;
constexpr unsigned kCaseSeconds = 120;

std::string from_environment(const char* name, const char* otherwise)
{
	const char* value = std::getenv(name);
	return value != nullptr && *value != 0 ? value : otherwise;
}

/// Sends a file, or none if it is negative, and a few bytes.
bool send_file(int socket, int fd, const void* bytes, size_t size)
{
	alignas(cmsghdr) char room[CMSG_SPACE(sizeof(int))] = {};
	iovec part = {const_cast<void*>(bytes), size};
	msghdr message = {};
	message.msg_iov = &part;
	message.msg_iovlen = 1;
	if (fd >= 0) {
		message.msg_control = room;
		message.msg_controllen = sizeof(room);
		cmsghdr* header = CMSG_FIRSTHDR(&message);
		header->cmsg_level = SOL_SOCKET;
		header->cmsg_type = SCM_RIGHTS;
		header->cmsg_len = CMSG_LEN(sizeof(int));
		std::memcpy(CMSG_DATA(header), &fd, sizeof(fd));
	}
	return sendmsg(socket, &message, 0) == static_cast<ssize_t>(size);
}

int receive_file(int socket, void* bytes, size_t size)
{
	alignas(cmsghdr) char room[CMSG_SPACE(sizeof(int))] = {};
	iovec part = {bytes, size};
	msghdr message = {};
	message.msg_iov = &part;
	message.msg_iovlen = 1;
	message.msg_control = room;
	message.msg_controllen = sizeof(room);
	int fd = -1;
	if (recvmsg(socket, &message, MSG_CMSG_CLOEXEC) != static_cast<ssize_t>(size))
		return -1;
	if (cmsghdr* header = CMSG_FIRSTHDR(&message))
		std::memcpy(&fd, CMSG_DATA(header), sizeof(fd));
	return fd;
}

struct Opened {
	s32 error;
	u32 reserved;
	u64 base;
};

/// A Peer's process: opens, maps, sends the file, then does what it is told.
int host(int socket, const Peer::Options& options)
{
	Opened opened = {};
	auto map = static_cast<size_t>(options.map);
	int fd = open(options.device.c_str(), options.flags);
	opened.error = fd < 0 ? -errno : 0;
	void* base = MAP_FAILED;
	if (fd >= 0 && options.map != 0) {
		base = mmap(nullptr, map, PROT_READ, MAP_PRIVATE | MAP_NORESERVE, fd, 0);
		opened.error = base == MAP_FAILED ? -errno : 0;
		opened.base = reinterpret_cast<uintptr_t>(base);
	}
	if (options.after)
		options.after();
	if (!send_file(socket, fd, &opened, sizeof(opened)))
		return 1;
	char what = 0;
	while (read(socket, &what, 1) == 1) {
		s32 answer = -EINVAL;
		if (what == 'u')
			answer = munmap(base, map) < 0 ? -errno : 0;
		if (what == 'm')
			answer = mmap(nullptr, map, PROT_READ, MAP_PRIVATE | MAP_NORESERVE, fd, 0) == MAP_FAILED
					 ? -errno
					 : 0;
		if (::write(socket, &answer, sizeof(answer)) != sizeof(answer))
			return 1;
	}
	return 0;
}

}  // namespace

std::string device() { return from_environment("BINDER_DEVICE", "/dev/binder"); }
std::string debugfs() { return from_environment("BINDER_DEBUGFS", "/sys/kernel/debug/binder"); }
std::string module_name() { return from_environment("BINDER_MODULE", "binder_linux"); }

bool has_freeze_notifications()
{
	utsname names = {};
	uname(&names);
	bool newer = std::strncmp(names.release, "6.1.", 4) != 0;
	return from_environment("BINDER_FREEZE_NOTIFICATIONS", newer ? "1" : "0") == "1";
}

std::string read_file(const std::string& path)
{
	std::ifstream file(path);
	std::stringstream text;
	text << file.rdbuf();
	return text.str();
}

bool write_file(const std::string& path, const std::string& text)
{
	int fd = open(path.c_str(), O_WRONLY | O_CLOEXEC);
	bool done = fd >= 0 && ::write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size());
	if (fd >= 0)
		close(fd);
	return done;
}

void sleep_ms(int ms) { std::this_thread::sleep_for(std::chrono::milliseconds(ms)); }

bool wait_until(const std::function<bool()>& done, int patience_ms)
{
	auto end = std::chrono::steady_clock::now() + std::chrono::milliseconds(patience_ms);
	while (!done()) {
		if (std::chrono::steady_clock::now() > end)
			return false;
		sleep_ms(1);
	}
	return true;
}

void manage(const Connection& connection, u32 flags)
{
	FlatObject node = {kTypeBinder, flags, 0, 0};
	while (connection.ioctl(kSetContextMgrExt, node) == -EBUSY)
		sleep_ms(1);
}

std::optional<Connection> open_as_manager(u32 flags, int open_flags)
{
	auto connection = Connection::open(device(), kMap, open_flags);
	if (connection)
		manage(*connection, flags);
	return connection;
}

bool say_ready(int socket)
{
	u8 ready = 1;
	return write(socket, &ready, 1) == 1;
}

void wait_for_call(const Connection& connection)
{
	for (;;) {
		for (const Event& event : connection.read().events()) {
			if (event.code == kBrTransaction)
				return;
		}
	}
}

Child::Child(const std::function<int(int)>& body)
{
	int pair[2] = {-1, -1};
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		return;
	pid_t parent = getpid();
	pid_ = fork();
	if (pid_ == 0) {
		// Opens of the driver that the case has would live on in this process. The socket becomes the only file.
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (getppid() != parent)
			_exit(1);
		dup2(pair[1], 3);
		syscall(SYS_close_range, 4, ~0U, 0);
		alarm(kCaseSeconds);
		_exit(body(3));
	}
	close(pair[1]);
	socket_ = pair[0];
}

Child::~Child()
{
	kill9();
	if (socket_ >= 0)
		close(socket_);
}

bool Child::receive(void* to, size_t size) const
{
	pollfd waits = {socket_, POLLIN, 0};
	return poll(&waits, 1, kPatienceMs) == 1 && recv(socket_, to, size, MSG_WAITALL) == static_cast<ssize_t>(size);
}

void Child::kill9()
{
	if (pid_ > 0) {
		kill(pid_, SIGKILL);
		wait();
	}
}

int Child::wait()
{
	int status = 0;
	if (pid_ <= 0 || waitpid(pid_, &status, 0) != pid_)
		return -1;
	pid_ = -1;
	return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

char Child::state() const
{
	std::string stat = read_file("/proc/" + std::to_string(pid_) + "/stat");
	size_t end = stat.rfind(')');
	return end == std::string::npos || end + 2 >= stat.size() ? '?' : stat[end + 2];
}

Peer::Peer(const Options& options)
{
	host_ = std::make_unique<Child>([&options](int socket) { return host(socket, options); });
	Opened opened = {};
	int fd = receive_file(host_->socket(), &opened, sizeof(opened));
	EXPECT_GE(fd, 0) << "cannot open " << options.device;
	EXPECT_EQ(opened.error, 0) << "cannot map " << options.device;
	io = Connection(fd, opened.base, options.map, false);
}

void Peer::die()
{
	io.close();
	host_->kill9();
	queue_.clear();
}

int Peer::order(char what)
{
	host_->put(what);
	return host_->get<s32>();
}

void Peer::write(const Commands& commands) const
{
	Outcome outcome = io.write(commands);
	EXPECT_EQ(outcome.error, 0);
	EXPECT_EQ(outcome.write_consumed, commands.bytes().size());
}

Event Peer::next(int patience_ms)
{
	Event found;
	wait_until(
		[&] {
			if (queue_.empty()) {
				Outcome outcome = io.read();
				for (Event& event : parse(outcome.read))
					queue_.push_back(std::move(event));
				if (outcome.error != 0 && outcome.error != -EAGAIN && outcome.error != -EINTR) {
					ADD_FAILURE() << "read: errno " << -outcome.error;
					return true;
				}
			}
			while (!queue_.empty()) {
				Event event = std::move(queue_.front());
				queue_.pop_front();
				if (event.code == kBrNoop)
					continue;
				if (acks && (event.code == kBrIncrefs || event.code == kBrAcquire)) {
					bool strong = event.code == kBrAcquire;
					++(strong ? acquires : increfs);
					write(Commands().add(strong ? kBcAcquireDone : kBcIncrefsDone,
							     event.as<PtrCookie>()));
					continue;
				}
				found = std::move(event);
				return true;
			}
			return false;
		},
		patience_ms);
	return found;
}

Event Peer::want(u32 code)
{
	Event event = next();
	EXPECT_EQ(name_of(event.code), name_of(code));
	return event;
}

std::vector<std::string> Peer::pending()
{
	std::vector<std::string> names;
	for (;;) {
		Outcome outcome = io.read();
		for (Event& event : parse(outcome.read))
			queue_.push_back(std::move(event));
		bool some = false;
		for (; !queue_.empty(); queue_.pop_front()) {
			if (queue_.front().code != kBrNoop) {
				names.push_back(name_of(queue_.front().code));
				some = true;
			}
		}
		if (!some)
			return names;
	}
}

bool Peer::idle()
{
	Event event = next(kSilenceMs);
	if (event.code != 0)
		ADD_FAILURE() << "came unexpected: " << name_of(event.code);
	return event.code == 0;
}

TransactionData Peer::want_call()
{
	Event event = next();
	EXPECT_EQ(_IOC_NR(event.code), _IOC_NR(kBrTransaction)) << name_of(event.code);
	return event.transaction();
}

ExtendedError Peer::error() const
{
	ExtendedError error = {};
	EXPECT_EQ(io.ioctl(kGetExtendedError, error), 0);
	return error;
}

Bytes Peer::memory(u64 address, u64 size) const
{
	Bytes bytes(static_cast<size_t>(size));
	if (size == 0)
		return bytes;
	iovec here = {bytes.data(), bytes.size()};
	iovec there = {reinterpret_cast<void*>(static_cast<uintptr_t>(address)), bytes.size()};
	ssize_t got = process_vm_readv(host_->pid(), &here, 1, &there, 1, 0);
	if (got < 0 && errno == ENOSYS) {
		// A kernel without CONFIG_CROSS_MEMORY_ATTACH.
		int file = open(("/proc/" + std::to_string(host_->pid()) + "/mem").c_str(), O_RDONLY | O_CLOEXEC);
		got = pread(file, bytes.data(), bytes.size(), static_cast<off_t>(address));
		close(file);
	}
	EXPECT_EQ(got, static_cast<ssize_t>(size)) << std::hex << address;
	return bytes;
}

std::string Peer::text(const TransactionData& data) const
{
	Bytes bytes = memory(data.buffer, data.data_size);
	return {bytes.begin(), bytes.end()};
}

void send(Peer& from, u32 handle, u32 code, const Parcel& parcel, u32 flags)
{
	Commands commands;
	commands.transaction(handle, code, parcel, flags);
	from.write(commands);
}

void reply(Peer& server, const TransactionData& call, const Parcel& parcel, u32 flags)
{
	Commands commands;
	commands.free_buffer(call.buffer);
	commands.reply(parcel, flags);
	server.write(commands);
	server.want(kBrTransactionComplete);
}

TransactionData want_reply(Peer& client)
{
	client.want(kBrTransactionComplete);
	return client.want(kBrReply).transaction();
}

void round_trip(Peer& client, Peer& server, u32 handle)
{
	send(client, handle, 1, Parcel("ping"));
	TransactionData call = server.want_call();
	EXPECT_EQ(server.text(call), "ping");
	reply(server, call, Parcel("pong"));
	TransactionData answer = want_reply(client);
	EXPECT_EQ(client.text(answer), "pong");
	client.write(Commands().free_buffer(answer.buffer));
}

void expect_failure(Peer& client, u32 code, int error)
{
	client.want(code);
	ExtendedError found = client.error();
	EXPECT_EQ(name_of(found.command), name_of(code));
	EXPECT_EQ(found.param, -error);
	EXPECT_NE(found.id, 0u);
}

void Binder::SetUp()
{
	alarm(kCaseSeconds);
	manager = make_manager();
}

void Binder::TearDown()
{
	manager.reset();
	std::string left;
	EXPECT_TRUE(wait_until([&] {
		left = leftovers();
		return left.empty();
	})) << "left: "
	    << left;
	alarm(0);
}

std::unique_ptr<Peer> Binder::make_manager(u32 flags, u64 ptr, u64 cookie, const Peer::Options& options)
{
	auto peer = std::make_unique<Peer>(options);
	FlatObject node = {kTypeBinder, flags, ptr, cookie};
	int error = 0;
	wait_until([&] {
		error = peer->ioctl(kSetContextMgrExt, &node);
		return error != -EBUSY;
	});
	EXPECT_EQ(error, 0) << "cannot be context manager";
	return peer;
}

u32 Binder::hand_over(Peer& owner, u64 ptr, u64 cookie, u32 flags)
{
	Parcel parcel;
	parcel.binder(ptr, cookie, flags);
	send(owner, 0, 1, parcel);
	TransactionData call = manager->want_call();
	auto object = manager->object<FlatObject>(call, 0);
	EXPECT_EQ(object.type, kTypeHandle);
	u32 handle = static_cast<u32>(object.binder);
	manager->write(Commands().acquire(handle));
	reply(*manager, call);
	owner.write(Commands().free_buffer(want_reply(owner).buffer));
	return handle;
}

u32 Binder::share(u32 handle, Peer& to)
{
	send(to, 0, 2);
	TransactionData call = manager->want_call();
	Parcel parcel;
	parcel.handle(handle);
	reply(*manager, call, parcel);
	TransactionData answer = want_reply(to);
	auto object = to.object<FlatObject>(answer, 0);
	EXPECT_EQ(object.type, kTypeHandle);
	u32 theirs = static_cast<u32>(object.binder);
	to.write(Commands().acquire(theirs).free_buffer(answer.buffer));
	return theirs;
}

int active(const std::string& stats, const std::string& name)
{
	std::string key = "\n" + name + ": active ";
	size_t at = ("\n" + stats).find(key);
	return at == std::string::npos ? -1 : std::atoi(stats.c_str() + at + key.size() - 1);
}

std::string leftovers()
{
	std::string stats = read_file(debugfs() + "/stats");
	std::string left;
	for (const char* name :
	     {"proc", "thread", "node", "ref", "death", "transaction", "transaction_complete", "freeze"}) {
		if (int count = active(stats, name); count > 0)
			left += std::string(left.empty() ? "" : ", ") + std::to_string(count) + " " + name;
	}
	return left;
}

}  // namespace binder
