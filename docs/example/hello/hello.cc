// SPDX-License-Identifier: GPL-2.0
/// \file
/// The smallest module: one parameter, a line when it comes and one when it goes.
#include <cxxrt/module.hpp>

#include <cxxrt/enforce.hpp>

namespace hello {
using namespace cxxrt;

static constinit module::RangedParam<1, 10> times{1};
CXXRT_PARAM(times, "How often to greet, 1 to 10");

class Greeter : Pinned {
public:
	/// Context: process; sleeps.   Errors: ENOMEM.
	static Result<Box<Greeter>> create()
	{
		Box<Greeter> greeter = TRY(Box<Greeter>::make(Gfp::Kernel));
		for (int i = 0; i < times.get(); ++i)
			log::info<"hello, kernel">();
		return greeter;
	}
	~Greeter() { log::info<"goodbye after %d">(times.get()); }
};

}  // namespace hello

CXXRT_MODULE(hello::Greeter, "The cxxrt authors", "Says hello");
