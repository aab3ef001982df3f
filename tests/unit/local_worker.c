/*
 * The threads of an engine: none without work, none that misses a call, and an end that waits for nothing.
 */
#include "engine/local/worker.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <semaphore.h>

/* What these threads work for. */
struct local_engine {
	struct local_worker worker;
	sem_t begun, step; /* a round was begun; it may end */
	unsigned rounds;   /* atomic */
	unsigned ends;     /* of the work */
	bool signals;      /* one could be the thread's */
	bool early;        /* a rest has ended before its time */
};

static unsigned rounds_of(const struct local_engine *engine)
{
	return __atomic_load_n(&engine->rounds, __ATOMIC_SEQ_CST);
}

static void begin_round(struct local_engine *engine)
{
	__atomic_add_fetch(&engine->rounds, 1, __ATOMIC_SEQ_CST);
	sem_post(&engine->begun);
	sem_wait(&engine->step);
}

static void work_when_woken(struct local_engine *engine)
{
	sigset_t blocked;
	pthread_sigmask(SIG_SETMASK, NULL, &blocked);
	engine->signals = !sigismember(&blocked, SIGTERM) || !sigismember(&blocked, SIGINT);
	do
		begin_round(engine);
	while (local_worker_sleep(&engine->worker, INT64_MAX));
	engine->ends++;
}

/* It is called before it rests: it rests all the same, and then goes on at once. */
static void rest_after_work(struct local_engine *engine)
{
	int64_t until;
	do {
		sem_post(&engine->begun);
		until = local_ticks() + LOCAL_TICKS_MS;
		local_worker_wake(&engine->worker);
		if (!local_worker_rest(&engine->worker, until))
			break;
		engine->early |= local_ticks() < until;
	} while (local_worker_sleep(&engine->worker, INT64_MAX));
	engine->ends++;
}

static void rest_for_ever(struct local_engine *engine)
{
	sem_post(&engine->begun);
	while (local_worker_rest(&engine->worker, INT64_MAX))
		;
	engine->ends++;
}

static void work_by_the_clock(struct local_engine *engine)
{
	int64_t until;
	do {
		sem_post(&engine->begun);
		until = local_ticks() + LOCAL_TICKS_MS;
	} while (local_worker_sleep(&engine->worker, until) && local_ticks() >= until);
	engine->ends++;
}

static void begin(struct local_engine *engine, local_work *work)
{
	*engine = (struct local_engine){.rounds = 0};
	assert_int_equal(sem_init(&engine->begun, 0, 0), 0);
	assert_int_equal(sem_init(&engine->step, 0, 0), 0);
	local_worker_init(&engine->worker, engine, work);
}

static void end(struct local_engine *engine)
{
	local_worker_done(&engine->worker);
	sem_destroy(&engine->begun);
	sem_destroy(&engine->step);
}

static void starts_with_the_first_work(void **state)
{
	(void)state;
	struct local_engine engine;
	begin(&engine, work_when_woken);
	local_worker_stop(&engine.worker); /* what has not begun */
	assert_false(engine.worker.started);
	assert_int_equal(rounds_of(&engine), 0);
	sem_post(&engine.step);
	assert_true(local_worker_wake(&engine.worker));
	sem_wait(&engine.begun);
	local_worker_stop(&engine.worker);
	assert_false(engine.worker.started);
	assert_false(engine.signals);
	assert_int_equal(engine.ends, 1);
	sem_post(&engine.step);
	assert_true(local_worker_wake(&engine.worker)); /* and again */
	sem_wait(&engine.begun);
	end(&engine);
	assert_int_equal(engine.ends, 2);
}

static void hears_what_comes_while_it_works(void **state)
{
	(void)state;
	struct local_engine engine;
	begin(&engine, work_when_woken);
	local_worker_wake(&engine.worker);
	for (unsigned i = 0; i < 1000; i++) {
		sem_wait(&engine.begun);
		local_worker_wake(&engine.worker); /* twice is once */
		local_worker_wake(&engine.worker);
		sem_post(&engine.step);
	}
	sem_wait(&engine.begun);
	sem_post(&engine.step);
	end(&engine);
	assert_int_equal(rounds_of(&engine), 1001);
}

static void rests_when_called(void **state)
{
	(void)state;
	struct local_engine engine;
	begin(&engine, rest_after_work);
	local_worker_wake(&engine.worker);
	for (unsigned i = 0; i < 20; i++)
		sem_wait(&engine.begun);
	end(&engine);
	assert_false(engine.early);
	assert_int_equal(engine.ends, 1);
}

static void ends_a_rest(void **state)
{
	(void)state;
	struct local_engine engine;
	begin(&engine, rest_for_ever);
	local_worker_wake(&engine.worker);
	sem_wait(&engine.begun);
	end(&engine);
	assert_int_equal(engine.ends, 1);
}

static void wakes_by_itself(void **state)
{
	(void)state;
	struct local_engine engine;
	begin(&engine, work_by_the_clock);
	local_worker_wake(&engine.worker);
	for (unsigned i = 0; i < 5; i++)
		sem_wait(&engine.begun);
	local_worker_stop(&engine.worker);
	assert_int_equal(engine.ends, 1);
	end(&engine);
}

static void stays_where_it_is_held(void **state)
{
	(void)state;
	struct local_engine engine;
	begin(&engine, work_when_woken);
	engine.worker.stopping = true;
	assert_false(local_worker_wake(&engine.worker));
	assert_true(local_worker_stopping(&engine.worker));
	assert_false(engine.worker.started);
	end(&engine);
	assert_int_equal(rounds_of(&engine), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(starts_with_the_first_work),
		cmocka_unit_test(hears_what_comes_while_it_works),
		cmocka_unit_test(rests_when_called),
		cmocka_unit_test(ends_a_rest),
		cmocka_unit_test(wakes_by_itself),
		cmocka_unit_test(stays_where_it_is_held),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
