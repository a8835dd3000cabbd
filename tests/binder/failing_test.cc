// SPDX-License-Identifier: GPL-2.0
/// \file
/// BD-90: everything the driver allocates for a command fails in its turn, and so does every copy from and to user space. What the
/// command says is then an errno or a return that says so, nothing is left, and the next command works.
///
/// On a kernel with CONFIG_FAULT_INJECTION alone, whose knobs the caller sets: /proc/thread-self/fail-nth fails the nth chance to fail
/// of this thread, those of the kernel's own in the same system call, too.
#include <sys/epoll.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <map>

#include "mounted.hpp"

namespace binder {
namespace {

constexpr int kMostFailures = 400;

class Failures {
public:
	Failures() : file_(open("/proc/thread-self/fail-nth", O_RDWR | O_CLOEXEC)) {}
	Failures(const Failures&) = delete;
	Failures& operator=(const Failures&) = delete;
	~Failures() { close(file_); }
	bool are_there() const { return file_ >= 0; }

	/// Calls `operation()`, which returns 0 or an errno, until nothing in it fails any more; `settle()` after each. Errnos must
	/// be among `allowed`, and the last call succeeds.
	void each(const char* what, const std::function<int()>& operation, const std::function<void()>& settle,
		  std::initializer_list<int> allowed = {ENOMEM, EFAULT})
	{
		std::map<int, int> results;
		int nth = 1;
		for (bool failed = true; failed; ++nth) {
			ASSERT_LT(nth, kMostFailures) << what;
			arm(nth);
			int error = operation();
			failed = disarm();
			++results[error];
			EXPECT_TRUE(error == 0 ||
				    (failed && std::find(allowed.begin(), allowed.end(), error) != allowed.end()))
				<< what << ", failure " << nth << ": errno " << error;
			settle();
			if (testing::Test::HasFailure())
				break;
		}
		std::printf("%s: %d failed one by one:", what, nth - 2);
		for (auto [error, times] : results)
			std::printf(" %s %d", error == 0 ? "0" : strerrorname_np(error), times);
		std::printf("\n");
	}

private:
	void arm(int nth) const
	{
		std::string text = std::to_string(nth);
		ASSERT_EQ(pwrite(file_, text.data(), text.size(), 0), static_cast<ssize_t>(text.size()));
	}
	/// Says whether it failed.
	bool disarm() const
	{
		char text[16] = {};
		// The copy to here may be what fails: then nothing did before.
		bool failed = pread(file_, text, sizeof(text) - 1, 0) > 0 && std::atoi(text) == 0;
		// And so may this, if something was left to fail.
		for (int tries = 0; pwrite(file_, "0", 1, 0) != 1; ++tries) {
			if (tries == 3) {
				ADD_FAILURE() << "fail-nth cannot be written";
				break;
			}
		}
		return failed;
	}

	int file_;
};

#define NEED_FAILURES(failures)      \
	if (!(failures).are_there()) \
	GTEST_SKIP() << "\nskip: this kernel fails nothing on demand"

/// Takes what has come: acknowledges, frees buffers, closes the files that came, and answers calls if `answer`.
void drain(Peer& peer, bool answer = false)
{
	for (Event event = peer.next(0); event.code != 0; event = peer.next(0)) {
		if (event.code != kBrTransaction && event.code != kBrReply)
			continue;
		TransactionData data = event.transaction();
		for (u64 index = 0; index < data.offsets_size / sizeof(u64); ++index) {
			auto object = peer.object<FdObject>(data, index);
			if (object.type == kTypeFd)
				close(static_cast<int>(object.fd));
		}
		Commands commands;
		commands.free_buffer(data.buffer);
		if (event.code == kBrTransaction && answer && !(data.flags & kOneWay))
			commands.reply(Parcel("done"));
		peer.write(commands);
	}
}

/// One ioctl that writes commands: 0 or an errno.
int written(const Peer& peer, const Commands& commands) { return -peer.io.write(commands).error; }

TEST_F(Binder, Bd90OpenAndMmap)
{
	Failures failures;
	NEED_FAILURES(failures);
	int file = -1;
	std::string path = device();
	failures.each(
		"open", [&] { return (file = open(path.c_str(), O_RDWR | O_CLOEXEC)) < 0 ? errno : 0; },
		[&] {
			if (file >= 0)
				close(file);
			file = -1;
		},
		{ENOMEM, EFAULT, ENFILE});
	void* base = MAP_FAILED;
	auto again = [&] {
		if (base != MAP_FAILED)
			munmap(base, kMap);
		base = MAP_FAILED;
		if (file >= 0)
			close(file);
		file = open(path.c_str(), O_RDWR | O_CLOEXEC);
		ASSERT_GE(file, 0);
	};
	again();
	failures.each(
		"mmap",
		[&] {
			base = mmap(nullptr, kMap, PROT_READ, MAP_PRIVATE, file, 0);
			return base == MAP_FAILED ? errno : 0;
		},
		again);
	int version = 0;
	failures.each("first ioctl", [&] { return ::ioctl(file, kVersion, &version) < 0 ? errno : 0; }, again,
		      {ENOMEM, EFAULT, EINVAL});
	int epoll = epoll_create1(EPOLL_CLOEXEC);
	failures.each(
		"epoll",
		[&] {
			epoll_event wanted = {.events = EPOLLIN, .data = {}};
			return epoll_ctl(epoll, EPOLL_CTL_ADD, file, &wanted) < 0 ? errno : 0;
		},
		again);
	close(epoll);
	if (base != MAP_FAILED)
		munmap(base, kMap);
	close(file);
}

TEST_F(Binder, Bd90Mounting)
{
	Failures failures;
	NEED_FAILURES(failures);
	NEED_BINDERFS;
	auto mounted = std::make_unique<Mounted>();
	ASSERT_EQ(mounted->umount(), 0);
	failures.each("mount", [&] { return mounted->mount("stats=global,max=100"); }, [&] { mounted->umount(); });
	ASSERT_EQ(mounted->mount("stats=global"), 0);
	failures.each("remount", [&] { return mounted->mount("stats=global,max=50", MS_REMOUNT); }, [] {});
	int control = open((*mounted / "binder-control").c_str(), O_RDONLY | O_CLOEXEC);
	ASSERT_GE(control, 0);
	DeviceRequest request = {};
	failures.each(
		"BINDER_CTL_ADD",
		[&] {
			request = {.name = "mine", .major = 0, .minor = 0};
			return ::ioctl(control, kCtlAdd, &request) < 0 ? errno : 0;
		},
		[&] {
			unlink((*mounted / "mine").c_str());
			// What failed took no place.
			DeviceRequest again = {};
			EXPECT_EQ(mounted->add("again", &again), 0);
			EXPECT_EQ(unlink((*mounted / "again").c_str()), 0);
			static u32 minor = again.minor;
			EXPECT_EQ(again.minor, minor);
		});
	ASSERT_EQ(mounted->add("mine"), 0);
	int file = -1;
	std::string path = *mounted / "mine";
	failures.each(
		"open of a device", [&] { return (file = open(path.c_str(), O_RDWR | O_CLOEXEC)) < 0 ? errno : 0; },
		[&] {
			if (file >= 0)
				close(file);
			file = -1;
		},
		{ENOMEM, EFAULT, ENFILE});
	close(control);
	EXPECT_EQ(mounted->umount(), 0);
}

TEST_F(Binder, Bd90Managing)
{
	Failures failures;
	NEED_FAILURES(failures);
	manager.reset();
	auto peer = std::make_unique<Peer>();
	FlatObject node = {kTypeBinder, kAcceptsFds, 0, 0};
	failures.each(
		"SET_CONTEXT_MGR_EXT", [&] { return -peer->ioctl(kSetContextMgrExt, &node); },
		[&] {
			peer = std::make_unique<Peer>();
			s32 version = 0;
			EXPECT_EQ(peer->ioctl(kVersion, &version), 0);
			// The one before it is gone.
			EXPECT_TRUE(wait_until([] { return active(read_file(debugfs() + "/stats"), "node") <= 0; }));
		},
		{ENOMEM, EFAULT, EINVAL});
}

/// Objects of all kinds. `side` and `numbers` live as long.
Parcel everything(int file, const Bytes& side, const u32 (&numbers)[2], u64 node)
{
	Parcel parcel("objects");
	parcel.binder(node, node, kAcceptsFds);
	parcel.weak_binder(node + 8, node + 8);
	parcel.fd(file);
	u64 array = parcel.ptr(numbers, sizeof(numbers));
	parcel.fd_array(2, array, 0);
	u64 outer = parcel.ptr(side.data(), side.size());
	parcel.ptr_in(side.data(), side.size() / 2, outer, 16);
	return parcel;
}

TEST_F(Binder, Bd90Calls)
{
	Failures failures;
	NEED_FAILURES(failures);
	Peer client;
	s32 version = 0;
	EXPECT_EQ(client.ioctl(kVersion, &version), 0);
	u64 node = 0;
	Bytes side(6000);
	u32 numbers[2] = {0, 1};
	auto call = [&](u32 flags) {
		// Nodes, handles and pages that were not there before.
		node += 0x100;
		return written(client, Commands().transaction(0, 1, everything(0, side, numbers, node), flags));
	};
	auto settle = [&] {
		drain(*manager, true);
		drain(client);
		drain(*manager);
		write_file("/proc/sys/vm/drop_caches", "2");
	};
	failures.each("oneway call", [&] { return call(kOneWay); }, settle);
	failures.each("call", [&] { return call(kAcceptFds); }, settle);
	send(client, 0, 1, Parcel("still works"));
	settle();
}

TEST_F(Binder, Bd90Replies)
{
	Failures failures;
	NEED_FAILURES(failures);
	Peer client;
	u64 node = 0x100000;
	Bytes side(6000);
	u32 numbers[2] = {0, 1};
	auto call = [&] {
		send(client, 0, 1, Parcel("call"), kAcceptFds);
		manager->write(Commands().free_buffer(manager->want_call().buffer));
	};
	call();
	failures.each(
		"reply",
		[&] {
			node += 0x100;
			return written(*manager, Commands().reply(everything(0, side, numbers, node)));
		},
		[&] {
			drain(*manager);
			auto answer = [&](int patience_ms) {
				Event event = client.next(patience_ms);
				return event.code == kBrTransactionComplete ? client.next(patience_ms) : event;
			};
			// A reply that never was leaves the call to be answered.
			Event event = answer(0);
			if (event.code == 0) {
				manager->write(Commands().reply(Parcel("late")));
				event = answer(kPatienceMs);
			}
			if (event.code == kBrReply) {
				TransactionData data = event.transaction();
				for (u64 index = 0; index < data.offsets_size / sizeof(u64); ++index) {
					auto object = client.object<FdObject>(data, index);
					if (object.type == kTypeFd)
						close(static_cast<int>(object.fd));
				}
				client.write(Commands().free_buffer(data.buffer));
			} else {
				EXPECT_TRUE(event.code == kBrFailedReply || event.code == kBrDeadReply)
					<< name_of(event.code);
			}
			drain(*manager);
			drain(client);
			write_file("/proc/sys/vm/drop_caches", "2");
			call();
		});
	manager->write(Commands().reply(Parcel("last")));
	drain(*manager);
	drain(client);
}

TEST_F(Binder, Bd90Reads)
{
	Failures failures;
	NEED_FAILURES(failures);
	Peer client;
	Parcel parcel("with a file");
	parcel.fd(0);
	u8 room[512];
	for (u32 flags : {u32{0}, u32{kOneWay}}) {
		auto prepare = [&] {
			std::memset(room, 0, sizeof(room));
			send(client, 0, 1, parcel, flags);
		};
		prepare();
		failures.each(
			flags == kOneWay ? "read of a oneway call" : "read of a call",
			[&] {
				WriteRead read = {.read_size = sizeof(room),
						  .read_buffer = reinterpret_cast<uintptr_t>(room)};
				return -manager->ioctl(kWriteRead, &read);
			},
			[&] {
				// Behind a NOOP, also if the driver could not say how much it wrote.
				Event event = {.code = 0,
					       .payload = Bytes(room + 8, room + 8 + sizeof(TransactionData))};
				std::memcpy(&event.code, room + 4, sizeof(event.code));
				if (event.code == kBrTransaction) {
					TransactionData data = event.transaction();
					close(static_cast<int>(manager->object<FdObject>(data, 0).fd));
					Commands commands;
					commands.free_buffer(data.buffer);
					if (flags == 0)
						commands.reply(Parcel("done"));
					manager->write(commands);
				}
				drain(*manager, true);
				drain(client);
				prepare();
			},
			{ENOMEM, EFAULT, EAGAIN});
		drain(*manager, true);
		drain(client);
	}
}

TEST_F(Binder, Bd90Notifications)
{
	Failures failures;
	NEED_FAILURES(failures);
	Peer client;
	u64 cookie = 1;
	client.write(Commands().acquire(0));
	failures.each(
		"BC_REQUEST_DEATH_NOTIFICATION", [&] { return written(client, Commands().request_death(0, cookie)); },
		[&] {
			// BR_ERROR comes before anything else is taken.
			drain(client);
			client.write(Commands().clear_death(0, cookie));
			drain(client);
		});
	if (has_freeze_notifications()) {
		failures.each(
			"BC_REQUEST_FREEZE_NOTIFICATION",
			[&] { return written(client, Commands().add(kBcRequestFreeze, HandleCookie{0, cookie})); },
			[&] {
				drain(client);
				client.io.write(Commands().add(kBcFreezeDone, cookie));
				client.io.write(Commands().add(kBcClearFreeze, HandleCookie{0, cookie}));
				drain(client);
			});
	}
	FreezeInfo info = {static_cast<u32>(manager->pid()), 1, 10};
	failures.each(
		"FREEZE", [&] { return -client.ioctl(kFreeze, &info); },
		[&] {
			FreezeInfo thaw = {info.pid, 0, 0};
			EXPECT_EQ(client.ioctl(kFreeze, &thaw), 0);
			drain(client);
		});
	round_trip(client, *manager);
}

}  // namespace
}  // namespace binder
