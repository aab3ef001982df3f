#include "tools/trigger/loop_private.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

static int64_t now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (int64_t)time.tv_sec * TRIGGER_SECOND + time.tv_nsec / 1000000;
}

/* ---- Ends ---- */

static void stop(struct trigger *trigger)
{
	trigger->stopping = true;
	trigger->kill_at = trigger->now + trigger->options->grace;
	trigger_reader_close(&trigger->reader);
}

void trigger_give_up(struct trigger *trigger)
{
	trigger->status = EXIT_FAILED;
	if (!trigger->stopping)
		stop(trigger);
}

/* The first one lets commands end, the second one does not. */
static void take_signal(struct trigger *trigger, int number)
{
	unsigned running = trigger_dispatch_running(trigger);

	if (number == SIGCHLD)
		return;
	if (trigger->stopping) {
		trigger->kill_at = trigger->now;
		return;
	}
	stop(trigger);
	if (running)
		command_failed("%s: stopping: %u command%s may run for %g s more", strsignal(number), running,
			running == 1 ? "" : "s", (double)trigger->options->grace / TRIGGER_SECOND);
}

static void take_signals(struct trigger *trigger)
{
	struct signalfd_siginfo info;

	while (read(trigger->signals, &info, sizeof info) == sizeof info)
		take_signal(trigger, (int)info.ssi_signo);
}

bool trigger_goes_on(struct trigger *trigger)
{
	take_signals(trigger);
	return !trigger->stopping;
}

int trigger_loop_signals(void)
{
	static const int ends[] = {SIGTERM, SIGINT, SIGHUP};
	struct sigaction action;
	sigset_t set;

	signal(SIGPIPE, SIG_IGN);
	signal(SIGCHLD, SIG_DFL);
	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	for (size_t i = 0; i < sizeof ends / sizeof *ends; i++)
		if (!sigaction(ends[i], NULL, &action) && action.sa_handler != SIG_IGN)
			sigaddset(&set, ends[i]);
	sigprocmask(SIG_BLOCK, &set, NULL);
	return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

/* ---- The checkpoint ---- */

static void save(struct trigger *trigger)
{
	if (!trigger->moved || trigger->now < trigger->save_at)
		return;
	/* Records that nobody wants alone move it every second. */
	trigger->save_at = trigger->now + TRIGGER_SECOND;
	trigger->unsaved =
		!trigger_checkpoint_write(trigger->checkpoint, trigger->table.id, &trigger->backlog.reached);
	trigger->moved = trigger->unsaved;
}

/* ---- The loop ---- */

static int64_t earliest(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

static void wait_until(struct trigger *trigger, int64_t due)
{
	struct pollfd files[] = {{.fd = trigger->signals, .events = POLLIN},
		{.fd = trigger_intake_waits(trigger), .events = POLLIN}};
	int64_t left = due - trigger->now;
	int timeout = due == INT64_MAX ? -1 : left < 0 ? 0 : left > INT32_MAX ? INT32_MAX : (int)left;

	int ready = poll(files, 2, timeout);

	trigger->now = now(); /* a grace begins with its signal, not with the wait for it */
	if (ready > 0 && files[0].revents)
		take_signals(trigger);
}

static int64_t next_due(const struct trigger *trigger)
{
	int64_t due = earliest(trigger_intake_due(trigger), trigger_dispatch_due(trigger));

	if (trigger->moved)
		due = earliest(due, trigger->save_at);
	if (trigger->stopping && !trigger->killed)
		due = earliest(due, trigger->kill_at);
	return due;
}

static bool is_over(struct trigger *trigger)
{
	if (trigger_dispatch_running(trigger))
		return false;
	if (trigger->stopping)
		return true;
	return trigger->drained && !trigger->backlog.first && !trigger->moved &&
	       !trigger_intake_renew(trigger);
}

static void run(struct trigger *trigger)
{
	while (!is_over(trigger)) {
		wait_until(trigger, next_due(trigger));
		trigger_dispatch_reap(trigger);
		save(trigger);
		trigger_intake_read(trigger);
		save(trigger);
		trigger_dispatch_start(trigger);
		if (trigger->stopping && trigger->now >= trigger->kill_at && !trigger->killed)
			trigger_dispatch_kill(trigger);
	}
	trigger->save_at = trigger->now;
	save(trigger);
	if (trigger->unsaved)
		trigger->status = EXIT_FAILED;
}

/* Nothing overtakes what an earlier trigger, killed, has begun. False: a signal came before. */
static bool wait_for_commands(struct trigger *trigger)
{
	enum { PAUSE = 100 };
	bool told = false;

	while (!trigger->stopping && trigger_checkpoint_is_guarded(trigger->checkpoint)) {
		if (!told)
			command_failed("%s: commands of an earlier trigger still run: waiting for them",
				trigger_checkpoint_path(trigger->checkpoint));
		told = true;
		wait_until(trigger, trigger->now + PAUSE);
	}
	return !trigger->stopping;
}

static void work(struct trigger *trigger)
{
	if (!wait_for_commands(trigger))
		return;
	if (trigger_intake_begin(trigger))
		run(trigger);
	else if (!trigger->stopping)
		trigger->status = EXIT_FAILED;
}

int trigger_loop_run(
	const struct trigger_options *options, struct trigger_checkpoint *checkpoint, int signals)
{
	struct trigger trigger = {.options = options,
		.checkpoint = checkpoint,
		.signals = signals,
		.lane_rules = {.batch = options->batch,
			.window = options->window,
			.backoff = options->backoff,
			.retries = options->dead_letter ? options->retries : TRIGGER_NEVER_GIVE_UP},
		.now = now()};

	ddb_buffer_init(&trigger.text, TRIGGER_LINE_MAX + TRIGGER_EVENT_MAX);
	trigger.lanes = calloc(options->parallel, sizeof *trigger.lanes);
	if (!trigger_reader_init(&trigger.reader, options->mountpoint, options->table) || !trigger.lanes)
		trigger.status = command_failed("no memory");
	else
		work(&trigger);
	trigger_backlog_done(&trigger.backlog);
	trigger_reader_done(&trigger.reader);
	ddb_buffer_done(&trigger.text);
	free(trigger.lanes);
	return trigger.status;
}
