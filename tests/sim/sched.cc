// SPDX-License-Identifier: GPL-2.0
/// \file
/// Tasks that run until they wait, and a clock that stands still unless all do.
#include "sim.hpp"

#include <ucontext.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <random>

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/common_interface_defs.h>
#else
static void __sanitizer_start_switch_fiber(void**, const void*, size_t) {}
static void __sanitizer_finish_switch_fiber(void*, const void**, size_t*) {}
#endif

namespace sim {

namespace {

constexpr size_t kStack = 256 * 1024;
/// No test of a driver whose waits are bounded takes as long.
constexpr u64 kMostTime = 3600 * kSecond;

struct Task {
	std::string name;
	std::function<void()> body;
	ucontext_t context;
	void* stack = nullptr;
	void* fake_stack = nullptr;
	std::function<bool()> met;  // none: it can run
	u64 deadline = kNever;
	const char* why = "";
	bool ended = false;
};

struct Event {
	u64 at, order;
	std::function<void()> run;
};

u64 clock_ns = 0;
u64 orders = 0;
std::deque<std::unique_ptr<Task>> tasks;
std::vector<Event> events;
Task* current = nullptr;
ucontext_t scheduler;
void* scheduler_fake = nullptr;
const void* scheduler_stack = nullptr;
size_t scheduler_size = 0;
u32 atomic_depth = 0;
bool shuffled = false;
std::mt19937 random_source;

bool later(const Event& a, const Event& b) { return a.at != b.at ? a.at > b.at : a.order > b.order; }

void entry()
{
	__sanitizer_finish_switch_fiber(nullptr, &scheduler_stack, &scheduler_size);
	Task* task = current;
	task->body();
	task->ended = true;
	__sanitizer_start_switch_fiber(nullptr, scheduler_stack, scheduler_size);
	setcontext(&scheduler);
}

void enter(Task& task)
{
	current = &task;
	__sanitizer_start_switch_fiber(&scheduler_fake, task.stack, kStack);
	swapcontext(&scheduler, &task.context);
	__sanitizer_finish_switch_fiber(scheduler_fake, nullptr, nullptr);
	current = nullptr;
}

void leave()
{
	Task* task = current;
	__sanitizer_start_switch_fiber(&task->fake_stack, scheduler_stack, scheduler_size);
	swapcontext(&task->context, &scheduler);
	__sanitizer_finish_switch_fiber(task->fake_stack, &scheduler_stack, &scheduler_size);
}

void run_due_events()
{
	while (!events.empty() && events.front().at <= clock_ns) {
		std::pop_heap(events.begin(), events.end(), later);
		Event event = std::move(events.back());
		events.pop_back();
		enter_atomic();
		event.run();
		leave_atomic();
	}
}

bool can_run(Task& task)
{
	if (!task.met)
		return true;
	return task.deadline <= clock_ns || task.met();
}

Task* choose()
{
	std::vector<Task*> ready;
	for (auto& task : tasks) {
		if (can_run(*task))
			ready.push_back(task.get());
	}
	if (ready.empty())
		return nullptr;
	return shuffled ? ready[random_source() % ready.size()] : ready.front();
}

void forget(Task& task)
{
	std::free(task.stack);
	std::erase_if(tasks, [&](const auto& kept) { return kept.get() == &task; });
}

/// One step; false if nothing will ever happen, or not before `until`.
bool step(u64 until)
{
	run_due_events();
	if (Task* task = choose()) {
		// The next to be chosen are others, if they can run.
		auto found = std::find_if(tasks.begin(), tasks.end(), [&](auto& t) { return t.get() == task; });
		auto kept = std::move(*found);
		tasks.erase(found);
		tasks.push_back(std::move(kept));
		task->met = nullptr;
		enter(*task);
		if (task->ended)
			forget(*task);
		return true;
	}
	u64 next = events.empty() ? kNever : events.front().at;
	for (auto& task : tasks)
		next = std::min(next, task->deadline);
	if (next == kNever || next > until)
		return false;
	clock_ns = std::max(clock_ns, next);
	return true;
}

void who_waits()
{
	for (auto& task : tasks)
		std::fprintf(stderr, "  %s waits: %s\n", task->name.c_str(), task->why);
	const auto& log = machine().log;
	for (size_t i = log.size() > 30 ? log.size() - 30 : 0; i < log.size(); ++i)
		std::fprintf(stderr, "  log: %s", log[i].c_str());
}

}  // namespace

void panic(const std::string& why)
{
	fail(why);
	std::fprintf(stderr, "at %.6f s: %s\n", double(clock_ns) / 1e9, why.c_str());
	who_waits();
	std::abort();
}

u64 now() { return clock_ns; }

void compute(u64 ns)
{
	clock_ns += ns;
	if (atomic_depth != 0)
		return;
	run_due_events();
	if (shuffled && current != nullptr && random_source() % 4 == 0)
		wait_until("preempted", [] { return true; });
}

void at(u64 ns, std::function<void()> run)
{
	events.push_back({.at = std::max(ns, clock_ns), .order = orders++, .run = std::move(run)});
	std::push_heap(events.begin(), events.end(), later);
}

void spawn(const std::string& name, std::function<void()> body)
{
	auto task = std::make_unique<Task>();
	task->name = name;
	task->body = std::move(body);
	task->stack = std::aligned_alloc(16, kStack);
	getcontext(&task->context);
	task->context.uc_stack.ss_sp = task->stack;
	task->context.uc_stack.ss_size = kStack;
	task->context.uc_link = nullptr;
	makecontext(&task->context, &entry, 0);
	tasks.push_back(std::move(task));
}

void run(std::function<void()> body)
{
	if (current != nullptr)
		return body();
	auto ended = std::make_shared<bool>(false);
	spawn("test", [body = std::move(body), ended] {
		body();
		*ended = true;
	});
	const u64 start = clock_ns;
	while (!*ended) {
		if (!step(kNever))
			panic("everybody waits, for ever");
		if (clock_ns > start + kMostTime)
			panic("it takes for ever");
	}
}

void run_for(u64 ns)
{
	const u64 until = clock_ns + ns;
	while (step(until)) {
	}
	clock_ns = std::max(clock_ns, until);
}

bool wait_until(const char* why, std::function<bool()> met, u64 deadline)
{
	if (current == nullptr)
		panic(std::string("outside of a task: ") + why);
	might_sleep(why);
	current->why = why;
	current->deadline = deadline;
	current->met = met;
	leave();
	current->deadline = kNever;
	return met();
}

void enter_atomic() { ++atomic_depth; }
void leave_atomic()
{
	if (atomic_depth-- == 0)
		panic("unlocked more often than locked");
}
bool is_atomic() { return atomic_depth != 0; }
bool in_task() { return current != nullptr; }

void might_sleep(const char* what)
{
	if (atomic_depth != 0)
		panic(std::string("sleeping in atomic context: ") + what);
}

u32 tasks_alive() { return u32(tasks.size()); }
void forget_events() { events.clear(); }

void shuffle(u32 seed)
{
	shuffled = seed != 0;
	random_source.seed(seed);
}

}  // namespace sim
