// SPDX-License-Identifier: GPL-2.0
/// \file
/// binderfs, mounted in a folder of its own. It has nodes for the module's devices, and what add() made.
#pragma once

#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <string>

#include "peer.hpp"

namespace binder {

struct DeviceRequest {
	char name[256];
	u32 major, minor;
};
constexpr unsigned long kCtlAdd = _IOWR('b', 1, DeviceRequest);
static_assert(kCtlAdd == 0xc1086201);

/// How the file system is called: as the module, or as C's if the module was told so. "" if there is none.
inline std::string file_system()
{
	std::string parameters = "/sys/module/" + module_name() + "/parameters/";
	std::string name = module_name();
	if (name != "binder_cpp" || read_file(parameters + "compat_names") == "Y\n")
		name = "binder";
	bool is_known = read_file("/proc/filesystems").find("\t" + name + "\n") != std::string::npos;
	return is_known ? name : "";
}

/// How many nodes a mount has from the beginning.
inline unsigned first_devices()
{
	std::string names = read_file("/sys/module/" + module_name() + "/parameters/devices");
	return 1 + static_cast<unsigned>(std::count(names.begin(), names.end(), ','));
}

#define NEED_BINDERFS              \
	if (file_system().empty()) \
	GTEST_SKIP() << "\nskip: this driver has no binderfs"

class Mounted {
public:
	explicit Mounted(const std::string& options = "")
	{
		char path[] = "/tmp/binderfs_XXXXXX";
		if (mkdtemp(path) == nullptr) {
			error_ = errno;
			return;
		}
		path_ = path;
		error_ = mount(options);
	}
	Mounted(const Mounted&) = delete;
	Mounted& operator=(const Mounted&) = delete;
	~Mounted()
	{
		umount(MNT_DETACH);
		rmdir(path_.c_str());
	}

	/// 0 or an errno, as all.
	int mount(const std::string& options, unsigned long flags = 0)
	{
		int error = ::mount("none", path_.c_str(), type_.c_str(), flags, options.c_str()) ? errno : 0;
		is_mounted_ = is_mounted_ || error == 0;
		return error;
	}
	int umount(int flags = 0)
	{
		if (!is_mounted_)
			return EINVAL;
		if (umount2(path_.c_str(), flags) != 0)
			return errno;
		is_mounted_ = false;
		return 0;
	}
	int error() const { return error_; }
	std::string operator/(const std::string& name) const { return path_ + "/" + name; }
	const std::string& path() const { return path_; }

	int add(const std::string& name, DeviceRequest* answer = nullptr) const
	{
		DeviceRequest request = {};
		std::memcpy(request.name, name.data(), std::min(name.size(), sizeof(request.name)));
		int error = control(kCtlAdd, &request);
		if (answer != nullptr)
			*answer = request;
		return error;
	}
	int control(unsigned long command, void* argument) const
	{
		int file = open((*this / "binder-control").c_str(), O_RDONLY | O_CLOEXEC);
		if (file < 0)
			return errno;
		int error = ::ioctl(file, command, argument) < 0 ? errno : 0;
		close(file);
		return error;
	}

private:
	std::string type_ = file_system();
	std::string path_;
	int error_ = 0;
	bool is_mounted_ = false;
};

}  // namespace binder
